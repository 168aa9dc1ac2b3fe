# Two commands do everything: `make demo` and `make test`. Both make the environment in .venv first.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PYTHON ?= >=3.11,<3.13
# One thread a process for tests: spinning threads slow each other down many times over on a busy machine.
TEST_ENV := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
# Processes that test side by side. A file's tests stay in one of them, so what they share is made once.
TEST_WORKERS ?= 2
SIDE_BY_SIDE := --numprocesses $(TEST_WORKERS) --dist loadfile

.PHONY: demo test test-minimum fuzz lint env docs lock lock-minimum clean

env: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@export PATH="$$HOME/.local/bin:$$PATH"; command -v uv >/dev/null \
	 || python3 -m pip install --quiet --user uv 2>/dev/null \
	 || python3 -m pip install --quiet --user --break-system-packages uv \
	 || { echo "uv could not be installed with pip; on Debian and Ubuntu: sudo apt install python3-pip"; exit 1; }
	@export PATH="$$HOME/.local/bin:$$PATH"; \
	 [ -x $(PY) ] || uv venv --quiet --python '$(PYTHON)' $(VENV); \
	 uv pip install --quiet --compile-bytecode --require-hashes --python $(PY) -r requirements.lock && \
	 uv pip install --quiet --no-deps --python $(PY) --editable .
	@touch $(STAMP)

demo: $(STAMP)
	@$(VENV)/bin/actupose demo

test: $(STAMP)
	@$(TEST_ENV) $(PY) -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term:skip-covered --cov-fail-under=85 -p no:cacheprovider

# The oldest versions that pyproject.toml allows, in an environment of their own, under what touches other libraries. Left out:
# the renderer (NumPy and torch alone); trainings, processes and kills, which cost most and of which `commands`, `methods` and
# `test_cli.py` hold enough (tests/synth, the rest of tests/integration, and the files below); Ray and gradio, whose extras are
# not in the lock.
MINIMUM := .venv-minimum
MINIMUM_EXTRAS := video dlc sleap export supervision remote
MINIMUM_TESTS := $(addprefix tests/,codecs commands curriculum data deploy engine geometry integration/test_cli.py losses \
  methods metrics models report skeletons views)
MINIMUM_LEFT_OUT := $(addprefix --ignore=tests/,commands/test_demo.py data/test_build.py data/test_cluster.py)
$(MINIMUM)/.installed: requirements-minimum.lock $(STAMP)
	@export PATH="$$HOME/.local/bin:$$PATH"; \
	 uv venv --quiet --clear --python 3.11 $(MINIMUM) 2>/dev/null \
	 || { echo "no Python 3.11 here: the oldest versions are tried on another that is allowed"; \
	      uv venv --quiet --clear --python '$(PYTHON)' $(MINIMUM); } && \
	 uv pip install --quiet --require-hashes --python $(MINIMUM)/bin/python -r requirements-minimum.lock && \
	 uv pip install --quiet --no-deps --python $(MINIMUM)/bin/python --editable .
	@touch $@

test-minimum: $(MINIMUM)/.installed
	@$(TEST_ENV) $(MINIMUM)/bin/python -m pytest $(SIDE_BY_SIDE) -p no:cacheprovider -W ignore::DeprecationWarning \
	  $(MINIMUM_LEFT_OUT) $(MINIMUM_TESTS)

FUZZ_SECONDS ?= 60
fuzz: $(STAMP)
	@$(TEST_ENV) $(PY) tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

lint: $(STAMP)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(PY) -m pytest -p no:cacheprovider tests/test_layers.py

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

lock:
	uv pip compile pyproject.toml --all-extras --group test --group lint --group docs --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

lock-minimum:
	uv pip compile pyproject.toml $(foreach e,$(MINIMUM_EXTRAS),--extra $(e)) --group test --python-version 3.11 \
	  --resolution lowest-direct --generate-hashes --no-emit-index-url --no-header --output-file requirements-minimum.lock

clean:
	rm -rf $(VENV) $(MINIMUM) site .coverage .coverage.*

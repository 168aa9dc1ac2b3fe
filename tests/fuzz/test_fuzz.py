"""Damaged files of every kind, a few in each run: what they say, or one clear line; never a traceback or a crash."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, mutate

FOUND = Path(__file__).parent / "found"
QUICK, SLOW = 40, 5


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole file of each target."""
    folders = {name: tmp_path_factory.mktemp("fuzz") for name in TARGETS}
    return {name: TARGETS[name].make(folder) for name, folder in folders.items()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_told(name: str, examples: dict[str, Path]) -> None:
    target, file = TARGETS[name], examples[name]
    whole = file.read_bytes()

    # The same examples in every run; `make fuzz` looks for new ones.
    most = SLOW if target.slow else QUICK

    @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(seed=st.integers(0, 2**32 - 1))
    def damaged(seed: int) -> None:
        target.attempt(file, mutate(whole, np.random.default_rng(seed)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert target.attempt(file, whole), "the example itself is not taken"
        damaged()


@pytest.mark.parametrize("found", sorted(FOUND.glob("*")), ids=lambda path: path.name)
def test_what_fuzzing_found_before(found: Path, examples: dict[str, Path]) -> None:
    """`found/TARGET--WHAT` is a file that once did worse than an error of one line."""
    name = found.name.split("--")[0].replace("_", " ")
    TARGETS[name].attempt(examples[name], found.read_bytes())

"""Training on a streamed target: from a URL as from a folder, through a kill as unbroken; stores are fetched once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from integration.runs import differing, fit, fit_args, run, run_and_stop, weights
from tiny_stores import Stores

STREAM = ["--data.stream.enabled", "true", "--data.stream.shards", 2, "--trainer.max_epochs", 3]
URL = ["--data.target", "memory://far/target"]


@pytest.fixture
def asked(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each file of the stores' uploads is asked for."""
    monkeypatch.setenv("ACTUPOSE_CACHE", str(tmp_path / "cache"))
    memory, count = fsspec.filesystem("memory"), Counter[str]()
    memory.put(str(stores.source), "/far/source", recursive=True)
    memory.put(str(stores.target), "/far/target", recursive=True)
    for name in ("cat_file", "get_file"):
        kept = getattr(MemoryFileSystem, name)

        def counted(self: Any, path: str, *args: Any, _kept: Any = kept, **options: Any) -> Any:
            count[self._strip_protocol(path)] += 1
            return _kept(self, path, *args, **options)

        monkeypatch.setattr(MemoryFileSystem, name, counted)
    yield count
    memory.rm("/far", recursive=True)


@pytest.fixture(scope="module")
def unbroken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("streamed") / "run"
    fit("udape", stores, out, *STREAM)
    return out


def test_a_url_trains_as_a_folder_and_is_asked_once(
    stores: Stores, unbroken: Path, tmp_path: Path, asked: Counter[str]
) -> None:
    far = fit("udape", stores, tmp_path / "run", *STREAM, *URL, "--data.source", "memory://far/source")
    assert differing(far, weights(unbroken)) == []
    assert {name for name in asked if name.startswith("/far/target/shards")}
    assert {name: times for name, times in asked.items() if times != 1} == {}


def test_killed_and_resumed_equals_unbroken(
    stores: Stores, unbroken: Path, tmp_path: Path, asked: Counter[str]
) -> None:
    out = tmp_path / "run"
    args = fit_args("udape", stores, out, *STREAM, *URL, "--data.loader.num_workers", 1)
    assert run_and_stop(args, 2, 1) == -signal.SIGKILL
    assert run(args) == 0
    assert differing(weights(out), weights(unbroken)) == []
    assert asked


def test_the_stream_has_an_order_of_its_own(stores: Stores, unbroken: Path, tmp_path: Path) -> None:
    plain = fit("udape", stores, tmp_path / "run", "--trainer.max_epochs", 3)
    assert differing(plain, weights(unbroken)) != []


def test_streaming_needs_a_target(stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fit_args("oracle", stores, tmp_path / "run", *STREAM, "--data.oracle", "true")) == 2
    assert "data.stream is for a target without labels" in capsys.readouterr().err

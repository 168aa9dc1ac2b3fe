"""Stores at URLs: copied once, whole, and told apart; what cannot be read is one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from actupose.commands import inspect
from actupose.data.build import build_store
from actupose.data.remote import as_url
from actupose.data.store import StoreMeta, open_store, read_meta
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows

URL = "memory://bucket/store"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local store, and its upload to the memory file system."""
    monkeypatch.setenv("ACTUPOSE_CACHE", str(tmp_path / "cache"))
    build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake", {"seed": 5}), 7, Rows(), shard_size=3)
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "s"), "/bucket/store", recursive=True)
    yield tmp_path / "s"
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (Path("s3://bucket/a/b"), "s3://bucket/a/b"),
        ("hf://datasets/me/poses", "hf://datasets/me/poses"),
        (Path("memory://a"), "memory://a"),
        (Path("file:///data/store"), "file:///data/store"),
        ("data/store", None),
        (Path("/data/store"), None),
        ("C:/data", None),
    ],
)
def test_what_is_a_url(path: str | Path, url: str | None) -> None:
    assert as_url(path) == url


@pytest.mark.parametrize("form", [str, Path])
def test_a_remote_store_has_the_rows_of_the_local_one(store: Path, form: type) -> None:
    for url in (URL, f"file://{store}"):
        opened = open_store(form(url))
        assert opened.rows[:] == open_store(store).rows[:]
        assert read_meta(form(url)) == read_meta(store)


@pytest.mark.usefixtures("store")
def test_shards_are_downloaded_once_and_a_cut_one_again() -> None:
    shard = open_store(URL).path / "shards" / "00001.arrow"
    stamp = shard.stat().st_mtime_ns
    open_store(URL)
    assert shard.stat().st_mtime_ns == stamp
    shard.write_bytes(shard.read_bytes()[:100])
    assert len(open_store(URL)) == 7
    assert not list(shard.parent.glob("*.tmp*"))


@pytest.mark.usefixtures("store")
def test_a_store_made_anew_is_not_mixed_with_the_old_copy(tmp_path: Path) -> None:
    old = open_store(URL)
    build_store(tmp_path / "t", StoreMeta(load_skeleton("lsp14"), 32, "fake", {"seed": 6}), 4, Rows(), shard_size=3)
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    fsspec.filesystem("memory").put(str(tmp_path / "t"), "/bucket/store", recursive=True)
    assert len(open_store(URL)) == 4
    assert len(old) == len(open_store(old.path)) == 7


@pytest.mark.usefixtures("store")
def test_inspect_reads_a_url(capsys: pytest.CaptureFixture[str]) -> None:
    inspect.run([URL])
    assert "7 samples" in capsys.readouterr().out


@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"memory://bucket/other: no such store"):
        open_store("memory://bucket/other")
    with pytest.raises(UserError, match=r"'nowhere://' is no file system"):
        open_store("nowhere://bucket/store")
    fsspec.filesystem("memory").rm("/bucket/store/shards/00001.arrow")
    with pytest.raises(UserError, match=r"store/shards/00001.arrow: is missing"):
        open_store(URL)


@pytest.mark.usefixtures("store")
def test_a_broken_shard_is_named() -> None:
    fsspec.filesystem("memory").pipe_file("/bucket/store/shards/00002.arrow", b"not arrow at all")
    with pytest.raises(UserError, match=r"00002.arrow: shard is missing or broken"):
        open_store(URL)

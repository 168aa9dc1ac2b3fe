"""Records in a file: the same as in memory, in little memory, mapped by other processes, and gone afterwards."""

from __future__ import annotations

import errno
import gc
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from actupose.data import record_file
from actupose.data.frames import PackedImage, VideoFrame
from actupose.data.prepare import prepare, records_fingerprint
from actupose.data.readers import read
from actupose.data.record_file import RecordFile, packed
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import write_coco, write_lspet


def made(count: int) -> Iterator[PoseRecord]:
    """Records of every kind of image, with and without each part."""
    kinds: list[Callable[[int], Any]] = [
        lambda i: Path("folder") / f"{i}.jpg",
        lambda i: bytes([i % 256]) * 3,
        lambda i: VideoFrame(Path("a.mp4"), i),
        lambda i: PackedImage(Path("a.slp"), "video0/video", i),
    ]
    rng = np.random.default_rng(0)
    for i in range(count):
        points = rng.normal(size=(14, 2)).astype(np.float32)
        labels = (points, rng.integers(0, 3, 14).astype(np.uint8)) if i % 3 else (None, None)
        box = (float(points[0, 0]), -0.5, 7.25, 1 / 3) if i % 2 else None
        yield PoseRecord(kinds[i % 4](i), f"näme {i}", box, *labels, archetype="sit" * (i % 2), flip=i % 5 == 0)


def plain(record: PoseRecord) -> tuple[Any, ...]:
    return tuple(v.tolist() if isinstance(v, np.ndarray) else v for v in (record.image, *astuple(record)[1:]))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_file, "MEMORY_RECORDS", 5)
    monkeypatch.setattr(record_file, "_BATCH", 7)


@pytest.mark.usefixtures("few")
def test_a_file_holds_what_a_tuple_holds() -> None:
    wanted, held = [plain(r) for r in made(40)], packed(made(40))
    assert isinstance(held, RecordFile)
    assert len(held) == 40
    assert [plain(r) for r in held] == wanted
    assert [plain(held[i]) for i in (0, 6, 7, 39, -1)] == [wanted[i] for i in (0, 6, 7, 39, -1)]
    for part in (slice(3, 30), slice(7, 14), slice(35, 99), slice(4, 4), slice(0, 40, 9)):
        assert [plain(r) for r in held[part]] == wanted[part]
    with pytest.raises(IndexError):
        held[40]
    assert records_fingerprint(held) == records_fingerprint(made(40))
    assert isinstance(packed(made(5)), tuple)


@pytest.mark.usefixtures("few")
def test_other_processes_map_the_file_and_it_goes_with_its_maker() -> None:
    held = packed(made(20))
    assert isinstance(held, RecordFile)
    path = held._path
    sent = pickle.dumps(held)
    assert len(sent) < 500
    other = pickle.loads(sent)
    assert [plain(r) for r in other] == [plain(r) for r in made(20)]
    del other
    gc.collect()
    assert path.is_file()
    del held
    gc.collect()
    assert not path.exists()


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_file, "MEMORY_RECORDS", 1000)
    ours = [tracemalloc.Filter(True, file) for file in (__file__, record_file.__file__)]  # not what other threads take
    grown = []
    for count in (2_000, 22_000):
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        held = packed(made(count))
        taken = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
        grown.append(sum(part.size for part in taken) + pa.total_allocated_bytes() - before)
        tracemalloc.stop()
        assert len(held) == count
    assert (grown[1] - grown[0]) / 20_000 < 10  # bytes a record; in a tuple hundreds


@pytest.mark.parametrize("name", ["lspet", "coco"])
def test_a_store_is_the_same_from_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "raw"
    options: dict[str, Any] = {"skeleton": load_skeleton("body16")}
    if name == "lspet":
        write_lspet(root)
    else:
        write_coco(root)
    split = "all" if name == "lspet" else "val2017"
    plainly = prepare(read(name, root, split, **options), tmp_path / "a", size=32, shard_size=4)
    monkeypatch.setattr(record_file, "MEMORY_RECORDS", 1)
    found = read(name, root, split, **options)
    assert isinstance(found.records, RecordFile)
    spooled = prepare(found, tmp_path / "b", size=32, shard_size=4, workers=2)
    assert spooled.num_rows == plainly.num_rows > 1
    for file in sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "a" / file).read_bytes()


@pytest.mark.usefixtures("few")
def test_a_full_disk_is_told_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record_file, "_row", full)
    with pytest.raises(UserError, match=f"{tmp_path}: is full; free some space, or set TMPDIR"):
        packed(made(20))
    assert not list(tmp_path.iterdir())

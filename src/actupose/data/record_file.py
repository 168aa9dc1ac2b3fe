"""Millions of records in little memory: a sequence that lies in a temporary Arrow file and is read where it is used.

A reader hands its records to `packed`, which keeps few as a tuple and writes more to a file as they come. Processes
that make shards map the same file, so no copy travels to them.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actupose.data.frames import PackedImage, VideoFrame
from actupose.data.records import Image, PoseRecord
from actupose.errors import UserError
from actupose.files import is_full

MEMORY_RECORDS = 1 << 16  # held as a tuple: at most some 40 MB
_BATCH = 4096
_SCHEMA = pa.schema(
    [
        ("kind", pa.uint8()),  # place in _KINDS
        ("path", pa.string()),
        ("data", pa.binary()),
        ("dataset", pa.string()),
        ("index", pa.int64()),
        ("name", pa.string()),
        ("box", pa.list_(pa.float64())),
        ("keypoints", pa.binary()),
        ("visible", pa.binary()),
        ("archetype", pa.string()),
        ("flip", pa.bool_()),
    ]
)
_KINDS = (Path, bytes, VideoFrame, PackedImage)


def packed(records: Iterable[PoseRecord]) -> Sequence[PoseRecord]:
    """The records as a sequence that takes little memory, however many they are.

    Args:
        records: read once, in order.

    Raises:
        UserError: the folder of temporary files is full.
    """
    rest = iter(records)
    few = tuple(islice(rest, MEMORY_RECORDS + 1))
    if len(few) <= MEMORY_RECORDS:
        return few
    return _write(chain(few, rest))


class RecordFile(Sequence[PoseRecord]):
    """Records in an Arrow file; the one who wrote it removes it when it is not used any more.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        with pa.memory_map(str(self._path)) as source:
            reader = pa.ipc.open_file(source)
            self._batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self._len: int = sum(batch.num_rows for batch in self._batches)

    def __reduce__(self) -> tuple[type[RecordFile], tuple[Path]]:
        """Other processes map the same file."""
        return RecordFile, (self._path,)

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[PoseRecord]:
        for batch in self._batches:
            yield from _records(batch)

    @overload
    def __getitem__(self, at: int) -> PoseRecord: ...

    @overload
    def __getitem__(self, at: slice) -> list[PoseRecord]: ...

    def __getitem__(self, at: int | slice) -> PoseRecord | list[PoseRecord]:
        if isinstance(at, int):
            place = at + self._len if at < 0 else at
            if not 0 <= place < self._len:
                raise IndexError(at)
            batch, row = divmod(place, _BATCH)
            return next(_records(self._batches[batch].slice(row, 1)))
        start, stop, step = at.indices(self._len)
        if step != 1:
            return [self[i] for i in range(start, stop, step)]
        return list(chain.from_iterable(_records(part) for part in self._parts(start, stop)))

    def _parts(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Consecutive rows, batch by batch."""
        while start < stop:
            batch, row = divmod(start, _BATCH)
            part = self._batches[batch].slice(row, min(stop - start, _BATCH - row))
            yield part
            start += part.num_rows


def _write(records: Iterator[PoseRecord]) -> RecordFile:
    handle, name = tempfile.mkstemp(prefix="actupose-records-", suffix=".arrow")
    os.close(handle)
    path = Path(name)
    try:
        with pa.OSFile(name, "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            while rows := [_row(record) for record in islice(records, _BATCH)]:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=_SCHEMA))
        made = RecordFile(path)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and is_full(error):
            raise UserError(f"{path.parent}: is full; free some space, or set TMPDIR to another folder.") from error
        raise
    weakref.finalize(made, path.unlink, missing_ok=True)
    return made


def _row(record: PoseRecord) -> dict[str, Any]:
    image = record.image
    kind = next(i for i, known in enumerate(_KINDS) if isinstance(image, known))
    return {
        "kind": kind,
        "path": None if isinstance(image, bytes) else str(image if isinstance(image, Path) else image.path),
        "data": image if isinstance(image, bytes) else None,
        "dataset": image.dataset if isinstance(image, PackedImage) else None,
        "index": image.index if isinstance(image, VideoFrame | PackedImage) else None,
        "name": record.name,
        "box": record.box,
        "keypoints": None if record.keypoints is None else np.asarray(record.keypoints, np.float32).tobytes(),
        "visible": None if record.visible is None else np.asarray(record.visible, np.uint8).tobytes(),
        "archetype": record.archetype,
        "flip": record.flip,
    }


def _records(batch: pa.RecordBatch) -> Iterator[PoseRecord]:
    for row in batch.to_pylist():
        yield PoseRecord(
            image=_image(row),
            name=row["name"],
            box=None if row["box"] is None else tuple(row["box"]),
            keypoints=None if row["keypoints"] is None else _array(row["keypoints"], np.float32).reshape(-1, 2),
            visible=None if row["visible"] is None else _array(row["visible"], np.uint8),
            archetype=row["archetype"],
            flip=row["flip"],
        )


def _array(data: bytes, dtype: type) -> NDArray[Any]:
    return np.frombuffer(data, dtype)


def _image(row: dict[str, Any]) -> Image:
    kind = _KINDS[row["kind"]]
    if kind is bytes:
        return bytes(row["data"])
    path = Path(row["path"])
    if kind is VideoFrame:
        return VideoFrame(path, row["index"])
    return PackedImage(path, row["dataset"], row["index"]) if kind is PackedImage else path

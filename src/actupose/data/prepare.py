"""From what a reader found to a store of person crops."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actupose.data.build import ShardResult, build_store
from actupose.data.crop import ItemError, crop_record
from actupose.data.frames import FrameReader, PackedImage, VideoFrame
from actupose.data.readers.base import ReadResult
from actupose.data.records import Image, PoseRecord
from actupose.data.store import StoreMeta, StoreReport
from actupose.errors import UserError


@dataclass(frozen=True)
class CropShards:
    """Makes the shards of a store from records; unusable ones become problems.

    Attributes:
        records: all of them.
        size: side of the crops, pixels.
        expand: growth of the person box.
        num_keypoints: K.
    """

    records: Sequence[PoseRecord]
    size: int
    expand: float
    num_keypoints: int

    def __call__(self, items: range) -> ShardResult:
        """Crop the records of one shard."""
        result = ShardResult(rows=[])
        with FrameReader() as frames:
            for record in self.records[items.start : items.stop]:
                try:
                    row = crop_record(record, self.size, self.expand, num_keypoints=self.num_keypoints, frames=frames)
                    result.rows.append(row)
                except ItemError as problem:
                    result.problems.append(str(problem))
        return result


def prepare(
    found: ReadResult,
    out: str | Path,
    *,
    size: int = 256,
    expand: float = 1.5,
    workers: int = 0,
    shard_size: int = 256,
) -> StoreReport:
    """Crop the people a reader found into a store; a killed call goes on where it was when called again.

    Args:
        found: what `actupose.data.readers.read` returned.
        out: folder of the store; new, empty, or begun by the same call.
        size: side of the crops, pixels.
        expand: side of the crop over the longer side of the person box (METHOD.md section 6: 1.5).
        workers: processes; 0 = in this process, -1 = one a core.
        shard_size: records a shard.

    Returns:
        Counts and the records that were skipped, also written to ``report.json``.

    Raises:
        UserError: a setting out of range, no record, two records of one name, ``out`` holds something else, or
            more than 5 % of the records are unusable.
    """
    out = Path(out)
    if not 16 <= size <= 4096:
        raise UserError(f"size {size}: a crop must have 16 to 4096 pixels a side.")
    if not 1 <= expand <= 10:
        raise UserError(f"expand {expand}: the crop must be 1 to 10 times the person box.")
    if not found.records:
        raise UserError(f"{found.root}: split '{found.split}' holds nobody; name another split.")
    _refuse_twins(found)
    recipe = {
        "reader": found.source,
        "root": found.root.resolve().name,
        "split": found.split,
        "expand": expand,
        **found.settings,
        "records": records_fingerprint(found.records),
    }
    meta = StoreMeta(found.skeleton, size, found.source, recipe)
    maker = CropShards(found.records, size, expand, found.skeleton.num_keypoints)
    label = f"{found.source} {found.split}"
    return build_store(out, meta, len(found.records), maker, shard_size=shard_size, workers=workers, label=label)


def _refuse_twins(found: ReadResult) -> None:
    """Look at 8 bytes of each name first: the names of millions of records would take gigabytes."""
    digests = np.fromiter((_digest(record.name) for record in found.records), np.uint64, len(found.records))
    digests.sort()
    suspects = set(digests[1:][digests[1:] == digests[:-1]].tolist())
    if not suspects:
        return
    names = Counter(record.name for record in found.records if _digest(record.name) in suspects)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise UserError(f"{found.root}: {count} records are called '{name}'; give each its own name.")


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(repr(name).encode(), digest_size=8).digest())


def records_fingerprint(records: Iterable[PoseRecord]) -> str:
    """Hash of everything a crop depends on: names, boxes, labels, archetypes, and sizes of the image files."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(repr((record.name, record.box, record.archetype, _image_token(record.image))).encode())
        digest.update(b"flip" if record.flip else b"")
        for array in (record.keypoints, record.visible):
            digest.update(b"-" if array is None else array.tobytes())
    return digest.hexdigest()[:16]


def _image_token(image: Image) -> str | int:
    """Stands for an image's content: the hash of bytes, the size of a file, -1 where it is missing."""
    if isinstance(image, bytes):
        return hashlib.sha256(image).hexdigest()
    if isinstance(image, PackedImage):
        return f"{_image_token(image.path)}#{image.dataset}#{image.index}"
    if isinstance(image, VideoFrame):
        return f"{_image_token(image.path)}#{image.index}"
    try:
        return image.stat().st_size
    except OSError:
        return -1

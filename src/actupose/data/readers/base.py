"""What all readers share: their result, the checks of a user's folder, splits, and mapping to another skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton, keypoint_map
from actupose.skeletons.skeleton import near_match


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say beyond the folder and the split.

    Attributes:
        skeleton: skeleton the records should be in; None = the format's own.
        annotations: annotation file, for formats that have several.
        boxes: JSON file of person boxes, for formats without.
    """

    skeleton: Skeleton | None = None
    annotations: Path | None = None
    boxes: Path | None = None


@dataclass(frozen=True)
class ReadResult:
    """What a reader found.

    Attributes:
        records: one a person; images are named by path and not opened yet.
        skeleton: skeleton of all records.
        source: name of the reader.
        root: folder that was read.
        split: part of it that was read.
    """

    records: tuple[PoseRecord, ...]
    skeleton: Skeleton
    source: str
    root: Path
    split: str


def require_folder(path: Path, what: str, remedy: str) -> Path:
    """``path`` if it is a folder.

    Raises:
        UserError: it is missing or a file; the message holds ``what`` and ``remedy``.
    """
    if path.is_dir():
        return path
    found = "is a file, not a folder" if path.exists() else "no such folder"
    raise UserError(f"{path}: {found} ({what}); {remedy}.")


def require_file(path: Path, what: str, remedy: str) -> Path:
    """``path`` if it is a file.

    Raises:
        UserError: it is missing; the message holds ``what`` and ``remedy``.
    """
    if path.is_file():
        return path
    raise UserError(f"{path}: no such file ({what}); {remedy}.")


def choose_split(split: str, known: Sequence[str] | Mapping[str, object], root: Path) -> str:
    """``split`` if it is one of the known.

    Raises:
        UserError: it is not; the near match is named.
    """
    if split in known:
        return split
    raise UserError(f"{root}: has no split '{split}' (splits: {', '.join(known)}){near_match(split, known)}.")


def to_skeleton(result: ReadResult, skeleton: Skeleton) -> ReadResult:
    """The same records in another skeleton, keypoints matched by name; those it lacks are unlabelled.

    Raises:
        UserError: the skeletons share no keypoint name.
    """
    if skeleton == result.skeleton:
        return result
    if any(r.keypoints is not None for r in result.records):
        index = keypoint_map(result.skeleton, skeleton)
        records = tuple(_remap_record(r, index) for r in result.records)
    else:
        records = result.records
    return replace(result, records=records, skeleton=skeleton)


def _remap_record(record: PoseRecord, index: Sequence[int]) -> PoseRecord:
    if record.keypoints is None or record.visible is None:
        return record
    keypoints, visible = remap(record.keypoints, record.visible, index)
    return replace(record, keypoints=keypoints, visible=visible)


def remap(
    keypoints: NDArray[np.float32], visible: NDArray[np.uint8], index: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Reorder keypoints as `keypoint_map` says.

    Args:
        keypoints: (K, 2).
        visible: (K,).
        index: J entries: where each new keypoint stands among the K; -1 = it does not exist there.

    Returns:
        (J, 2) and (J,); a keypoint without a source is (0, 0) and unlabelled.
    """
    take = np.asarray(index)
    absent = take < 0
    points, seen = keypoints[take], visible[take]
    points[absent], seen[absent] = 0, 0
    return points, seen

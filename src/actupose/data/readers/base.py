"""What all readers share: options and result, splits, and mapping to another skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from actupose.data.record_file import packed
from actupose.data.records import Image, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton, keypoint_map
from actupose.skeletons.mapping import Renames, check_renames, mapping_text
from actupose.skeletons.skeleton import near_match

JointMap = Literal["mpii", "regda"]


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say beyond the folder and the split.

    Attributes:
        skeleton: skeleton the records should be in; None = the format's own.
        annotations: annotation file, for formats that have several.
        boxes: JSON file of person boxes, for formats without.
        frame_stride: take every n-th frame of a video; None = the format's own.
        num_frames: take at most so many frames of a video, evenly spread; None = all.
        joint_map: which joints of SURREAL count as shoulders; None = ``mpii``.
    """

    skeleton: Skeleton | None = None
    annotations: Path | None = None
    boxes: Path | None = None
    frame_stride: int | None = None
    num_frames: int | None = None
    joint_map: JointMap | None = None


@dataclass(frozen=True)
class ReadResult:
    """What a reader found.

    Attributes:
        records: one a person, millions of them in a file (`packed`); images are named by path and not opened yet.
        skeleton: skeleton of all records.
        source: name of the reader.
        root: folder that was read.
        split: part of it that was read.
        settings: the options that decided what the records are, for the store's recipe.
        notes: lines that the user should see: counts that are not the published ones, what was derived, mapped or left
            out.
    """

    records: Sequence[PoseRecord]
    skeleton: Skeleton
    source: str
    root: Path
    split: str
    settings: Mapping[str, str | int] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)


def count_note(found: int, expected: int, what: str) -> tuple[str, ...]:
    """A line for `ReadResult.notes` where a copy is not the published whole; empty where it is.

    Args:
        found: how many there are.
        expected: how many the published dataset has.
        what: what is counted.
    """
    if found == expected:
        return ()
    return (
        f"{what}: {expected:,} in the published dataset, {found:,} found (fine, if this copy is meant to be a part)",
    )


def choose_split(split: str, known: Sequence[str] | Mapping[str, object], root: Path) -> str:
    """``split`` if it is one of the known.

    Raises:
        UserError: it is not; the near match is named.
    """
    if split in known:
        return split
    raise UserError(f"{root}: has no split '{split}' (splits: {', '.join(known)}){near_match(split, known)}.")


def point_record(image: Image, name: str, points: NDArray[np.floating]) -> PoseRecord | None:
    """A record of points where NaN says unlabelled; the rest count as visible (2). None without a labelled point.

    Args:
        image: its image.
        name: its name.
        points: (K, 2) pixel indices.
    """
    labelled = np.isfinite(points).all(axis=1, keepdims=True)
    if not labelled.any():
        return None
    visible = np.where(labelled[:, 0], 2, 0).astype(np.uint8)
    return PoseRecord(image, name, None, np.where(labelled, points, 0).astype(np.float32), visible)


def derived_notes(skeleton: Skeleton) -> tuple[str, ...]:
    """A line that says what of a skeleton made on the fly was derived; none where it was all given."""
    if not skeleton.derived:
        return ()
    return (f"skeleton {skeleton.name} of {skeleton.num_keypoints} keypoints; derived {'; '.join(skeleton.derived)}",)


def to_skeleton(result: ReadResult, skeleton: Skeleton, renames: Renames | None = None) -> ReadResult:
    """The same records in another skeleton; people of whom no label is left are left out and counted in the notes.

    Args:
        result: what a reader found.
        skeleton: the wanted skeleton; keypoints that the data lack are unlabelled.
        renames: keypoint name in the data -> name in ``skeleton``, before equal names.

    Raises:
        UserError: the skeletons share no keypoint, or ``renames`` names one that does not exist.
    """
    if (skeleton.keypoints == result.skeleton.keypoints and not renames) or all(
        r.keypoints is None for r in result.records
    ):
        derived = derived_notes(result.skeleton)  # of a skeleton that is not used
        return replace(result, skeleton=skeleton, notes=tuple(n for n in result.notes if n not in derived))
    check_renames(renames or {}, (result.skeleton,))
    index = keypoint_map(result.skeleton, skeleton, renames)
    mapped = (_remap_record(r, index) for r in result.records)
    records = packed(r for r in mapped if r.keypoints is None or r.labelled)
    notes = [mapping_text(result.skeleton, skeleton, index)]
    if len(records) < len(result.records):
        notes.append(f"{len(result.records) - len(records)} records have none of these keypoints and are left out")
    return replace(result, records=records, skeleton=skeleton, notes=(*result.notes, *notes))


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

"""Rendered Handpose Dataset (Zimmermann and Brox, ICCV 2017) in its official layout, 320 x 320 pixels an image.

::

    RHD_published_v2/training/anno_training.pickle       number -> {"uv_vis": 42 x 3, "xyz": 42 x 3, "K": 3 x 3}
    RHD_published_v2/training/color/00000.png            and evaluation/ likewise; mask/ and depth/ are not read

Joints 0 to 20 are the left hand, 21 to 41 the right one: wrist, then each finger from tip to palm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.files import entry, numbers, require_file, require_folder
from actupose.data.readers.plain_pickle import load_plain_pickle
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

SPLITS = {"train": ("training",), "test": ("evaluation",), "all": ("training", "evaluation")}
# Joints of one hand in the order of hand21: from palm to tip.
ORDER = (0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17)
_NUM_JOINTS = 21
_IMAGES = {"training": 41_258, "evaluation": 2_728}
_SIDE = 320
_EXPAND, _LEAST_SIDE, _LEAST_VISIBLE, _MOST_OVERLAP = 1.5, 64, 16, 0.3


def read_rhd(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read RHD: one record a hand that is large, visible and clear of the other, by the published rules.

    A hand is taken if the square of 1.5 times its box, moved into the image, is more than 64 pixels wide, more than 16
    of its joints are visible, and the other hand's box covers less than 0.3 of the square. Right hands are mirrored,
    so all are left hands. Joints that the annotation says are not visible are hidden (1).

    Args:
        root: ``RHD_published_v2``, or the folder that holds it.
        split: ``train``, ``test`` (the authors' training and evaluation) or ``all``.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, an unknown split, or a pickle that is broken or asks for more than arrays.
    """
    choose_split(split, SPLITS, root)
    base = root / "RHD_published_v2" if (root / "RHD_published_v2").is_dir() else root
    require_folder(base, "root of RHD", "name the folder RHD_published_v2")
    records: list[PoseRecord] = []
    notes: tuple[str, ...] = ()
    for part in SPLITS[split]:
        path = base / part / f"anno_{part}.pickle"
        require_file(path, "annotations of RHD", "name the folder RHD_published_v2 of the official archive")
        annotations = load_plain_pickle(path)
        if not isinstance(annotations, dict) or not annotations:
            raise UserError(f"{path}: must be a mapping of images; take the file from the official archive again.")
        notes += count_note(len(annotations), _IMAGES[part], f"{part} images of RHD")
        for number, annotation in annotations.items():
            records += _hands(base, part, path, number, annotation)
    if not records:
        raise UserError(f"{base}: no hand of split '{split}' is large and visible enough; name another split.")
    return ReadResult(tuple(records), load_skeleton("hand21"), "rhd", root, split, {}, notes)


def _hands(base: Path, part: str, path: Path, number: object, annotation: object) -> Iterator[PoseRecord]:
    origin = f"{path}: image {number}"
    if not isinstance(number, int) or number < 0:
        raise UserError(f"{origin}: images are numbered from 0; take the file from the official archive again.")
    table = numbers(entry(annotation, "uv_vis", origin), (2 * _NUM_JOINTS, 3), f"{origin}: 'uv_vis'")
    left, right = (half[list(ORDER)] for half in (table[:_NUM_JOINTS], table[_NUM_JOINTS:]))
    image = f"{part}/color/{number:05d}.png"
    for side, hand, other in (("left", left, right), ("right", right, left)):
        seen, box = hand[:, 2] > 0, _joint_box(hand)
        if int(seen.sum()) > _LEAST_VISIBLE and _is_clear(box, _joint_box(other)):
            visible = np.where(seen, 2, 1).astype(np.uint8)
            points = hand[:, :2].astype(np.float32)
            yield PoseRecord(base / image, f"{image}#{side}", box, points, visible, flip=side == "right")


def _joint_box(hand: NDArray[np.float64]) -> Box:
    """The box of all joints, visible or not."""
    x0, y0, _ = hand.min(0)
    x1, y1, _ = hand.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def _is_clear(own: Box, other: Box) -> bool:
    """Whether a hand is large and the other one leaves most of its square free."""
    square = _square(own)
    shared = (max(square[0], other[0]), max(square[1], other[1]), min(square[2], other[2]), min(square[3], other[3]))
    return square[2] - square[0] > _LEAST_SIDE and _area(shared) / _area(square) < _MOST_OVERLAP


def _square(box: Box) -> Box:
    """The square of 1.5 times the longer side of a box, moved into the image; its ends are pixels that belong to it."""
    x0, y0, x1, y1 = box
    side = min(round(_EXPAND * max(x1 - x0, y1 - y0)), _SIDE)
    left, upper = (min(max(round((a + b) / 2 - side / 2), 0), _SIDE - side) for a, b in ((x0, x1), (y0, y1)))
    return left, upper, left + side - 1, upper + side - 1


def _area(box: Box) -> float:
    return max(box[2] - box[0] + 1, 0.0) * max(box[3] - box[1] + 1, 0.0)

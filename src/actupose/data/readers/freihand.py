"""FreiHAND (Zimmermann et al., ICCV 2019) in its official layout, 224 x 224 pixels an image.

::

    training_xyz.json, training_K.json     32,560 x (21 x 3 metres) and (3 x 3), in the camera's frame
    training/rgb/00000000.jpg              four times as many: the same hands on four backgrounds, block by block
    evaluation_xyz.json, evaluation_K.json, evaluation/rgb/     3,960 hands

The joints are in the order of hand21 (wrist, then thumb to little finger, each from palm to tip), projected by K.
All hands are right hands; they are mirrored, so they are left hands like those of RHD.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.draws import published_split
from actupose.data.readers.files import load_json, numbers, require_file, require_folder, rows
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

SPLITS = ("train", "test", "published_train", "published_test", "evaluation", "all")
_NUM_JOINTS = 21
_HANDS = {"training": 32_560, "evaluation": 3_960}
# Blocks of training/rgb (green screen, homogenised, sampled, automatic) in the order the published code lists them.
_PUBLISHED_BLOCKS = (0, 3, 2, 1)
_BLOCKS = (0, 1, 2, 3)
_TEST_SHARE = 10


def read_freihand(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read FreiHAND.

    ``test`` is the last tenth of the training hands, ``train`` the others, each with its four backgrounds (ours: no
    hand is in both). ``published_train`` and ``published_test`` are split by image at random, 3,200 for the test, so
    the same hand is in both: keep them for comparison. ``evaluation`` is the authors' own; ``all`` all training images.

    Args:
        root: folder with ``training_xyz.json``.
        split: one of these.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, an unknown split, or files that are broken or do not fit each other.
    """
    choose_split(split, SPLITS, root)
    require_folder(root, "root of FreiHAND", "name the folder that holds training_xyz.json")
    part = "evaluation" if split == "evaluation" else "training"
    hands = _hands(root, part)
    require_folder(root / part / "rgb", f"{part} images of FreiHAND", "copy them there")
    count, notes = len(hands), count_note(len(hands), _HANDS[part], f"{part} hands of FreiHAND")
    blocks = [block for block in _BLOCKS if (root / _name(part, 0, block, count)).is_file()]
    if part == "training" and blocks and len(blocks) < len(_BLOCKS):
        notes += (f"training/rgb holds {len(blocks)} of the {len(_BLOCKS)} backgrounds; the others are left out",)
    numbered = _numbers_of(split, count, blocks or list(_BLOCKS))
    if not numbered:
        raise UserError(f"{root}: split '{split}' is empty, as there are only {count} hands; use split 'all'.")
    visible = np.full(_NUM_JOINTS, 2, np.uint8)
    records = tuple(
        PoseRecord(root / (name := _name(part, i, block, count)), name, None, hands[i], visible, flip=True)
        for i, block in numbered
    )
    return ReadResult(records, load_skeleton("hand21"), "freihand", root, split, {}, notes)


def _name(part: str, hand: int, block: int, count: int) -> str:
    return f"{part}/rgb/{hand + block * count:08d}.jpg"


def _numbers_of(split: str, count: int, blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Hand and block of every image of a split; the published splits need all blocks."""
    cut = count - count // _TEST_SHARE
    spans = {"train": range(cut), "test": range(cut, count), "evaluation": range(count), "all": range(count)}
    if split in spans:
        return [(i, block) for block in ((0,) if split == "evaluation" else blocks) for i in spans[split]]
    listed = [(i, block) for block in _PUBLISHED_BLOCKS for i in range(count)]
    train, test = published_split(len(listed))
    return [listed[i] for i in (train if split == "published_train" else test)]


def _hands(root: Path, part: str) -> Sequence[NDArray[np.float32]]:
    """The joints of each hand in pixels, (21, 2)."""
    xyz_path, k_path = (root / f"{part}_{kind}.json" for kind in ("xyz", "K"))
    for path in (xyz_path, k_path):
        require_file(path, f"{part} annotations of FreiHAND", "name the folder of the official archive")
    xyz, cameras = rows(load_json(xyz_path), xyz_path), rows(load_json(k_path), k_path)
    if len(xyz) != len(cameras):
        raise UserError(
            f"{k_path}: has {len(cameras)} cameras for {len(xyz)} hands of {xyz_path.name}; copy both again."
        )
    return [
        _project(
            numbers(points, (_NUM_JOINTS, 3), f"{xyz_path}: hand {i}"),
            numbers(camera, (3, 3), f"{k_path}: hand {i}"),
            f"{xyz_path}: hand {i}",
        )
        for i, (points, camera) in enumerate(zip(xyz, cameras, strict=True))
    ]


def _project(points: NDArray[np.float64], camera: NDArray[np.float64], origin: str) -> NDArray[np.float32]:
    seen = points @ camera.T
    if (seen[:, 2] <= 0).any():
        raise UserError(f"{origin}: a joint lies behind the camera; take the file from the official archive again.")
    return (seen[:, :2] / seen[:, 2:]).astype(np.float32)

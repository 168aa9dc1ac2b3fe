"""SURREAL (Varol et al., CVPR 2017): the original release and the published crops.

The release, 320 x 240 pixels a frame::

    train/run0/01_01/01_01_c0001.mp4          also below cmu/ or data/cmu/; train, val and test
    train/run0/01_01/01_01_c0001_info.mat     joints2D (2, 24, T), the 24 joints of SMPL

The crops that were published for domain adaptation (Jiang et al., CVPR 2021)::

    train/run0.json     list of {"name": file, "keypoint2d": 24 pairs, ...}; train, val and test, run0 to run2
    train/run0/FILE

**The pictures are mirrored**: what SMPL calls left is the right side of the person one sees. So right joints are read
from SMPL's left ones, and no picture is turned. **Shoulders**: ``mpii``, as in SURREAL's own table for MPII, takes the
shoulder joints (16, 17); ``regda``, as in the published crops' code, takes the collar bones (13, 14). Coordinates are
taken as pixel indices as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.frames import VideoFrame
from actupose.data.readers.base import (
    JointMap,
    MissingDataError,
    ReadOptions,
    ReadResult,
    below,
    choose_split,
    count_note,
    require_file,
    require_folder,
)
from actupose.data.readers.draws import published_split
from actupose.data.readers.files import entry, load_json, load_mat, numbers, rows
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.skeletons import load_skeleton

SPLITS = ("train", "val", "test", "all")
CROP_SPLITS = (*SPLITS, "published_train", "published_test")
# SMPL joints in the order of body16; SMPL's left is the right of the picture.
JOINT_MAPS: dict[str, tuple[int, ...]] = {
    "mpii": (7, 4, 1, 2, 5, 8, 0, 9, 12, 15, 20, 18, 16, 17, 19, 21),
    "regda": (7, 4, 1, 2, 5, 8, 0, 9, 12, 15, 20, 18, 13, 14, 19, 21),
}
_DEFAULT_MAP: JointMap = "mpii"
_NUM_SMPL = 24
_WIDTH, _HEIGHT = 320, 240
_LEAST_INSIDE = 2  # joints; fewer make no box
_RUNS = ("run0", "run1", "run2")
_CLIPS = 67_582
_INFO = "_info.mat"


def read_surreal(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the frames of the original release; frames with fewer than two joints in the picture are left out.

    Args:
        root: folder that holds ``train/``, ``val/`` and ``test/``, at most below ``cmu/`` or ``data/cmu/``.
        split: one of these, or ``all``: every clip below the root.
        options: ``frame_stride`` (default 1) takes every n-th frame of each clip; ``joint_map``.

    Raises:
        UserError: a wrong layout or option, an unknown split, no clip, or a broken ``_info.mat``.
    """
    choose_split(split, SPLITS, root)
    index, stride = joint_index(options.joint_map), _stride(options.frame_stride)
    require_folder(root, "root of SURREAL", "name the folder that holds train/, val/ and test/")
    folder = root if split == "all" else _split_folder(root, split)
    infos = sorted(folder.rglob(f"*{_INFO}"))
    if not infos:
        raise MissingDataError(
            f"{folder}: holds no clip (looked for */*{_INFO} beside the mp4 of the same name); copy the clips there."
        )
    records: list[PoseRecord] = []
    total = 0
    with progress_bar(total=len(infos), label="read SURREAL") as bar:
        for info in infos:
            joints = _joints(info)
            total += len(range(0, len(joints), stride))
            records += _clip(info, root, joints[:, index], stride)
            bar.update(1)
    notes = count_note(len(infos), _CLIPS, "clips of SURREAL") if split == "all" else ()
    if len(records) < total:
        notes += (f"{total - len(records):,} of {total:,} frames left out: the person is outside the picture",)
    return _result(records, "surreal", root, split, options, notes, stride)


def read_surreal_crops(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the published crops.

    Args:
        root: folder that holds ``train/``, ``val/`` and ``test/``.
        split: one of these whole; ``published_train`` and ``published_test``, the parts of ``train`` and ``test`` that
            the published experiments use; ``all``.
        options: ``joint_map``.

    Raises:
        UserError: a wrong layout or option, an unknown split, or a broken JSON file.
    """
    choose_split(split, CROP_SPLITS, root)
    index = joint_index(options.joint_map)
    require_folder(root, "root of SURREAL's published crops", "name the folder that holds train/, val/ and test/")
    parts = ("train", "val", "test") if split == "all" else (split.removeprefix("published_"),)
    records = [record for part in parts for run in _RUNS for record in _crops(root, part, run, index)]
    notes: tuple[str, ...] = ()
    if split.startswith("published_"):
        train, test = published_split(len(records))
        records = [records[i] for i in (train if split == "published_train" else test)]
    if split == "published_test":
        notes = count_note(len(records), 3200, "test images of the published split")
    return _result(records, "surreal_crops", root, split, options, notes)


def joint_index(joint_map: JointMap | None) -> tuple[int, ...]:
    """SMPL joints in the order of body16.

    Raises:
        UserError: there is no such map.
    """
    return JOINT_MAPS[choose_split(joint_map or _DEFAULT_MAP, JOINT_MAPS, Path("joint_map"))]


def _stride(stride: int | None) -> int:
    if stride is not None and stride < 1:
        raise UserError(f"frame_stride {stride}: must be 1 (every frame) or more.")
    return stride or 1


def _result(
    records: list[PoseRecord],
    source: str,
    root: Path,
    split: str,
    options: ReadOptions,
    notes: tuple[str, ...],
    stride: int | None = None,
) -> ReadResult:
    settings: dict[str, str | int] = {"joint_map": options.joint_map or _DEFAULT_MAP}
    if stride is not None:
        settings["frame_stride"] = stride
    return ReadResult(tuple(records), load_skeleton("body16"), source, root, split, settings, notes)


def _split_folder(root: Path, split: str) -> Path:
    places = [root / split, root / "cmu" / split, root / "data" / "cmu" / split]
    for place in places:
        if place.is_dir():
            return place
    return require_folder(places[0], f"split '{split}' of SURREAL", "copy that part of the release there")


def _joints(info: Path) -> NDArray[np.float32]:
    """(T, 24, 2) of one clip."""
    joints = load_mat(info, "joints2D").get("joints2D")
    if joints is None:
        raise UserError(f"{info}: holds no 'joints2D'; take the file from the release again.")
    if joints.ndim == 2:  # MATLAB drops the axis of a single frame
        joints = joints[:, :, None]
    return numbers(joints, (2, _NUM_SMPL, -1), f"{info}: 'joints2D'").transpose(2, 1, 0).astype(np.float32)


def _clip(info: Path, root: Path, joints: NDArray[np.float32], stride: int) -> Iterator[PoseRecord]:
    name = info.name.removesuffix(_INFO)
    video = info.with_name(f"{name}.mp4")
    shown = (info.parent.relative_to(root) / name).as_posix()
    visible = np.full(joints.shape[1], 2, np.uint8)
    inside = ((joints >= -0.5) & (joints <= (_WIDTH - 0.5, _HEIGHT - 0.5))).all(2).sum(1)
    for i in range(0, len(joints), stride):
        if inside[i] >= _LEAST_INSIDE:
            yield PoseRecord(VideoFrame(video, i), f"{shown}#{i}", None, joints[i], visible)


def _crops(root: Path, part: str, run: str, index: tuple[int, ...]) -> Iterator[PoseRecord]:
    path = require_file(root / part / f"{run}.json", f"crops of SURREAL, {part}", f"copy {part}/{run}.json there")
    visible = np.full(len(index), 2, np.uint8)
    for i, sample in enumerate(rows(load_json(path), path)):
        origin = f"{path}: record {i}"
        name = entry(sample, "name", origin)
        image = below(root / part / run, name, origin)
        points = numbers(entry(sample, "keypoint2d", origin), (_NUM_SMPL, 2), f"{origin} ({name}): 'keypoint2d'")
        yield PoseRecord(image, f"{part}/{run}/{name}", None, points[list(index)].astype(np.float32), visible)

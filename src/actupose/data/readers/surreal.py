"""SURREAL (Varol et al., CVPR 2017) in its original release, 320 x 240 pixels a frame.

::

    train/run0/01_01/01_01_c0001.mp4          also below cmu/ or data/cmu/; train, val and test
    train/run0/01_01/01_01_c0001_info.mat     joints2D (2, 24, T), the 24 joints of SMPL

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
from actupose.data.readers.base import JointMap, ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.files import MissingDataError, load_mat, numbers, require_folder
from actupose.data.record_file import packed
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.skeletons import load_skeleton

SPLITS = ("train", "val", "test", "all")
# SMPL joints in the order of body16; SMPL's left is the right of the picture.
JOINT_MAPS: dict[str, tuple[int, ...]] = {
    "mpii": (7, 4, 1, 2, 5, 8, 0, 9, 12, 15, 20, 18, 16, 17, 19, 21),
    "regda": (7, 4, 1, 2, 5, 8, 0, 9, 12, 15, 20, 18, 13, 14, 19, 21),
}
DEFAULT_MAP: JointMap = "mpii"
NUM_SMPL = 24
_WIDTH, _HEIGHT = 320, 240
_LEAST_INSIDE = 2  # joints; fewer make no box
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
    total = 0

    def clips() -> Iterator[PoseRecord]:
        nonlocal total
        with progress_bar(total=len(infos), label="read SURREAL") as bar:
            for info in infos:
                joints = _joints(info)
                total += len(range(0, len(joints), stride))
                yield from _clip(info, root, joints[:, index], stride)
                bar.update(1)

    records = packed(clips())
    notes = count_note(len(infos), _CLIPS, "clips of SURREAL") if split == "all" else ()
    if len(records) < total:
        notes += (f"{total - len(records):,} of {total:,} frames left out: the person is outside the picture",)
    settings: dict[str, str | int] = {"joint_map": options.joint_map or DEFAULT_MAP, "frame_stride": stride}
    return ReadResult(records, load_skeleton("body16"), "surreal", root, split, settings, notes)


def joint_index(joint_map: JointMap | None) -> tuple[int, ...]:
    """SMPL joints in the order of body16.

    Raises:
        UserError: there is no such map.
    """
    return JOINT_MAPS[choose_split(joint_map or DEFAULT_MAP, JOINT_MAPS, Path("joint_map"))]


def _stride(stride: int | None) -> int:
    if stride is not None and stride < 1:
        raise UserError(f"frame_stride {stride}: must be 1 (every frame) or more.")
    return stride or 1


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
    return numbers(joints, (2, NUM_SMPL, -1), f"{info}: 'joints2D'").transpose(2, 1, 0).astype(np.float32)


def _clip(info: Path, root: Path, joints: NDArray[np.float32], stride: int) -> Iterator[PoseRecord]:
    name = info.name.removesuffix(_INFO)
    video = info.with_name(f"{name}.mp4")
    shown = (info.parent.relative_to(root) / name).as_posix()
    visible = np.full(joints.shape[1], 2, np.uint8)
    inside = ((joints >= -0.5) & (joints <= (_WIDTH - 0.5, _HEIGHT - 0.5))).all(2).sum(1)
    for i in range(0, len(joints), stride):
        if inside[i] >= _LEAST_INSIDE:
            yield PoseRecord(VideoFrame(video, i), f"{shown}#{i}", None, joints[i], visible)

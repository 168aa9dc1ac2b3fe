"""SURREAL: clips of the original release, and the published crops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from data.fakes.bodies import PERSON, mirrored, place
from data.fakes.pictures import picture
from data.fakes.video import write_video

# The 24 joints of SMPL.
SMPL = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "thorax",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head_top",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
]
WIDTH, HEIGHT = 320, 240


def smpl_joints(centre: tuple[float, float], height: float = 150.0) -> NDArray[np.float64]:
    """(24, 2) of a person facing the camera in a mirrored picture: SMPL's left stands where one sees a right."""
    return place(PERSON, [mirrored(name) for name in SMPL], height, centre)


def write_clip(folder: Path, name: str, joints: NDArray[np.float64], *, video: bool = True) -> None:
    """One clip: its mp4 and its ``_info.mat`` of joints (T, 24, 2)."""
    folder.mkdir(parents=True, exist_ok=True)
    if video:
        write_video(folder / f"{name}.mp4", len(joints), WIDTH, HEIGHT)
    info = {"sequence": name, "clipNo": 1, "gender": np.ones((len(joints), 1), np.uint8)}
    # MATLAB drops the last axis of a single frame
    savemat(folder / f"{name}_info.mat", info | {"joints2D": joints.transpose(2, 1, 0).astype(np.float32).squeeze()})


def write_surreal(root: Path, frames: int = 6) -> dict[str, NDArray[np.float64]]:
    """One clip in each split, and in the training one a clip of one frame; the joints by split."""
    made = {}
    for i, split in enumerate(("train", "val", "test")):
        joints = np.stack([smpl_joints((100 + 10 * i + 3 * t, 110)) for t in range(frames)])
        write_clip(root / split / "run0" / f"0{i}_01", f"0{i}_01_c0001", joints)
        made[split] = joints
    write_clip(root / "train" / "run1" / "07_02", "07_02_c0003", smpl_joints((150, 120))[None])
    return made


def write_surreal_crops(root: Path, count: int = 10) -> None:
    """``count`` crops in each run of each split."""
    for split in ("train", "val", "test"):
        for run in range(3):
            folder = root / split / f"run{run}"
            folder.mkdir(parents=True, exist_ok=True)
            samples = []
            for i in range(count):
                name = f"clip_{i}.jpg"
                picture(120, 120, i).save(folder / name)
                samples.append({"name": name, "keypoint2d": smpl_joints((60 + run, 60), 80.0 + i).tolist()})
            (root / split / f"run{run}.json").write_text(json.dumps(samples), encoding="utf-8")

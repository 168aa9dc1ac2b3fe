"""Human3.6M in the JSON layout of 3DMPPE."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from data.fakes.bodies import PERSON
from data.fakes.pictures import picture

SUBJECTS = (1, 5, 6, 7, 8, 9, 11)
H36M = [
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "thorax",
    "neck",
    "nose",
    "head_top",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
]
SIDE = 200
# A camera 5 m before the person, turned by 30 degrees about the way up; the world has z up, the camera y down.
_TURN = math.radians(30)
ROTATION = [
    [math.cos(_TURN), math.sin(_TURN), 0.0],
    [0.0, 0.0, -1.0],
    [-math.sin(_TURN), math.cos(_TURN), 0.0],
]
CAMERA: dict[str, Any] = {"R": ROTATION, "t": [50.0, 900.0, 5000.0], "f": [400.0, 410.0], "c": [99.0, 101.0]}


def world(frame: int) -> list[list[float]]:
    """The 17 joints, millimetres: a person of 1.7 m who faces the camera."""
    inverse = np.linalg.inv(np.array(ROTATION))
    seen = [(1700.0 * PERSON[name][0] + 10 * frame, 1700.0 * PERSON[name][1] - 900.0, 0.0) for name in H36M]
    return [(inverse @ np.array(point)).tolist() for point in seen]


def pixels(frame: int) -> dict[str, tuple[float, float]]:
    """Where each joint is seen, by hand: in front of the camera, at 5 m."""
    return {
        name: (
            400.0 * (1700.0 * PERSON[name][0] + 10 * frame + 50.0) / 5000.0 + 99.0,
            410.0 * (1700.0 * PERSON[name][1]) / 5000.0 + 101.0,
        )
        for name in H36M
    }


def write_h36m(root: Path, frames: int = 12) -> None:
    """``frames`` consecutive images of each subject; the files of images that are read exist."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for subject in SUBJECTS:
        images = []
        for i in range(frames):
            name = f"s_{subject:02d}_act_02/s_{subject:02d}_act_02_{i + 1:06d}.jpg"
            place = {"cam_idx": 1, "action_idx": 2, "subaction_idx": 1, "frame_idx": i, "action_name": "Directions"}
            images.append({"id": i, "file_name": name, "subject": subject, **place})
            if i % 5 == 0:
                (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
                picture(SIDE, SIDE, i).save(root / "images" / name)
        parts = {
            "data": {"images": images, "annotations": []},
            "camera": {"1": CAMERA},
            "joint_3d": {"2": {"1": {str(i): world(i) for i in range(frames)}}},
        }
        for kind, data in parts.items():
            path = root / "annotations" / f"Human36M_subject{subject}_{kind}.json"
            path.write_text(json.dumps(data), encoding="utf-8")

"""MPII Human Pose: the official MATLAB structures, and the usual JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from data.fakes.bodies import PERSON, place
from data.fakes.pictures import picture

_LEG, _ARM = ("ankle", "knee", "hip"), ("wrist", "elbow", "shoulder")
MPII = [
    *(f"right_{name}" for name in _LEG),
    *(f"left_{name}" for name in reversed(_LEG)),
    *("pelvis", "thorax", "neck", "head_top"),
    *(f"right_{name}" for name in _ARM),
    *(f"left_{name}" for name in reversed(_ARM)),
]
MAT = "mpii_human_pose_v1_u12_1.mat"
HIDDEN, ABSENT = "left_wrist", "right_ankle"


def structs(rows: list[dict[str, Any]]) -> NDArray[Any]:
    """A MATLAB structure array of 1 x N."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in names])
    for i, row in enumerate(rows):
        for name in names:
            array[0, i][name] = row.get(name, np.zeros((0, 0)))
    return array


def person(centre: tuple[float, float], height: float = 100.0) -> dict[str, Any]:
    """One person as MATLAB has it, counted from 1; `HIDDEN` is not visible and `ABSENT` not there."""
    places = place(PERSON, MPII, height, (centre[0] + 1, centre[1] + 1))
    points = [
        {"x": x, "y": y, "id": i, "is_visible": np.zeros((0, 0)) if name == "pelvis" else str(int(name != HIDDEN))}
        for i, (name, (x, y)) in enumerate(zip(MPII, places, strict=True))
        if name != ABSENT
    ]
    position = structs([{"x": centre[0] + 1, "y": centre[1] + 1}])
    return {"scale": height / 200, "objpos": position, "annopoints": structs([{"point": structs(points)}])}


def write_mpii(root: Path, images: int = 8) -> None:
    """Images of as many videos, two people in the first, nobody labelled in the third; the last is a test image (with
    a person, who must not be read)."""
    annolist, kinds = [], []
    (root / "images").mkdir(parents=True, exist_ok=True)
    for i in range(images):
        name = f"{i:09d}.jpg"
        picture(200, 160, i).save(root / "images" / name)
        people: list[dict[str, Any]] = [person((90 + i, 80))]
        if i == 0:
            people.append(person((130, 80), 60.0))
        if i == 2:
            people = [{"x1": 1, "scale": 1.0}]
        annolist.append(
            {
                "image": structs([{"name": name}]),
                "annorect": structs(people),
                "vidx": 10 + i,
            }
        )
        kinds.append({"cat_name": "sports" if i % 2 else np.zeros((0, 0)), "act_id": i})
    train = np.array([[1] * (images - 1) + [0]], np.uint8)
    release = structs([{"annolist": structs(annolist), "img_train": train, "act": structs(kinds), "version": "12"}])
    savemat(root / MAT, {"RELEASE": release})


def write_mpii_json(root: Path, count: int = 3) -> None:
    """``annot/train.json`` and ``annot/valid.json``, counted from 1."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "annot").mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid"):
        people = []
        for i in range(count):
            picture(200, 160, i).save(root / "images" / f"{part}{i}.jpg")
            joints = place(PERSON, MPII, 100.0, (91 + i, 81))
            seen = [int(name != ABSENT) for name in MPII]
            more = {"center": [91.0 + i, 81.0], "scale": 0.5}
            people.append({"image": f"{part}{i}.jpg", "joints": joints.tolist(), "joints_vis": seen, **more})
        (root / "annot" / f"{part}.json").write_text(json.dumps(people), encoding="utf-8")

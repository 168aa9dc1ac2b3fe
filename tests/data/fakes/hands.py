"""The three hand data sets: RHD, Hand-3D-Studio as cropped, FreiHAND."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.fakes.bodies import FINGERS, HAND, JOINTS, place
from data.fakes.pictures import picture

# RHD counts each finger from its tip; the others from the palm.
RHD = ["wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in reversed(JOINTS))]
PALM_FIRST = ["wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in JOINTS)]
_RIGHT_HAND = {name: (-x, y) for name, (x, y) in HAND.items()}


def rhd_annotation(
    left: tuple[float, float] = (80, 150),
    right: tuple[float, float] = (240, 160),
    height: float = 90.0,
    hidden: tuple[int, ...] = (),
) -> dict[str, NDArray[Any]]:
    """Two hands; the joints of ``hidden`` (0 to 41) are not visible."""
    points = np.concatenate([place(HAND, RHD, height, left), place(_RIGHT_HAND, RHD, height, right)])
    visible = np.ones((42, 1))
    visible[list(hidden)] = 0
    return {
        "uv_vis": np.hstack([points, visible]),
        "xyz": np.zeros((42, 3), np.float32),
        "K": np.eye(3, dtype=np.float32),
    }


def write_rhd(root: Path, annotations: dict[int, Any] | None = None, protocol: int = 2) -> dict[int, Any]:
    """Training and evaluation images with the same annotations."""
    if annotations is None:
        annotations = {i: rhd_annotation((80 + i, 150)) for i in range(3)}
    for part in ("training", "evaluation"):
        folder = root / "RHD_published_v2" / part
        (folder / "color").mkdir(parents=True, exist_ok=True)
        with (folder / f"anno_{part}.pickle").open("wb") as file:
            pickle.dump(annotations, file, protocol=protocol)
        for number in annotations:
            picture(320, 320, number).save(folder / "color" / f"{number:05d}.png")
    return annotations


def write_h3d(root: Path, per_part: int = 6) -> list[dict[str, Any]]:
    """Five parts; every third hand holds an object."""
    samples = []
    for part in range(1, 6):
        folder = root / "H3D_crop" / f"part{part}"
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(per_part):
            name = f"part{part}/{i:04d}.jpg"
            picture(128, 128, i).save(root / "H3D_crop" / name)
            points = place(HAND, PALM_FIRST, 70.0 + part, (60.0 + i, 62.0)).tolist()
            samples.append({"name": name, "keypoint2d": points, "without_object": int(i % 3 > 0)})
    (root / "H3D_crop" / "annotation.json").write_text(json.dumps(samples), encoding="utf-8")
    return samples


FREIHAND_K = [[480.0, 0.0, 112.0], [0.0, 470.0, 110.0], [0.0, 0.0, 1.0]]


def freihand_points(hand: int) -> list[list[float]]:
    """(21, 3) metres: a right hand of 18 cm, 70 cm before the camera."""
    return [
        [0.18 * x + 0.001 * hand, 0.18 * y, 0.7 + 0.001 * k]
        for k, (x, y) in enumerate(_RIGHT_HAND[n] for n in PALM_FIRST)
    ]


def write_freihand(root: Path, count: int = 20, blocks: int = 4) -> None:
    """``count`` training hands with their backgrounds, two evaluation hands."""
    for part, hands, images in (("training", count, count * blocks), ("evaluation", 2, 2)):
        folder = root / part / "rgb"
        folder.mkdir(parents=True, exist_ok=True)
        points = [freihand_points(i) for i in range(hands)]
        (root / f"{part}_xyz.json").write_text(json.dumps(points), encoding="utf-8")
        (root / f"{part}_K.json").write_text(json.dumps([FREIHAND_K] * hands), encoding="utf-8")
        for i in range(images):
            picture(224, 224, i).save(folder / f"{i:08d}.jpg")

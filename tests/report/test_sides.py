"""The left-right check: exchanged labels are noticed, honest ones are not blamed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from actupose.report.sides import sides_text
from actupose.skeletons import Skeleton, load_skeleton

COCO = load_skeleton("coco17")


def people(facing: NDArray[np.bool_], seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Upright people; who faces the camera shows the face and has the left on the picture's right."""
    rng = np.random.default_rng(seed)
    count = len(facing)
    points = np.zeros((count, 17, 2), np.float32)
    side = np.array([0 if n == "nose" else 1 if n.startswith("left") else -1 for n in COCO.keypoints])
    points[..., 0] = 50 + 10 * side * np.where(facing, 1, -1)[:, None] + rng.normal(0, 1, (count, 17))
    points[..., 1] = rng.uniform(0, 100, (count, 17))
    visible = np.full((count, 17), 2, np.uint8)
    visible[~facing, :3] = 1
    return points, visible


def exchanged(points: NDArray[np.float32], skeleton: Skeleton = COCO) -> NDArray[np.float32]:
    return points[:, list(skeleton.flip_index())]


def shares(text: str) -> list[float]:
    return [float(v) for v in re.findall(r"([\d.]+) %", text)]


def test_honest_labels() -> None:
    facing = np.arange(100) < 70
    text = sides_text(COCO, *people(facing))
    assert "WARNING" not in text
    assert shares(text) == pytest.approx([70, 100, 100], abs=0.5)


def test_a_whole_set_with_its_sides_exchanged() -> None:
    points, visible = people(np.arange(100) < 70)
    text = sides_text(COCO, exchanged(points), visible)
    assert "sides look exchanged" in text
    assert shares(text)[2] == pytest.approx(0, abs=0.5)


def test_single_labels_mixed_up() -> None:
    points, visible = people(np.ones(200, bool))
    rng = np.random.default_rng(1)
    for a, b in COCO.flip_pairs:
        rows = np.flatnonzero(rng.random(200) < 0.5)
        points[rows[:, None], [a, b]] = points[rows[:, None], [b, a]]
    text = sides_text(COCO, points, visible)
    # of 8 pairs at random, the larger half has 8 * (1 + C(8, 4) / 2^8) / 2 on average
    assert shares(text)[1] == pytest.approx(100 * (0.5 + 70 / 256 / 2), abs=3)


def test_unlabelled_joints_do_not_count() -> None:
    points, visible = people(np.ones(40, bool))
    a, b = COCO.flip_pairs[3]
    points[:20, [a, b]] = points[:20, [b, a]]
    visible[:20, a] = 0
    assert shares(sides_text(COCO, points, visible))[:2] == [100, 100]


def test_nothing_is_said_without_sides() -> None:
    hand = load_skeleton("hand21")
    assert sides_text(hand, np.zeros((3, 21, 2), np.float32), np.full((3, 21), 2, np.uint8)) == ""
    points, visible = people(np.ones(3, bool))
    assert sides_text(COCO, points, np.zeros_like(visible)) == ""

"""Anatomical angles of a pose: names, limits, jitter, mirror.

A pose is a flat dict `angle name -> degrees`. World axes: Z up, the body faces -Y, the subject's left is +X. Angles
that exist on both sides end in `_L` or `_R`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Pose = dict[str, float]
SIDES = ("L", "R")


class Limit(NamedTuple):
    """Range of one angle and the standard deviation of its jitter, in degrees."""

    low: float
    high: float
    jitter: float


_AXIAL = {
    "pitch": Limit(-720, 720, 3),  # whole body: forward
    "roll": Limit(-720, 720, 2),  # whole body: sideways
    "spine_flex": Limit(-45, 75, 5),
    "spine_side": Limit(-35, 35, 4),
    "spine_twist": Limit(-45, 45, 6),
    "neck_flex": Limit(-45, 45, 8),
    "neck_side": Limit(-30, 30, 5),
    "neck_twist": Limit(-65, 65, 12),
}
_PAIRED = {
    "shoulder_raise": Limit(2, 178, 7),  # 0 = hanging, 90 = horizontal
    "shoulder_plane": Limit(-50, 135, 10),  # 0 = sideways, 90 = forward
    "shoulder_twist": Limit(-70, 80, 12),  # + = internal rotation
    "elbow": Limit(2, 148, 10),
    "forearm": Limit(-75, 75, 18),  # pronation
    "wrist_flex": Limit(-60, 60, 10),
    "wrist_side": Limit(-20, 30, 5),
    "hip_flex": Limit(-30, 130, 5),
    "hip_out": Limit(-12, 80, 3),
    "hip_turn": Limit(-30, 45, 6),
    "knee": Limit(1, 148, 5),
    "ankle": Limit(-45, 28, 5),
    "curl": Limit(-5, 95, 12),  # of the fingers
}
# Limits after Kapandji and the AAOS tables, loosened for sport (ours).
LIMITS: dict[str, Limit] = _AXIAL | {f"{name}_{side}": limit for side in SIDES for name, limit in _PAIRED.items()}
_SIGNED = ("roll", "spine_side", "spine_twist", "neck_side", "neck_twist")


def set_side(pose: Pose, side: str, **angles: float) -> None:
    """Set paired angles of one side in place, e.g. `set_side(pose, "L", elbow=90)`."""
    for name, degrees in angles.items():
        pose[f"{name}_{side}"] = float(degrees)


def mirror(pose: Pose) -> Pose:
    """Return the pose seen in a mirror: left and right swap, sideways angles change sign. An involution."""
    mirrored: Pose = {}
    for name, degrees in pose.items():
        if name.endswith(("_L", "_R")):
            mirrored[name[:-1] + ("R" if name[-1] == "L" else "L")] = degrees
        else:
            mirrored[name] = -degrees if name in _SIGNED else degrees
    return {name: mirrored[name] for name in pose}


def perturb(pose: Pose, rng: np.random.Generator, scale: float = 1.0) -> Pose:
    """Add each angle's jitter, times a scale, and clip to its limits."""
    noise = rng.standard_normal(len(LIMITS))
    return {
        name: min(max(pose[name] + scale * limit.jitter * float(noise[k]), limit.low), limit.high)
        for k, (name, limit) in enumerate(LIMITS.items())
    }

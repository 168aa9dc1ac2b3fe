"""A person and a hand by joint name, in units of their height, as a camera in front of them sees them (y down)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_RIGHT = {
    "ankle": (-0.09, 0.48),
    "knee": (-0.08, 0.25),
    "hip": (-0.06, 0.02),
    "shoulder": (-0.1, -0.3),
    "collar": (-0.05, -0.33),
    "elbow": (-0.16, -0.14),
    "wrist": (-0.2, 0.01),
    "hand": (-0.21, 0.06),
    "foot": (-0.12, 0.5),
}
_MIDDLE = {
    "pelvis": (0.0, 0.0),
    "spine1": (0.0, -0.1),
    "spine2": (0.0, -0.18),
    "thorax": (0.0, -0.3),
    "neck": (0.0, -0.36),
    "nose": (0.0, -0.42),
    "head_top": (0.0, -0.5),
}
PERSON: dict[str, tuple[float, float]] = {
    **_MIDDLE,
    **{f"right_{name}": place for name, place in _RIGHT.items()},
    **{f"left_{name}": (-x, y) for name, (x, y) in _RIGHT.items()},
}
FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINTS = ("mcp", "pip", "dip", "tip")
# A left hand whose palm faces the camera, fingers up: the thumb is at the left of the picture.
HAND: dict[str, tuple[float, float]] = {
    "wrist": (0.0, 0.5),
    **{
        f"{finger}_{joint}": ((f - 2) * 0.12 * (1 + 0.2 * j), 0.1 - 0.18 * j + 0.05 * abs(f - 2))
        for f, finger in enumerate(FINGERS)
        for j, joint in enumerate(JOINTS)
    },
}


def mirrored(name: str) -> str:
    """The name of the joint on the other side."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


def place(
    body: dict[str, tuple[float, float]], names: Sequence[str], height: float, centre: tuple[float, float]
) -> NDArray[np.float64]:
    """(K, 2): the named joints of a body of that height around a centre."""
    return np.array([body[name] for name in names]) * height + np.array(centre)

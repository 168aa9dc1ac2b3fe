"""Joint sets: where the joints of a skeleton lie on the rig, and which surface may show them.

`body16` is in MPII order, `hand21` runs from the wrist over thumb to little finger, each from palm to tip. Definitions
are ours, those of the body checked against Anny's own COCO regressor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

# Joints of the two sides: the bone whose head is the joint.
_SIDE_BONES = {
    "ankle": "foot",
    "knee": "lowerleg01",
    "hip": "upperleg01",
    "wrist": "wrist",
    "elbow": "lowerarm01",
    "shoulder": "upperarm01",
}
BODY16 = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
)
# Joints of the middle: weighted mean of bone heads (the head top is a vertex).
_CENTRE_BONES = {
    "pelvis": {"upperleg01.L": 0.5, "upperleg01.R": 0.5},
    "thorax": {"neck01": 0.5, "upperarm01.L": 0.25, "upperarm01.R": 0.25},
    "neck": {"neck03": 0.5, "head": 0.5},
}

# Joint -> (bones whose skin shows it, how deep in metres under that skin its centre may lie).
_SIDE_SURFACE: dict[str, tuple[tuple[str, ...], float]] = {
    "ankle": (("lowerleg01", "lowerleg02", "foot"), 0.09),
    "knee": (("upperleg01", "upperleg02", "lowerleg01"), 0.12),
    "hip": (("pelvis", "upperleg01", "upperleg02"), 0.19),
    "wrist": (("lowerarm01", "lowerarm02", "wrist", "metacarpal", "finger"), 0.07),
    "elbow": (("upperarm01", "upperarm02", "lowerarm01", "lowerarm02"), 0.09),
    "shoulder": (("upperarm01", "upperarm02", "shoulder01", "clavicle"), 0.14),
}
_CENTRE_SURFACE: dict[str, tuple[tuple[str, ...], float]] = {
    "hip": (("root", "spine05"), 0.19),
    "shoulder": (("spine01",), 0.14),
    "pelvis": (("root", "spine05", "spine04", "pelvis", "upperleg01"), 0.22),
    "thorax": (("spine01", "spine02", "clavicle", "neck01", "shoulder01"), 0.20),
    "neck": (("neck01", "neck02", "neck03", "head", "spine01"), 0.14),
    "head_top": (("neck03", "head"), 0.10),
}
_FINGERS = ("thumb", "index", "middle", "ring", "little")
HAND21 = ("wrist", *(f"{finger}_{joint}" for finger in _FINGERS for joint in ("mcp", "pip", "dip", "tip")))
_KNUCKLE_DEPTH, _WRIST_DEPTH, _FINGER_DEPTH = 0.034, 0.035, 0.020  # metres under the skin


@dataclass(frozen=True)
class JointSurface:
    """Which surface shows each joint.

    Attributes:
        shows: (K, J) bool: the skin of the bone may show the joint.
        depth: (K,) metres: how far behind that skin the joint's centre may lie.
    """

    shows: Array
    depth: Array


class JointSet:
    """The joints of one skeleton on a rig.

    Args:
        names: Keypoint names of the skeleton, K of them.
        bones: (K, J) weights of the bone heads; a row of zeros for a joint that lies on the skin.
        skin: Row of such a joint -> vertices whose mean it is.
        surface: Which surface shows each joint.
    """

    def __init__(
        self, names: Sequence[str], bones: Array, skin: Mapping[int, Sequence[int]], surface: JointSurface
    ) -> None:
        self.names = tuple(names)
        self.surface = surface
        self._bones = bones
        self._skin = {row: torch.tensor(vertices) for row, vertices in skin.items()}

    def positions(self, bone_heads: Array, vertices: torch.Tensor) -> Array:
        """Return the joints (K, 3) of posed bone heads (J, 3) and vertices (V, 3)."""
        joints = np.einsum("kj,ja->ka", self._bones, bone_heads)
        for row, chosen in self._skin.items():
            joints[row] = vertices[chosen].numpy().astype(np.float64).mean(0)
        return np.asarray(joints)


def _split(joint: str) -> tuple[str, str]:
    """Return (kind, side) of a joint name; side is "" for joints of the middle."""
    for prefix, side in (("left_", ".L"), ("right_", ".R")):
        if joint.startswith(prefix):
            return joint.removeprefix(prefix), side
    return joint, ""


def body16(rig: Rig, head_top: int) -> JointSet:
    """The sixteen body joints.

    Args:
        rig: The rig.
        head_top: The highest vertex of the head.
    """
    weights = np.zeros((len(BODY16), len(rig.bones)))
    for row, joint in enumerate(BODY16):
        kind, side = _split(joint)
        bones = {_SIDE_BONES[kind] + side: 1.0} if side else _CENTRE_BONES.get(kind, {})
        for bone, weight in bones.items():
            weights[row, rig.index[bone]] = weight
    return JointSet(BODY16, weights, {BODY16.index("head_top"): [head_top]}, _body_surface(rig))


def _body_surface(rig: Rig) -> JointSurface:
    shows = np.zeros((len(BODY16), len(rig.bones)), dtype=bool)
    depth = np.zeros(len(BODY16))
    for row, joint in enumerate(BODY16):
        kind, side = _split(joint)
        rules = [(names, side) for names, _ in (_SIDE_SURFACE[kind],)] if side else []
        rules += [(_CENTRE_SURFACE[kind][0], "")] if kind in _CENTRE_SURFACE else []
        depth[row] = (_SIDE_SURFACE if side else _CENTRE_SURFACE)[kind][1]
        for names, suffix in rules:
            shows[row] |= [bone.startswith(names) and bone.endswith(suffix) for bone in rig.bones]
    return JointSurface(shows, depth)


def hand21(rig: Rig, side: str, tips: Sequence[Sequence[int]]) -> JointSet:
    """The 21 joints of one hand: bone heads, and fingertips on the skin.

    Args:
        rig: The rig.
        side: "L" or "R".
        tips: Vertices at the tip of each finger, thumb first.
    """
    weights = np.zeros((len(HAND21), len(rig.bones)))
    shows = np.zeros((len(HAND21), len(rig.bones)), dtype=bool)
    depth = np.full(len(HAND21), _FINGER_DEPTH)
    skin = {}

    def matching(*prefixes: str) -> list[int]:
        return [k for name, k in rig.index.items() if name.startswith(prefixes) and name.endswith(f".{side}")]

    weights[0, rig.index[f"wrist.{side}"]] = 1.0
    shows[0, matching("wrist", "lowerarm02", "metacarpal")], depth[0] = True, _WRIST_DEPTH
    for finger in range(1, 6):
        bones = [rig.index[f"finger{finger}-{joint}.{side}"] for joint in (1, 2, 3)]
        base = 4 * finger - 3
        weights[[base, base + 1, base + 2], bones] = 1.0
        skin[base + 3] = tips[finger - 1]
        shows[base, [bones[0], *matching("metacarpal", "wrist")]], depth[base] = True, _KNUCKLE_DEPTH
        shows[base + 1, bones[:2]] = True
        shows[base + 2, bones[1:]] = True
        shows[base + 3, bones[2:]] = True
    return JointSet(HAND21, weights, skin, JointSurface(shows, depth))

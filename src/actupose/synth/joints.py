"""The sixteen body joints: where they lie on the rig, and which surface may show them.

Order is Body16 of METHOD.md section 6 (MPII). Definitions are ours, checked against Anny's own COCO regressor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
HEAD_TOP = BODY16.index("head_top")

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


@dataclass(frozen=True)
class JointSurface:
    """Which surface shows each joint.

    Attributes:
        shows: (16, J) bool: the skin of the bone may show the joint.
        depth: (16,) metres: how far behind that skin the joint's centre may lie.
    """

    shows: Array
    depth: Array


def _split(joint: str) -> tuple[str, str]:
    """Return (kind, side) of a joint name; side is "" for joints of the middle."""
    for prefix, side in (("left_", ".L"), ("right_", ".R")):
        if joint.startswith(prefix):
            return joint.removeprefix(prefix), side
    return joint, ""


class Body16:
    """Joint positions and joint surfaces of a rig.

    Args:
        rig: The rig.
    """

    def __init__(self, rig: Rig) -> None:
        self._weights = np.zeros((len(BODY16), len(rig.bones)))
        for row, joint in enumerate(BODY16):
            kind, side = _split(joint)
            bones = {_SIDE_BONES[kind] + side: 1.0} if side else _CENTRE_BONES.get(kind, {})
            for bone, weight in bones.items():
                self._weights[row, rig.index[bone]] = weight
        self.surface = self._surface(rig)

    def positions(self, bone_heads: Array, head_top: Array) -> Array:
        """Return the joints (16, 3) of posed bone heads (J, 3) and the highest point of the head (3,)."""
        joints = np.einsum("kj,ja->ka", self._weights, bone_heads)
        joints[HEAD_TOP] = head_top
        return np.asarray(joints)

    @staticmethod
    def _surface(rig: Rig) -> JointSurface:
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

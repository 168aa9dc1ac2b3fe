"""The keypoints of any skeleton of a body or hand: where they lie on the posed model and which surface shows them.

Joints come from the rig (`joints.py`), face points from vertices of the head mesh. Ours.
"""

from __future__ import annotations

import numpy as np

from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.synth.body import BodyModel, PosedBody
from actupose.synth.joints import BODY16, HAND21, JointSurface
from actupose.synth.rotations import Array

# Face point -> where to look for its vertex on the reference body (metres), and how deep (metres) it may lie under the
# hair or skin that shows it.
_FACE: dict[str, tuple[tuple[float, float, float], float]] = {
    "nose": ((0.0, -0.165, 0.696), 0.03),
    "left_eye": ((0.031, -0.14, 0.736), 0.03),
    "right_eye": ((-0.031, -0.14, 0.736), 0.03),
    "left_ear": ((0.088, -0.035, 0.715), 0.045),
    "right_ear": ((-0.088, -0.035, 0.715), 0.045),
}
_FACE_BONES = ("head", "neck03", "eye")
KNOWN = {"body": (*BODY16, *_FACE), "hand": HAND21}


def require_known(skeleton: Skeleton, subject: str) -> None:
    """Refuse a skeleton with a keypoint that the renderer does not know.

    Args:
        skeleton: The skeleton.
        subject: What is rendered, a key of `KNOWN`.

    Raises:
        UserError: There is one.
    """
    unknown = [name for name in skeleton.keypoints if name not in KNOWN[subject]]
    if unknown:
        raise UserError(
            f"skeleton '{skeleton.name}': the rendered {subject} has no keypoint '{unknown[0]}'; "
            f"it has: {', '.join(KNOWN[subject])}"
        )


class KeypointSet:
    """Keypoints of one skeleton on the body model.

    Args:
        model: The body or hand.
        skeleton: Skeleton whose keypoints are wanted, matched by name; all are known (`require_known`).

    Attributes:
        surface: Which bones show which keypoint, and how deep it may lie under them.
    """

    def __init__(self, model: BodyModel, skeleton: Skeleton) -> None:
        names, joints = skeleton.keypoints, model.joints
        self._is_face = np.array([name in _FACE for name in names])
        self._joint = np.array([joints.names.index(name) for name in names if name in joints.names], dtype=np.int64)
        self._vertex = np.array([_nearest(model, _FACE[name][0]) for name in names if name in _FACE], dtype=np.int64)
        face_shows = np.array([bone.startswith(_FACE_BONES) for bone in model.rig.bones])
        shows = np.tile(face_shows, (len(names), 1))
        depth = np.array([_FACE[name][1] if name in _FACE else 0.0 for name in names])
        shows[~self._is_face] = joints.surface.shows[self._joint]
        depth[~self._is_face] = joints.surface.depth[self._joint]
        self.surface = JointSurface(shows, depth)

    def positions(self, body: PosedBody) -> Array:
        """Return the keypoints (K, 3) float64 of a posed body, world metres."""
        points = np.empty((len(self._is_face), 3))
        points[~self._is_face] = body.joints[self._joint]
        points[self._is_face] = body.vertices.numpy()[self._vertex]
        return points


def _nearest(model: BodyModel, place: tuple[float, float, float]) -> int:
    return int(np.argmin(((model.canonical - np.array(place)) ** 2).sum(1)))

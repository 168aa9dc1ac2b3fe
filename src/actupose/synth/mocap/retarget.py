"""From a recorded motion to anatomical angles of our rig.

Limbs follow the recorded directions of bones, trunk, head and feet the recorded rotations relative to the rest pose; so
neither the arms' rest pose (T or A) nor bone lengths matter. The turn about the vertical is dropped: cameras look from
anywhere. Angles are clipped to their limits one after the other from the trunk outwards; what is then left between the
recorded and the reachable direction says how far a pose lies outside the limits. Ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from actupose.synth.limits import LIMITS, SIDES
from actupose.synth.mocap.motion import Motion
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

_ROUNDS = 5  # of the fixed-point iteration of the hip
_STRAIGHT = 15.0  # degrees of bend below which a joint says little of its limb's twist
_CURL = 25.0  # degrees, of fingers, which recordings of bodies leave out
_HIP_TURN = 5.0
_SIDE = {"L": ("left", 1.0), "R": ("right", -1.0)}


@dataclass(frozen=True)
class Angles:
    """Retargeted frames.

    Attributes:
        values: (F, A) anatomical angles in degrees, in the order of `LIMITS`, within their limits.
        error: (F,) largest angle between a recorded limb and the same limb within the limits, degrees.
    """

    values: Array
    error: Array


def retarget(motion: Motion, rig: Rig) -> Angles:
    """Retarget all frames of a motion.

    Raises:
        UserError: The motion lacks a limb joint.
    """
    solver = _Solver(motion, rig)
    solver.trunk()
    for side in SIDES:
        solver.arm(side)
        solver.leg(side)
    return Angles(np.stack([solver.found[name] for name in LIMITS], 1), np.degrees(np.max(solver.errors, axis=0)))


class _Solver:
    """Solves the angles of all frames at once; world axes are turned to ours and the heading is dropped."""

    def __init__(self, motion: Motion, rig: Rig) -> None:
        self._rig, self._joints = rig, motion.limbs()
        rest = _rest_axes(motion, self._joints)
        world = rest if motion.up == "rest" else np.eye(3)
        turned = world @ motion.rotations @ rest.T
        yaw, self._roll, self._pitch = Rotation.from_matrix(turned[:, 0]).as_euler("ZYX").T
        heading = _about_z(-yaw)
        self._places = motion.places @ (heading @ world).swapaxes(1, 2)
        self._turned = heading[:, None] @ turned
        self._chest_joint = motion.common_parent(self._joints["left_shoulder"], self._joints["right_shoulder"])
        self._head_joint = motion.head()
        self.found: dict[str, Array] = {name: np.zeros(len(yaw)) for name in LIMITS}
        self.errors: list[Array] = []

    def _set(self, name: str, degrees: Array) -> Array:
        """Clip an angle to its limits, keep it, and return it in radians."""
        limit = LIMITS[name]
        self.found[name] = np.clip(degrees, limit.low, limit.high)
        return np.asarray(np.radians(self.found[name]))

    def _bone(self, side: str, start: str, end: str) -> Array:
        """Recorded direction (F, 3) of a limb's bone."""
        name = _SIDE[side][0]
        return _unit(self._places[:, self._joints[f"{name}_{end}"]] - self._places[:, self._joints[f"{name}_{start}"]])

    def _compare(self, wanted: Array, reached: Array) -> None:
        self.errors.append(np.arccos(np.clip((wanted * reached).sum(1), -1, 1)))

    def trunk(self) -> None:
        """Pelvis, chest and head, from their rotations."""
        self._set("pitch", np.degrees(self._pitch))
        self._set("roll", np.degrees(self._roll))
        self._root = self._turned[:, 0]
        self._chest = self._bend("spine", self._root, self._turned[:, self._chest_joint])
        if self._head_joint is not None:
            self._bend("neck", self._chest, self._turned[:, self._head_joint])

    def _bend(self, name: str, below: Array, above: Array) -> Array:
        """Angles of spine or neck; returns the rotation above that they reach."""
        vector = Rotation.from_matrix(below.swapaxes(1, 2) @ above).as_rotvec()
        kinds = ("flex", "side", "twist")
        clipped = np.stack([self._set(f"{name}_{k}", np.degrees(vector[:, i])) for i, k in enumerate(kinds)], 1)
        reached = below @ _rotations(clipped)
        between = Rotation.from_matrix(above.swapaxes(1, 2) @ reached).magnitude()
        self.errors.append(np.asarray(between if name == "spine" else between / 2))  # a head may look further than ours
        return np.asarray(reached)

    def arm(self, side: str) -> None:
        """Shoulder and elbow."""
        axes, sign = self._rig.axes[side], _SIDE[side][1]
        upper, fore = self._bone(side, "shoulder", "elbow"), self._bone(side, "elbow", "wrist")
        local = _into(self._chest, upper)
        raised = self._set(f"shoulder_raise_{side}", np.degrees(np.arccos(np.clip(-local[:, 2], -1, 1))))
        plane = self._set(f"shoulder_plane_{side}", np.degrees(np.arctan2(-local[:, 1], sign * local[:, 0])))
        sine = np.sin(raised)
        target = np.stack([sign * sine * np.cos(plane), -sine * np.sin(plane), -np.cos(raised)], 1)
        lifted = self._chest @ _aligning(axes.upper_arm, target)
        bend = np.degrees(np.arccos(np.clip((upper * fore).sum(1), -1, 1)))
        elbow = self._set(f"elbow_{side}", bend)
        bent = _rotations(np.outer(elbow - np.radians(axes.elbow_rest), axes.elbow_axis))
        twist = _turn_about(axes.upper_arm, bent @ axes.forearm, _into(lifted, fore))
        twist = self._set(f"shoulder_twist_{side}", sign * np.degrees(twist) * _trust(bend))
        lower = lifted @ _rotations(np.outer(sign * twist, axes.upper_arm)) @ bent
        self.found[f"curl_{side}"][:] = _CURL
        self._compare(upper, lifted @ axes.upper_arm)
        self._compare(fore, lower @ axes.forearm)

    def leg(self, side: str) -> None:
        """Hip, knee and ankle; the hip's direction and turn depend on each other, so they are iterated."""
        axes, sign = self._rig.axes[side], _SIDE[side][1]
        thigh, shin = self._bone(side, "hip", "knee"), self._bone(side, "knee", "ankle")
        local, below = _into(self._root, thigh), _into(self._root, shin)
        bend = (thigh * shin).sum(1)
        knee = self._knee(side, bend)
        trust = _trust(np.degrees(np.arccos(np.clip(bend, -1, 1))))
        turn, target = np.full(len(thigh), np.radians(_HIP_TURN)), local
        for _ in range(_ROUNDS):
            turned = _about_z(sign * turn)
            out = self._set(f"hip_out_{side}", np.degrees(np.arcsin(np.clip(sign * target[:, 0], -1, 1))))
            flex = self._set(f"hip_flex_{side}", np.degrees(np.arctan2(-target[:, 1], -target[:, 2])))
            aim = [sign * np.sin(out), -np.cos(out) * np.sin(flex), -np.cos(out) * np.cos(flex)]
            lift = _aligning(axes.thigh, np.stack(aim, 1))
            target = _unit(target + local - _apply(lift @ turned, axes.thigh))
            free = _turn_about(np.array([0.0, 0.0, 1.0]), _apply(knee, axes.shin), _into(lift, below))
            degrees = sign * np.degrees(free) * trust + _HIP_TURN * (1 - trust)
            turn = self._set(f"hip_turn_{side}", degrees)
        upper = self._root @ lift @ _about_z(sign * turn)
        lower = upper @ knee
        self._foot(side, lower)
        self._compare(thigh, _apply(upper, axes.thigh))
        self._compare(shin, _apply(lower, axes.shin))

    def _knee(self, side: str, bend: Array) -> Array:
        """Rotation of the knee whose bend (cosine between thigh and shin) is the recorded one."""
        axes = self._rig.axes[side]
        (a1, a2, a3), (b1, b2, b3) = axes.thigh, axes.shin
        along, across = a2 * b2 + a3 * b3, a3 * b2 - a2 * b3
        beyond = np.arccos(np.clip((bend - a1 * b1) / np.hypot(along, across), -1, 1))
        degrees = np.degrees(np.arctan2(across, along) + beyond) + axes.knee_rest
        flexed = self._set(f"knee_{side}", degrees)
        return _rotations(np.outer(flexed - np.radians(axes.knee_rest), [1.0, 0.0, 0.0]))

    def _foot(self, side: str, shin: Array) -> None:
        """Ankle, from the foot's rotation: at rest feet stand flat in every skeleton."""
        foot = self._turned[:, self._joints[f"{_SIDE[side][0]}_ankle"]]
        ahead = _into(shin, -foot[:, :, 1])
        self._set(f"ankle_{side}", np.degrees(np.arctan2(ahead[:, 2], -ahead[:, 1])))


def _rest_axes(motion: Motion, joints: dict[str, int]) -> Array:
    """Rotation from the file's axes to ours (left +X, back +Y, up +Z), by its rest pose, to the nearest axes."""

    def middle(joint: str) -> Array:
        return np.asarray((motion.rest[joints[f"left_{joint}"]] + motion.rest[joints[f"right_{joint}"]]) / 2)

    up = _nearest_axis(middle("shoulder") - middle("hip"))
    across = motion.rest[joints["left_shoulder"]] - motion.rest[joints["right_shoulder"]]
    across = across + motion.rest[joints["left_hip"]] - motion.rest[joints["right_hip"]]
    left = _nearest_axis(across * (1 - np.abs(up)))
    return np.stack([left, np.cross(up, left), up])


def _nearest_axis(vector: Array) -> Array:
    axis = np.zeros(3)
    largest = int(np.abs(vector).argmax())
    axis[largest] = np.sign(vector[largest]) or 1.0
    return axis


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _into(axes: Array, vectors: Array) -> Array:
    """World vectors (F, 3) in rotated axes (F, 3, 3)."""
    return np.asarray(np.einsum("fba,fb->fa", axes, vectors))


def _apply(rotations: Array, vector: Array) -> Array:
    return np.asarray(rotations @ vector)


def _rotations(vectors: Array) -> Array:
    return np.asarray(Rotation.from_rotvec(vectors).as_matrix())


def _about_z(angles: Array) -> Array:
    return _rotations(np.outer(angles, [0.0, 0.0, 1.0]))


def _aligning(source: Array, targets: Array) -> Array:
    """Smallest rotations (F, 3, 3) that take a unit vector to unit vectors (F, 3)."""
    axis = np.cross(source, targets)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, targets @ source)
    return _rotations(axis * (angle / np.maximum(sine, 1e-9))[:, None])


def _turn_about(axis: Array, start: Array, end: Array) -> Array:
    """Angles (F,) about an axis that bring directions (F, 3) nearest to others."""
    across = np.cross(start, end) @ axis
    return np.asarray(np.arctan2(across, (start * end).sum(1) - (start @ axis) * (end @ axis)))


def _trust(bend: Array) -> Array:
    """How far a joint bent by so many degrees says how its limb is twisted, 0 to 1."""
    return np.clip(bend / _STRAIGHT - 0.3, 0, 1)

"""Hands: an arm cut out of the body model, posed by gestures without fingers in each other. Ours."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

from actupose.synth.body import ARM_ALONG, CHILDREN_PACK, PACK, Arrays, BodyModel, cut, read_pack
from actupose.synth.capsules import CapsuleTest
from actupose.synth.gestures import Gesture, draw_gesture
from actupose.synth.joints import JointSet, hand21
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array, from_rotvec, unit

# Columns of a hand mesh's attributes after those of the body.
PALMAR, FINGER_ALONG = 10, 11

_ARM = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
_TIP_VERTICES = 6
_MAX_TRIES = 24
_TOLERANCE = 0.004  # metres of overlap that pass: flesh gives way
_FINGER_RADIUS, _PALM_RADIUS, _THUMB_RADIUS = 0.0072, 0.010, 0.0085  # metres


def _arm_faces(pack: Arrays, side: str) -> Array:
    """(F,) bool: faces that one arm moves."""
    names = [str(name) for name in pack["bones"]]
    arm = np.array([name.startswith(_ARM) and name.endswith(f".{side}") for name in names])
    weight = np.where(arm[pack["wi"].astype(np.int64)], pack["wv"].astype(np.float64), 0).sum(1)
    return np.asarray(weight[pack["faces"].astype(np.int64)].min(1) > 0.5)


def fingertips(model: BodyModel, side: str) -> list[list[int]]:
    """The outermost vertices of each finger's last bone, thumb first."""
    heads, tips = model.rig.heads, []
    for finger in range(1, 6):
        last, before = (model.rig.index[f"finger{finger}-{joint}.{side}"] for joint in (3, 2))
        own = np.flatnonzero(model.weights[:, last] > 0.5)
        reach = (model.canonical[own] - heads[last]) @ (heads[last] - heads[before])
        tips.append([int(vertex) for vertex in own[np.argsort(-reach)[:_TIP_VERTICES]]])
    return tips


class HandModel(BodyModel):
    """One arm with its hand.

    The mesh's attributes have two more columns: how much a vertex faces out of the palm, in [-1, 1], and its coordinate
    along its finger (0 up to the knuckle, 1 and 2 at the next joints).

    Args:
        side: "L" or "R".
        pack: Arrays of the baked body.
        children: Arrays of the baked children, or None.

    Attributes:
        side: As given.
        tips: Vertices at the tip of each finger, thumb first.
        hand_vertices: Vertices of the hand without the forearm.
        upper_arm_vertices: Vertices above the middle of the forearm.
        rim_vertices: Vertices where the arm is cut off the body.
    """

    def __init__(self, side: str, pack: Arrays, children: Arrays | None = None) -> None:
        def joints(model: BodyModel) -> JointSet:
            """The hand's joints, once its fingertips are known."""
            self.tips = fingertips(model, side)
            return hand21(model.rig, side, self.tips)

        part, young = cut(pack, _arm_faces(pack, side), children)
        super().__init__(part, joints, young)
        self.side = side
        palm = self.rig.axes[side].palm
        palmar = self.mesh.normals(torch.from_numpy(self.canonical.astype(np.float32))[:, None])[:, 0].numpy() @ palm
        extra = torch.from_numpy(np.column_stack([palmar, self._finger_along()]).astype(np.float32))
        along = self.mesh.attributes[:, ARM_ALONG].numpy()
        self.hand_vertices = np.flatnonzero(self.bone_weight(("wrist", "metacarpal", "finger")) > 0.5)
        self.upper_arm_vertices = np.flatnonzero(along < 1.5)
        self.rim_vertices = _rim(self.mesh.faces.numpy())
        attributes, lower_arm = (
            torch.cat([self.mesh.attributes, extra], 1),
            torch.from_numpy(np.flatnonzero(along > 1.5)),
        )
        self.mesh = dataclasses.replace(self.mesh, attributes=attributes, shadowed=lower_arm)

    def tip_positions(self) -> Array:
        """Fingertips (5, 3) of the reference hand."""
        return np.array([self.canonical[tip].mean(0) for tip in self.tips])

    def _finger_along(self) -> Array:
        along = np.zeros(len(self.canonical))
        for finger, tip in enumerate(self.tip_positions(), start=1):
            bones = [f"finger{finger}-{joint}.{self.side}" for joint in (1, 2, 3)]
            chain = np.array([*(self.rig.heads[self.rig.index[bone]] for bone in bones), tip])
            own = np.flatnonzero(self.bone_weight(tuple(bones)) > 0.5)
            for start, end in pairwise(chain):
                share = (self.canonical[own] - start) @ (end - start) / ((end - start) @ (end - start))
                along[own] += share.clip(0, 1)
        return along


def _rim(faces: Array) -> Array:
    """Vertices of the edges that only one face has."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    distinct, counts = np.unique(edges, axis=0, return_counts=True)
    return np.unique(distinct[counts == 1])


class HandPoser:
    """Turns gestures into rotations of the bones and draws those whose fingers do not intersect.

    Args:
        model: The hand.
    """

    def __init__(self, model: HandModel) -> None:
        self.model, self.rig, self.side = model, model.rig, model.side
        rig, side = self.rig, self.side
        axes = rig.axes[side]
        self._sign = 1.0 if side == "L" else -1.0
        index, little, middle, thumb = (self._direction("wrist", f"finger{k}-1") for k in (2, 5, 3, 1))
        self._to_little = float(np.sign(np.cross(axes.palm, index) @ little))
        self._opposition = middle * float(np.sign(np.cross(middle, thumb) @ axes.palm))
        self._abduction = axes.palm * -float(np.sign(np.cross(axes.palm, thumb) @ index))
        last = np.array([rig.index[f"finger{finger}-3.{side}"] for finger in range(1, 6)])
        self._last, self._to_tip = last, (model.tip_positions() - rig.heads[last]) * 0.7  # the tip's middle
        self._capsules = _finger_capsules(rig, side)

    def _direction(self, start: str, end: str) -> Array:
        index, heads = self.rig.index, self.rig.heads
        return unit(heads[index[f"{end}.{self.side}"]] - heads[index[f"{start}.{self.side}"]])

    def rotations(self, gesture: Gesture) -> Array:
        """World rotation (J, 3, 3) of every bone; the upper arm keeps its reference direction."""
        axes, sign, degrees = self.rig.axes[self.side], self._sign, np.pi / 180
        away = self._to_little * np.array([-1.0, 1.0, 1.0, 1.0]) * gesture.spread
        vectors = [
            axes.elbow_axis * (gesture.elbow - axes.elbow_rest),
            axes.forearm * (-sign * gesture.forearm * 0.5),
            axes.forearm * (-sign * gesture.forearm),
            axes.wrist_axis * gesture.wrist[0],
            axes.palm * (sign * gesture.wrist[1]),
            self._opposition * gesture.thumb[0],
            self._abduction * gesture.thumb[1],
            axes.thumb_axis * gesture.thumb[2],
            axes.thumb_axis * gesture.thumb[3],
            *(axes.palm * angle for angle in away),
            *(axis * angle for axis, angles in zip(axes.finger_axis, gesture.flex, strict=True) for angle in angles),
        ]
        turns = from_rotvec(np.array(vectors) * degrees)
        elbow, half_forearm, forearm, flex, aside, oppose, abduct, thumb2, thumb3 = turns[:9]
        wrist = elbow @ forearm @ flex @ aside
        bones = {"lowerarm01": elbow, "lowerarm02": elbow @ half_forearm, "wrist": wrist, "root": np.eye(3)}
        current = wrist @ oppose @ abduct
        for joint, turn in enumerate((np.eye(3), thumb2, thumb3), start=1):
            bones[f"finger1-{joint}"] = current = current @ turn
        for finger in range(4):
            current = wrist @ turns[9 + finger]
            for joint in range(3):
                bones[f"finger{finger + 2}-{joint + 1}"] = current = current @ turns[13 + 3 * finger + joint]
        return self.rig.fill({name if name == "root" else f"{name}.{self.side}": turn for name, turn in bones.items()})

    def penetration(self, rotations: Array) -> float:
        """Deepest overlap of two fingers, or of a finger and the palm, in metres."""
        heads = self.rig.positions(rotations)
        tips = heads[self._last] + np.einsum("kab,kb->ka", rotations[self._last], self._to_tip)
        return self._capsules.penetration(np.concatenate([heads, tips]))

    def sample(self, rng: np.random.Generator, name: str) -> tuple[Gesture, Array]:
        """Draw a gesture of a kind and its rotations; after `_MAX_TRIES` the least intersecting one."""
        best: tuple[float, Gesture, Array] | None = None
        for _ in range(_MAX_TRIES):
            gesture = draw_gesture(rng, name)
            rotations = self.rotations(gesture)
            depth = self.penetration(rotations)
            if best is None or depth < best[0]:
                best = depth, gesture, rotations
            if depth < _TOLERANCE:
                break
        assert best is not None
        return best[1:]


def _finger_capsules(rig: Rig, side: str) -> CapsuleTest:
    """Capsules of the phalanges and the palm; neighbours that always touch are not paired."""
    tips = [f"tip{finger}" for finger in range(1, 6)]
    capsules, pairs = {}, []
    for finger in range(1, 6):
        points = [*(f"finger{finger}-{joint}.{side}" for joint in (1, 2, 3)), tips[finger - 1]]
        radius = _THUMB_RADIUS if finger == 1 else _FINGER_RADIUS
        for joint in (1, 2, 3):
            capsules[f"{finger}-{joint}"] = points[joint - 1], points[joint], radius
        capsules[f"palm{finger}"] = f"wrist.{side}", points[0], _PALM_RADIUS
        pairs += [(f"{finger}-3", f"palm{other}") for other in range(2, 6) if finger > 1 or other > 2]
        for other in range(finger + 1, 6):
            pairs += [(f"{finger}-{a}", f"{other}-{b}") for a in (2, 3) for b in (2, 3)]
            pairs += [(f"{finger}-3", f"{other}-1"), (f"{other}-3", f"{finger}-1")] if finger > 1 else []
    return CapsuleTest(rig, capsules, pairs, tips)


@lru_cache(maxsize=4)
def load_hand(side: str, children: bool = False) -> HandModel:
    """Return one arm of the shipped body model, loaded once per process.

    Args:
        side: "L" or "R".
        children: Load the shapes of children as well.
    """
    return HandModel(side, read_pack(PACK), read_pack(CHILDREN_PACK) if children else None)

"""The rig: anatomical angles -> one world rotation per bone -> joint positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from actupose.synth.limits import SIDES, Pose
from actupose.synth.rotations import Array, aligning_rotvec, from_rotvec, unit

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03", "head")
_FINGER_JOINTS = (0.8, 0.9, 0.6)  # share of the curl at the knuckle, middle and end joint
_THUMB_JOINTS = (0.3, 0.45)
_X = np.array([1.0, 0.0, 0.0])
_Y = np.array([0.0, 1.0, 0.0])
_Z = np.array([0.0, 0.0, 1.0])


class SideAxes:
    """Reference directions of one side's limbs, from the reference bone heads.

    Flexion is a positive turn about `elbow_axis`, `wrist_axis`, `finger_axis` (index to little finger) and
    `thumb_axis`; `palm` points out of the palm.
    """

    def __init__(self, heads: dict[str, Array], side: str) -> None:
        def direction(start: str, end: str) -> Array:
            return unit(heads[f"{end}.{side}"] - heads[f"{start}.{side}"])

        self.upper_arm = direction("upperarm01", "lowerarm01")
        self.forearm = direction("lowerarm01", "wrist")
        self.thigh = direction("upperleg01", "lowerleg01")
        self.shin = direction("lowerleg01", "foot")
        self.elbow_axis = unit(np.cross(self.upper_arm, self.forearm))
        self.elbow_rest = float(np.degrees(np.arccos(np.clip(self.upper_arm @ self.forearm, -1, 1))))
        knee_sine = float(np.cross(self.thigh, self.shin) @ _X)
        self.knee_rest = float(np.degrees(np.arctan2(knee_sine, self.thigh @ self.shin)))
        across = np.cross(direction("wrist", "finger2-1"), direction("wrist", "finger5-1"))
        self.palm = unit(across if side == "R" else -across)  # out of the palm
        self.wrist_axis = unit(np.cross(direction("wrist", "finger3-1"), self.palm))  # flexes towards the palm
        self.finger_axis = [unit(np.cross(direction(f"finger{k}-1", f"finger{k}-2"), self.palm)) for k in range(2, 6)]
        thumb = np.cross(direction("finger1-1", "finger1-2"), direction("finger1-2", "finger1-3"))
        self.thumb_axis = unit(thumb)


class Rig:
    """Skeleton of the body model.

    Args:
        bones: Bone names, parents before children.
        parents: Index of each bone's parent, -1 for the root.
        heads: (J, 3) bone heads of the reference pose, metres; Z up, facing -Y, subject's left = +X.

    Attributes:
        axes: Reference directions of the limbs, by side.
    """

    def __init__(self, bones: Sequence[str], parents: Sequence[int], heads: Array) -> None:
        self.bones = tuple(bones)
        self.parents = tuple(int(p) for p in parents)
        self.heads = np.asarray(heads, np.float64)
        self.index = {name: k for k, name in enumerate(self.bones)}
        by_name = {name: self.heads[k] for name, k in self.index.items()}
        self.axes = {side: SideAxes(by_name, side) for side in SIDES}
        self._ancestors = np.eye(len(self.bones))
        for child, parent in enumerate(self.parents):
            if parent >= 0:
                self._ancestors[child] += self._ancestors[parent]
        self._parent_index = np.array([max(p, 0) for p in self.parents])

    def rotations(self, pose: Pose) -> Array:
        """World rotation of every bone relative to the reference pose.

        Args:
            pose: Anatomical angles in degrees, all keys of `limits.LIMITS`.

        Returns:
            (J, 3, 3) float64.
        """
        names: list[str] = []
        vectors: list[Array] = []
        for name, vector in self._rotation_vectors(pose):
            names.append(name)
            vectors.append(vector)
        turn = dict(zip(names, from_rotvec(np.array(vectors)), strict=True))
        world = self._trunk(turn)
        for side in SIDES:
            self._arm(world, turn, side)
            self._leg(world, turn, side)
        return self.fill(world)

    def fill(self, world: Mapping[str, Array]) -> Array:
        """World rotations (J, 3, 3) of all bones from those of some; a bone without one turns with its parent."""
        full = np.empty((len(self.bones), 3, 3))
        for k, name in enumerate(self.bones):
            full[k] = world[name] if name in world else full[self.parents[k]]
        return full

    def positions(self, rotations: Array, heads: Array | None = None) -> Array:
        """Forward kinematics.

        Args:
            rotations: (J, 3, 3) world rotations of the bones.
            heads: (J, 3) reference heads of the person; default: the rig's own.

        Returns:
            (J, 3) posed bone heads, the root at the origin.
        """
        heads = self.heads if heads is None else heads
        bone = heads - heads[self._parent_index]
        offsets = np.einsum("jab,jb->ja", rotations[self._parent_index], bone)
        return np.asarray(np.einsum("ij,ja->ia", self._ancestors, offsets))

    def _rotation_vectors(self, pose: Pose) -> list[tuple[str, Array]]:
        degrees = np.pi / 180
        spine = np.array([pose["spine_flex"], pose["spine_side"], pose["spine_twist"]]) * (degrees / len(_SPINE))
        neck = np.array([pose["neck_flex"], pose["neck_side"], pose["neck_twist"]]) * (degrees / len(_NECK))
        vectors = [("roll", _Y * (pose["roll"] * degrees)), ("pitch", _X * (pose["pitch"] * degrees))]
        vectors += [("spine", spine), ("neck", neck)]
        for side in SIDES:
            sign = 1.0 if side == "L" else -1.0
            angle = {name[:-2]: value * degrees for name, value in pose.items() if name.endswith(f"_{side}")}
            vectors += self._arm_vectors(angle, side, sign) + self._leg_vectors(angle, side, sign)
        return vectors

    def _arm_vectors(self, angle: Pose, side: str, sign: float) -> list[tuple[str, Array]]:
        axes, raised, plane = self.axes[side], angle["shoulder_raise"], angle["shoulder_plane"]
        sine = np.sin(raised)
        target = np.array([sign * sine * np.cos(plane), -sine * np.sin(plane), -np.cos(raised)])
        lift = aligning_rotvec(axes.upper_arm, target)
        twist = axes.upper_arm * (sign * angle["shoulder_twist"])  # + = internal rotation
        pronation = axes.forearm * (-sign * angle["forearm"])
        vectors = [
            ("clavicle", lift * 0.10),
            ("girdle", lift * 0.30),
            ("shoulder", lift),
            ("half_twist", twist * 0.5),
            ("twist", twist),
            ("elbow", axes.elbow_axis * (angle["elbow"] - np.radians(axes.elbow_rest))),
            ("half_forearm", pronation * 0.5),
            ("forearm", pronation),
            ("wrist_flex", axes.wrist_axis * angle["wrist_flex"]),
            ("wrist_side", axes.palm * (sign * angle["wrist_side"])),
        ]
        curl = angle["curl"]
        for k, axis in enumerate(axes.finger_axis, start=2):
            vectors += [(f"finger{k}-{j}", axis * (curl * share)) for j, share in enumerate(_FINGER_JOINTS, start=1)]
        vectors += [
            (f"finger1-{j}", axes.thumb_axis * (curl * share)) for j, share in enumerate(_THUMB_JOINTS, start=2)
        ]
        return [(f"{name}.{side}", vector) for name, vector in vectors]

    def _leg_vectors(self, angle: Pose, side: str, sign: float) -> list[tuple[str, Array]]:
        axes, flex, out = self.axes[side], angle["hip_flex"], angle["hip_out"]
        target = np.array([sign * np.sin(out), -np.cos(out) * np.sin(flex), -np.cos(out) * np.cos(flex)])
        turn = _Z * (sign * angle["hip_turn"])
        vectors = [
            ("hip", aligning_rotvec(axes.thigh, target)),
            ("half_turn", turn * 0.4),
            ("turn", turn),
            ("knee", _X * (angle["knee"] - np.radians(axes.knee_rest))),
            ("ankle", _X * -angle["ankle"]),
        ]
        return [(f"{name}.{side}", vector) for name, vector in vectors]

    @staticmethod
    def _trunk(turn: dict[str, Array]) -> dict[str, Array]:
        current = turn["roll"] @ turn["pitch"]
        world = {"root": current}
        for chain, step in ((_SPINE, turn["spine"]), (_NECK, turn["neck"])):
            for bone in chain:
                current = current @ step
                world[bone] = current
        return world

    @staticmethod
    def _arm(world: dict[str, Array], turn: dict[str, Array], side: str) -> None:
        def step(name: str) -> Array:
            return turn[f"{name}.{side}"]

        chest = world["spine01"]
        raised = chest @ step("shoulder")
        upper = raised @ step("twist")
        lower = upper @ step("elbow")
        wrist = lower @ step("forearm") @ step("wrist_flex") @ step("wrist_side")
        bones = {
            "clavicle": chest @ step("clavicle"),
            "shoulder01": chest @ step("girdle"),
            "upperarm01": raised @ step("half_twist"),
            "upperarm02": upper,
            "lowerarm01": lower,
            "lowerarm02": lower @ step("half_forearm"),
            "wrist": wrist,
        }
        for finger in range(1, 6):
            current = wrist
            for joint in range(1, 4):
                name = f"finger{finger}-{joint}"
                current = current @ step(name) if name != "finger1-1" else current
                bones[name] = current
        world.update({f"{name}.{side}": matrix for name, matrix in bones.items()})

    @staticmethod
    def _leg(world: dict[str, Array], turn: dict[str, Array], side: str) -> None:
        hip = world["root"] @ turn[f"hip.{side}"]
        thigh = hip @ turn[f"turn.{side}"]
        shin = thigh @ turn[f"knee.{side}"]
        world[f"upperleg01.{side}"] = hip @ turn[f"half_turn.{side}"]
        world[f"upperleg02.{side}"] = thigh
        world[f"lowerleg01.{side}"] = shin
        world[f"foot.{side}"] = shin @ turn[f"ankle.{side}"]

"""A recorded motion: named joints with their rest places, and for every frame their places and world rotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from actupose.errors import UserError
from actupose.synth.rotations import Array

# Limb joint -> what files call it, first choice first; sides stand before or behind ("LeftUpLeg", "lfemur", "thigh_l").
_NAMES: dict[str, tuple[str, ...]] = {
    "hip": ("femur", "upleg", "upperleg", "thigh", "hip"),
    "knee": ("tibia", "leg", "lowerleg", "lowleg", "shin", "calf", "knee"),
    "ankle": ("ankle", "foot"),
    "shoulder": ("humerus", "arm", "upperarm", "uparm", "shldr", "shoulder"),
    "elbow": ("radius", "forearm", "lowerarm", "lowarm", "elbow"),
    "wrist": ("wrist", "hand"),
}


@dataclass(frozen=True)
class Motion:
    """One recording.

    Attributes:
        path: Its file.
        names: J joint names.
        parents: Index of each joint's parent, -1 for the root, which is the first joint.
        rest: (J, 3) places in the rest pose, in which the person stands upright and all rotations are identities.
        places: (F, J, 3) places.
        rotations: (F, J, 3, 3) world rotations relative to the rest pose.
        fps: Frames a second.
        up: Which way is up in the frames: that of the rest pose, or +Z.
    """

    path: Path
    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Array
    places: Array
    rotations: Array
    fps: float
    up: Literal["rest", "z"] = "rest"

    def limbs(self) -> dict[str, int]:
        """Index of every limb joint: `left_hip`, `left_knee`, ... `right_wrist`.

        Raises:
            UserError: The file has no joint of a known name for one of them.
        """
        plain = {_plain(name): k for k, name in reversed([*enumerate(self.names)])}
        found = {}
        for side in ("left", "right"):
            for joint, names in _NAMES.items():
                spellings = [form for name in names for form in _forms(side, name)]
                index = next((plain[form] for form in spellings if form in plain), None)
                if index is None:
                    shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
                    raise UserError(
                        f"{self.path}: has no joint for the {side} {joint}; its joints are {shown}: rename that joint, "
                        f"e.g. to '{side.capitalize()}{names[1].capitalize()}'"
                    )
                found[f"{side}_{joint}"] = index
        return found

    def head(self) -> int | None:
        """Index of the head, if there is one."""
        return next((k for k, name in enumerate(self.names) if name.lower().split(":")[-1].strip() == "head"), None)

    def common_parent(self, first: int, second: int) -> int:
        """The joint nearest to the ends that both hang on: for the shoulders, the upper chest."""
        above = self._ancestors(first)
        return next(joint for joint in self._ancestors(second) if joint in above)

    def _ancestors(self, joint: int) -> list[int]:
        chain = []
        while joint >= 0:
            joint = self.parents[joint]
            chain.append(joint)
        return [*chain[:-1], 0]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().split(":")[-1])


def _forms(side: str, name: str) -> tuple[str, ...]:
    return f"{side}{name}", f"{side[0]}{name}", f"{name}{side[0]}", f"{name}{side}"


def animate(parents: Sequence[int], shifts: Array, turns: Array) -> tuple[Array, Array]:
    """Forward kinematics.

    Args:
        parents: Parent of each joint, before its children, -1 for the root.
        shifts: (F, J, 3) place of each joint in its parent's axes.
        turns: (F, J, 3, 3) rotation of each joint in its parent's axes.

    Returns:
        (F, J, 3) places and (F, J, 3, 3) world rotations.
    """
    places, rotations = np.empty_like(shifts), np.empty_like(turns)
    for joint, parent in enumerate(parents):
        if parent < 0:
            places[:, joint], rotations[:, joint] = shifts[:, joint], turns[:, joint]
            continue
        above = rotations[:, parent]
        places[:, joint] = places[:, parent] + np.einsum("fab,fb->fa", above, shifts[:, joint])
        rotations[:, joint] = above @ turns[:, joint]
    return places, rotations


def rest_places(parents: Sequence[int], offsets: Array) -> Array:
    """Places (J, 3) of joints in the rest pose from their offsets (J, 3) to their parents."""
    places = np.zeros_like(offsets)
    for joint, parent in enumerate(parents):
        places[joint] = offsets[joint] * (parent >= 0) + (places[parent] if parent >= 0 else 0)
    return places


def numbers(path: Path, line: int, words: Sequence[str], count: int | None = None) -> list[float]:
    """Words of a text file's line as finite numbers.

    Raises:
        UserError: One is none, or there are not `count`; file and line are named.
    """
    if count is not None and len(words) != count:
        raise UserError(f"{path}, line {line}: expected {count} numbers, found {len(words)}; export the file again")
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise UserError(f"{path}, line {line}: {error}; export the file again") from error
    if not np.isfinite(values).all():
        raise UserError(f"{path}, line {line}: a number is not finite; export the file again")
    return values


def read_lines(path: Path) -> list[str]:
    """Lines of a text file.

    Raises:
        UserError: It cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not a readable text file ({error}); copy it again") from error

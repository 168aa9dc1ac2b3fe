"""Acclaim: bones in an `.asf` file, frames in `.amc` files beside it (`07.asf`, `07_01.amc`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from actupose.errors import UserError
from actupose.synth.mocap.motion import Motion, animate, numbers, read_lines, rest_places
from actupose.synth.rotations import Array

_FPS = 120.0  # the format does not say; CMU's recordings have 120
_DOFS = ("rx", "ry", "rz", "tx", "ty", "tz", "l")


@dataclass
class _Bone:
    """A bone: where it points at rest, its own axes, the channels that its frames hold."""

    direction: Array = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axes: Array = field(default_factory=lambda: np.eye(3))
    dofs: list[str] = field(default_factory=list)


def read_amc(path: Path) -> Motion:
    """Read an AMC file with its ASF skeleton; a joint stands at the start of the bone of its name.

    Raises:
        UserError: No skeleton, or a broken file; the line is named.
    """
    skeleton = _Skeleton(_skeleton_of(path))
    frames = list(_frames(path, skeleton))
    if not frames:
        raise UserError(f"{path}: holds no frame; export the file again")
    names = ["root", *skeleton.order]
    parents = [-1, *(names.index(skeleton.parents[name]) for name in skeleton.order)]
    ends = {name: bone.direction * bone.length for name, bone in skeleton.bones.items()}
    offsets = np.array([np.zeros(3), *(ends.get(skeleton.parents[name], np.zeros(3)) for name in skeleton.order)])
    shifts = np.repeat(offsets[None], len(frames), 0)
    turns = np.empty((len(frames), len(names), 3, 3))
    for joint, name in enumerate(names):
        bone = skeleton.bones[name]
        values = np.array([frame.get(name, [0.0] * len(bone.dofs)) for frame in frames]).reshape(len(frames), -1)
        turns[:, joint] = bone.axes @ _turn(bone.dofs, values, skeleton.degrees) @ bone.axes.T
        if joint == 0:
            for k, dof in enumerate(bone.dofs):
                if dof.startswith("t"):
                    shifts[:, 0, "xyz".index(dof[1])] = values[:, k]
    places, rotations = animate(parents, shifts, turns)
    return Motion(path, tuple(names), tuple(parents), rest_places(parents, offsets), places, rotations, _FPS)


def _turn(dofs: list[str], values: Array, degrees: bool) -> Array:
    """Rotation (F, 3, 3) of one bone: its angles in the order of its dofs, each about fixed axes."""
    columns = [k for k, dof in enumerate(dofs) if dof.startswith("r")]
    if not columns:
        return np.broadcast_to(np.eye(3), (len(values), 3, 3))
    order = "".join(dofs[k][1] for k in columns)
    return Rotation.from_euler(order, values[:, columns], degrees=degrees).as_matrix().reshape(-1, 3, 3)


def _skeleton_of(path: Path) -> Path:
    """The ASF of an AMC: of the same name, or of the name before its `_`, or the only one in the folder."""
    for stem in (path.stem, path.stem.split("_")[0]):
        for suffix in (".asf", ".ASF"):
            if path.with_name(stem + suffix).is_file():
                return path.with_name(stem + suffix)
    found = sorted(path.parent.glob("*.asf"))
    if len(found) == 1:
        return found[0]
    raise UserError(f"{path}: there is no skeleton beside it; put {path.stem.split('_')[0]}.asf into its folder")


class _Skeleton:
    """An ASF file.

    Attributes:
        bones: Bones by name, with `root`.
        parents: Parent of each bone.
        order: Bones, parents before children.
        degrees: Whether angles are degrees.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.bones: dict[str, _Bone] = {"root": _Bone(dofs=["tx", "ty", "tz", "rx", "ry", "rz"])}
        self.parents: dict[str, str] = {}
        self.order: list[str] = []
        self.degrees = False
        section = ""
        self._open = _Bone()
        for line, text in enumerate(read_lines(path), 1):
            words = text.split("#")[0].split()
            if not words:
                continue
            if words[0].startswith(":"):
                section = words[0].lower()
            elif section == ":units" and words[0] == "angle":
                self.degrees = words[1:2] == ["deg"]
            elif section == ":root":
                self._root(line, words)
            elif section == ":bonedata":
                self._bone(line, words)
            elif section == ":hierarchy" and words[0] not in ("begin", "end"):
                self._children(line, words)
        if not self.order:
            raise UserError(f"{path}: has no :hierarchy; copy it again")

    def _root(self, line: int, words: list[str]) -> None:
        if words[0] == "order":
            self.bones["root"].dofs = [word.lower() for word in words[1:]]
        elif words[0] == "orientation":
            self._axes(self.bones["root"], line, "xyz", numbers(self._path, line, words[1:], 3))

    def _bone(self, line: int, words: list[str]) -> None:
        bone = self._open
        if words[0] == "begin":
            self._open = _Bone()
        elif words[0] == "name":
            self.bones[words[-1]] = bone
        elif words[0] == "direction":
            bone.direction = np.array(numbers(self._path, line, words[1:], 3))
        elif words[0] == "length":
            bone.length = numbers(self._path, line, words[1:], 1)[0]
        elif words[0] == "axis":
            self._axes(bone, line, words[-1].lower(), numbers(self._path, line, words[1:-1], 3))
        elif words[0] == "dof":
            unknown = [word for word in words[1:] if word.lower() not in _DOFS]
            if unknown:
                raise UserError(f"{self._path}, line {line}: unknown dof '{unknown[0]}'; export the file again")
            bone.dofs = [word.lower() for word in words[1:]]

    def _axes(self, bone: _Bone, line: int, order: str, angles: list[float]) -> None:
        if sorted(order) != ["x", "y", "z"]:
            raise UserError(f"{self._path}, line {line}: the order of axes is '{order}'; export the file again")
        bone.axes = Rotation.from_euler(order, angles, degrees=self.degrees).as_matrix()

    def _children(self, line: int, words: list[str]) -> None:
        for name in words:
            if name not in self.bones:
                raise UserError(f"{self._path}, line {line}: there is no bone '{name}'; copy the file again")
        self.parents.update(dict.fromkeys(words[1:], words[0]))
        self.order += words[1:]


def _frames(path: Path, skeleton: _Skeleton) -> Iterator[dict[str, list[float]]]:
    """Values of each bone, frame by frame."""
    frame: dict[str, list[float]] | None = None
    for line, text in enumerate(read_lines(path), 1):
        words = text.split("#")[0].split()
        if not words or words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            if frame is not None:
                yield frame
            frame = {}
        elif frame is None:
            raise UserError(f"{path}, line {line}: expected the number of a frame, found '{words[0]}'; copy it again")
        elif words[0] not in skeleton.bones:
            raise UserError(f"{path}, line {line}: the skeleton has no bone '{words[0]}'; is its .asf the right one?")
        else:
            frame[words[0]] = numbers(path, line, words[1:], len(skeleton.bones[words[0]].dofs))
    if frame is not None:
        yield frame

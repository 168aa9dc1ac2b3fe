"""BVH (Biovision hierarchy): a tree of joints with offsets and channels, then one line of numbers a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from actupose.errors import UserError
from actupose.synth.mocap.motion import Motion, animate, numbers, read_lines, rest_places
from actupose.synth.rotations import Array

_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}


def read_bvh(path: Path) -> Motion:
    """Read a BVH file; angles are degrees, rotations apply in the order of their channels.

    Raises:
        UserError: The file is broken; the line is named.
    """
    reader = _Reader(path)
    reader.hierarchy()
    values, fps = reader.motion()
    offsets = np.array(reader.offsets)
    shifts = np.repeat(offsets[None], len(values), 0)
    turns = np.broadcast_to(np.eye(3), (len(values), len(offsets), 3, 3)).copy()
    column = 0
    for joint, channels in enumerate(reader.channels):
        _apply(channels, values[:, column : column + len(channels)], shifts[:, joint], turns[:, joint])
        column += len(channels)
    places, rotations = animate(reader.parents, shifts, turns)
    parents = tuple(reader.parents)
    return Motion(path, tuple(reader.names), parents, rest_places(parents, offsets), places, rotations, fps)


def _apply(channels: list[str], values: Array, shift: Array, turn: Array) -> None:
    """Put one joint's channels (F, C) into its shift (F, 3) and turn (F, 3, 3)."""
    order = "".join(name[0] for name in channels if name.endswith("rotation"))
    if order:
        angles = values[:, [k for k, name in enumerate(channels) if name.endswith("rotation")]]
        turn[...] = Rotation.from_euler(order, angles, degrees=True).as_matrix().reshape(-1, 3, 3)
    for k, name in enumerate(channels):
        if name.endswith("position"):
            shift[:, "XYZ".index(name[0])] = values[:, k]


class _Reader:
    """Walks through the lines of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = read_lines(path)
        self._at = 0  # lines read
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []

    def _fail(self, problem: str) -> UserError:
        return UserError(f"{self.path}, line {self._at}: {problem}; export the file again")

    def _words(self) -> list[str]:
        """Words of the next line that is not empty."""
        while self._at < len(self._lines):
            self._at += 1
            if words := self._lines[self._at - 1].split():
                return words
        self._at = max(self._at, 1)
        raise self._fail("the file ends here")

    def _expect(self, word: str) -> list[str]:
        words = self._words()
        if words[0].upper() != word:
            raise self._fail(f"expected {word}, found '{words[0]}'")
        return words

    def hierarchy(self) -> None:
        """Read the tree."""
        self._expect("HIERARCHY")
        words = self._expect("ROOT")
        stack: list[int] = []
        self._joint(" ".join(words[1:]), stack)
        while stack:
            words = self._words()
            kind = words[0].upper()
            if kind == "JOINT":
                self._joint(" ".join(words[1:]), stack)
            elif kind == "END":
                self._joint(f"{self.names[stack[-1]]}_end", stack)
            elif kind == "OFFSET":
                self.offsets[stack[-1]] = numbers(self.path, self._at, words[1:], 3)
            elif kind == "CHANNELS":
                self._read_channels(words[1:], stack[-1])
            elif kind == "}":
                stack.pop()
            else:
                raise self._fail(f"'{words[0]}' is no part of a BVH hierarchy")

    def _joint(self, name: str, stack: list[int]) -> None:
        if not name:
            raise self._fail("a joint without a name")
        self._expect("{")
        self.parents.append(stack[-1] if stack else -1)
        stack.append(len(self.names))
        self.names.append(name)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])

    def _read_channels(self, words: list[str], joint: int) -> None:
        channels = [word[:1].upper() + word[1:].lower() for word in words[1:]]
        unknown = [name for name in channels if name not in _CHANNELS]
        if unknown:
            raise self._fail(f"unknown channel '{unknown[0]}'")
        if not words or words[0] != str(len(channels)):
            raise self._fail(f"the number of channels is not that of the {len(channels)} names behind it")
        self.channels[joint] = channels

    def motion(self) -> tuple[Array, float]:
        """Read the frames: (F, C) channel values and frames a second."""
        self._expect("MOTION")
        words = self._expect("FRAMES:")
        count = int(numbers(self.path, self._at, words[1:], 1)[0])
        words = self._expect("FRAME")
        seconds = numbers(self.path, self._at, words[2:], 1)[0]
        if count < 1 or seconds <= 0:
            raise self._fail("there must be frames, and a frame time above 0")
        width = sum(len(channels) for channels in self.channels)
        rows = np.empty((count, width))
        for frame in range(count):
            words = self._words()  # first: it moves on to the line that is then named
            rows[frame] = numbers(self.path, self._at, words, width)
        return rows, 1 / seconds

"""A pool of recorded poses: the most different ones of many files that the body can take."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.synth.capsules import CapsuleTest
from actupose.synth.limits import LIMITS, SIDES, Pose
from actupose.synth.mocap.acclaim import read_amc
from actupose.synth.mocap.arrays import AngleClip, read_npz
from actupose.synth.mocap.bvh import read_bvh
from actupose.synth.mocap.motion import Motion
from actupose.synth.mocap.retarget import Angles, retarget
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

_READERS = {".bvh": read_bvh, ".amc": read_amc, ".npz": read_npz}
_FPS = 5.0  # frames a second that are looked at; nearer ones are all but the same pose
_MOST_FRAMES = 20_000
_OUTSIDE = 20.0  # degrees that a limb may lie outside the limits
_OVERLAP = 0.03  # metres that two capsules may overlap: recorded arms rest on the trunk
_CHAINS = (("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot"))
_LIMBS = (
    ("root", "neck01"),
    ("neck03", "head"),
    *((f"{a}.{side}", f"{b}.{side}") for side in SIDES for chain in _CHAINS for a, b in pairwise(chain)),
)


@dataclass(frozen=True)
class PosePool:
    """Poses to draw from.

    Attributes:
        angles: (N, A) anatomical angles in degrees, in the order of `LIMITS`.
        clips: Name of the recording of each, its archetype.
        frames: Frames that were looked at.
        refused: Of these, those that were tried and lie outside the limits or intersect themselves.
    """

    angles: Array
    clips: tuple[str, ...]
    frames: int
    refused: int

    def __len__(self) -> int:
        return len(self.clips)

    def pose(self, index: int) -> Pose:
        """Return one pose."""
        return dict(zip(LIMITS, self.angles[index].tolist(), strict=True))

    def digest(self) -> str:
        """Hash of everything that decides what is drawn."""
        text = "\n".join(self.clips).encode()
        return hashlib.sha256(np.round(self.angles, 6).tobytes() + text).hexdigest()[:16]

    def text(self) -> str:
        """One line for the terminal."""
        clips = len(set(self.clips))
        return f"poses: {len(self)} kept of {self.frames} frames in {clips} recordings, {self.refused} refused"


@lru_cache(maxsize=2)
def load_pool(paths: tuple[str, ...], keep: int) -> PosePool:
    """Read files and folders of motions and keep their most different valid poses.

    Frames are ordered by farthest-point sampling over limb directions, from the most usual one on, and taken in that
    order when they are within the joint limits and do not intersect themselves. Deterministic.

    Args:
        paths: Files (`.bvh`, `.amc` with its `.asf`, `.npz`) and folders of them, searched to any depth.
        keep: Most poses to keep.

    Raises:
        UserError: No motion file, a broken one, one with unknown joints, or no pose that the body can take.
    """
    files = motion_files(paths)
    from actupose.synth.body import load_body  # here, so that `synth --help` loads no torch

    rig = load_body().rig
    clips = _clip_names(files)
    with progress_bar(total=len(files), label="poses") as bar:
        parts = []
        for file in files:
            parts.append(_read(file, rig))
            bar.update()
    angles = np.concatenate([part.values for part in parts])
    error = np.concatenate([part.error for part in parts])
    names = [name for name, part in zip(clips, parts, strict=True) for _ in part.error]
    thinned = np.unique(np.linspace(0, len(angles) - 1, min(len(angles), _MOST_FRAMES)).astype(np.int64))
    angles, error, names = angles[thinned], error[thinned], [names[k] for k in thinned]
    chosen, refused = _diverse(angles, error, rig, keep)
    if not chosen:
        raise UserError(
            f"poses: none of {len(angles)} frames is a pose that the body can take (first file: {files[0]}); "
            "does its rest pose stand upright?"
        )
    return PosePool(angles[chosen], tuple(names[k] for k in chosen), len(angles), refused)


def motion_files(paths: tuple[str, ...]) -> list[Path]:
    """Motion files of files and folders, sorted.

    Raises:
        UserError: A path is missing, of another kind, or a folder without any.
    """
    found: set[Path] = set()
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = {p for p in path.rglob("*") if p.suffix.lower() in _READERS}
            if not inside:
                raise UserError(f"poses: {path} holds no motion file ({', '.join(_READERS)}); name another folder")
            found |= inside
        elif not path.is_file():
            raise UserError(f"poses: {path} does not exist; name a motion file or a folder of them")
        elif path.suffix.lower() not in _READERS:
            kinds = ", ".join(_READERS)
            raise UserError(f"poses: {path} is no motion file; give {kinds} (an .asf comes with its .amc)")
        else:
            found.add(path)
    return sorted(found)


def _clip_names(files: list[Path]) -> list[str]:
    """The files' stems; with their folders' where two are the same."""
    stems = [file.stem for file in files]
    return [s if stems.count(s) == 1 else f"{f.parent.name}/{s}" for f, s in zip(files, stems, strict=True)]


def _read(file: Path, rig: Rig) -> Angles:
    motion = _READERS[file.suffix.lower()](file)
    step = max(1, round(motion.fps / _FPS))
    if isinstance(motion, AngleClip):
        low, high = (np.array([getattr(limit, end) for limit in LIMITS.values()]) for end in ("low", "high"))
        values = np.clip(motion.angles, low, high)
        return Angles(values[::step], np.abs(values - motion.angles).max(1)[::step])
    return retarget(_every(motion, step), rig)


def _every(motion: Motion, step: int) -> Motion:
    return Motion(
        motion.path,
        motion.names,
        motion.parents,
        motion.rest,
        motion.places[::step],
        motion.rotations[::step],
        motion.fps / step,
        motion.up,
    )


def _directions(angles: Array, rig: Rig) -> tuple[Array, Array]:
    """Limb directions (N, 3 L) and bone heads (N, J, 3) of poses."""
    heads = np.stack([rig.positions(rig.rotations(dict(zip(LIMITS, row.tolist(), strict=True)))) for row in angles])
    start, end = (np.array([rig.index[pair[k]] for pair in _LIMBS]) for k in (0, 1))
    bones = heads[:, end] - heads[:, start]
    return (bones / np.linalg.norm(bones, axis=-1, keepdims=True)).reshape(len(angles), -1), heads


def _diverse(angles: Array, error: Array, rig: Rig, keep: int) -> tuple[list[int], int]:
    """Farthest-point order over limb directions; returns the valid ones and how many were refused."""
    features, heads = _directions(angles, rig)
    capsules = CapsuleTest(rig)
    distance = -np.linalg.norm(features - features.mean(0), axis=1)  # begin with the most usual pose
    open_ = np.ones(len(angles), dtype=bool)
    chosen: list[int] = []
    refused = 0
    while open_.any() and len(chosen) < keep:
        k = int(np.where(open_, distance, -np.inf).argmax())
        open_[k] = False
        if error[k] > _OUTSIDE or capsules.penetration(heads[k]) > _OVERLAP:
            refused += 1
            continue
        away = np.linalg.norm(features - features[k], axis=1)
        distance = away if not chosen else np.minimum(distance, away)
        chosen.append(k)
        open_ &= distance > 1e-6
    return chosen, refused

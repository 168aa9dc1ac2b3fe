"""Motions in `.npz` files: AMASS (SMPL family), and our own anatomical angles."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match
from actupose.synth.limits import LIMITS
from actupose.synth.mocap.motion import Motion, animate, rest_places
from actupose.synth.rotations import Array

# The body joints of SMPL, SMPL-H and SMPL-X in their order: name, parent, offset in metres in the T-pose (Y up, facing
# +Z, left = +X). Offsets are ours, of a plain T-pose: only their directions matter.
_SMPL: tuple[tuple[str, int, tuple[float, float, float]], ...] = (
    ("pelvis", -1, (0.0, 0.0, 0.0)),
    ("left_hip", 0, (0.08, -0.08, 0.0)),
    ("right_hip", 0, (-0.08, -0.08, 0.0)),
    ("spine1", 0, (0.0, 0.12, 0.0)),
    ("left_knee", 1, (0.02, -0.4, 0.0)),
    ("right_knee", 2, (-0.02, -0.4, 0.0)),
    ("spine2", 3, (0.0, 0.14, 0.0)),
    ("left_ankle", 4, (0.0, -0.42, -0.02)),
    ("right_ankle", 5, (0.0, -0.42, -0.02)),
    ("spine3", 6, (0.0, 0.06, 0.0)),
    ("left_foot", 7, (0.02, -0.06, 0.13)),
    ("right_foot", 8, (-0.02, -0.06, 0.13)),
    ("neck", 9, (0.0, 0.22, 0.0)),
    ("left_collar", 9, (0.08, 0.12, 0.0)),
    ("right_collar", 9, (-0.08, 0.12, 0.0)),
    ("head", 12, (0.0, 0.1, 0.03)),
    ("left_shoulder", 13, (0.12, 0.03, 0.0)),
    ("right_shoulder", 14, (-0.12, 0.03, 0.0)),
    ("left_elbow", 16, (0.26, 0.0, 0.0)),
    ("right_elbow", 17, (-0.26, 0.0, 0.0)),
    ("left_wrist", 18, (0.26, 0.0, 0.0)),
    ("right_wrist", 19, (-0.26, 0.0, 0.0)),
)
_FPS = 30.0


@dataclass(frozen=True)
class AngleClip:
    """Our own format: anatomical angles (F, 34) in degrees, in the order of `LIMITS`."""

    path: Path
    angles: Array
    fps: float


def read_npz(path: Path) -> Motion | AngleClip:
    """Read an AMASS file (`poses`, `trans`, `mocap_framerate`) or one of ours (`angles`, `names`, `fps`).

    Raises:
        UserError: It is neither, or its arrays have wrong names or shapes.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if archive.zip is not None and sum(part.file_size for part in archive.zip.infolist()) > _MOST_BYTES:
                raise ValueError("it unpacks to more than 1 GiB")
            data = {name: archive[name] for name in archive.files if archive.zip is not None and name in _WANTED}
            names = archive.files
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: is not a readable npz file ({error}); copy it again") from error
    if "poses" in data:
        return _amass(path, data)
    if "angles" in data and "names" in data:
        return _own(path, data)
    raise UserError(
        f"{path}: holds {', '.join(names) or 'nothing'}; a pose file has 'poses' (AMASS) or 'angles' and 'names' (ours)"
    )


_MOST_BYTES = 1 << 30  # an hour of AMASS at 120 frames a second is half of it
_WANTED = ("poses", "trans", "mocap_framerate", "mocap_frame_rate", "angles", "names", "fps")


def _checked(path: Path, name: str, values: Array) -> Array:
    if values.ndim != 2 or not len(values) or not np.issubdtype(values.dtype, np.number):
        raise UserError(f"{path}: '{name}' is {values.dtype} of shape {values.shape}; frames x values are needed")
    if not np.isfinite(values).all():
        raise UserError(f"{path}: '{name}' holds a number that is not finite; mend the file")
    return values.astype(np.float64)


def _rate(path: Path, data: dict[str, Array], *names: str) -> float:
    rate = float(next((data[name] for name in names if name in data), _FPS))
    if not rate > 0:
        raise UserError(f"{path}: '{names[0]}' is {rate}; a rate is above 0")
    return rate


def _amass(path: Path, data: dict[str, Array]) -> Motion:
    poses = _checked(path, "poses", data["poses"])
    count = len(_SMPL)
    if poses.shape[1] < 3 * count or poses.shape[1] % 3:
        raise UserError(
            f"{path}: 'poses' has {poses.shape[1]} values a frame; SMPL has 72, SMPL-H 156, SMPL-X 165, three a joint"
        )
    names, parents, offsets = zip(*_SMPL, strict=True)
    turns = Rotation.from_rotvec(poses[:, : 3 * count].reshape(-1, 3)).as_matrix().reshape(-1, count, 3, 3)
    shifts = np.repeat(np.array(offsets)[None], len(poses), 0)
    places, rotations = animate(parents, shifts, turns)
    fps = _rate(path, data, "mocap_framerate", "mocap_frame_rate")
    rest = rest_places(parents, np.array(offsets))
    return Motion(path, tuple(names), tuple(parents), rest, places, rotations, fps, up="z")


def _own(path: Path, data: dict[str, Array]) -> AngleClip:
    angles, names = _checked(path, "angles", data["angles"]), [str(name) for name in data["names"].reshape(-1)]
    if len(names) != angles.shape[1]:
        raise UserError(f"{path}: {len(names)} 'names' for {angles.shape[1]} columns of 'angles'; give one each")
    for name in names:
        if name not in LIMITS:
            raise UserError(f"{path}: there is no angle '{name}'{near_match(name, LIMITS)}; known: {', '.join(LIMITS)}")
    full = np.zeros((len(angles), len(LIMITS)))
    order = list(LIMITS)
    full[:, [order.index(name) for name in names]] = angles
    return AngleClip(path, full, _rate(path, data, "fps"))

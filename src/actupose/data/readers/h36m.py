"""Human3.6M (Ionescu et al., TPAMI 2014) in the JSON layout of 3DMPPE (Moon et al., ICCV 2019).

::

    annotations/Human36M_subject1_data.json       "images": [{"file_name", "cam_idx", "action_idx", "frame_idx", ...}]
    annotations/Human36M_subject1_camera.json     camera -> {"R", "t", "f", "c"}
    annotations/Human36M_subject1_joint_3d.json   action -> subaction -> frame -> 17 x 3, millimetres, world
    images/FILE_NAME

Every 5th image of each subject is taken, as in the published experiments. The 17 joints are projected by the camera
(no lens distortion, as published) and put in the order of body16; the thorax is the middle of the shoulders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.draws import fixed_subset, published_choices
from actupose.data.readers.files import below, entry, load_json, numbers, require_file, require_folder, rows
from actupose.data.record_file import packed
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

_TRAIN, _TEST = (1, 5, 6, 7, 8), (9, 11)
SPLITS = {
    "train": _TRAIN,
    "test": _TEST,
    "published_test": _TEST,
    "test_all": _TEST,
    "all": (*_TRAIN, *_TEST),
}
# Joints of Human3.6M in the order of body16; the thorax (7) is computed.
ORDER = (3, 2, 1, 4, 5, 6, 0, 11, 8, 10, 16, 15, 14, 11, 12, 13)
_THORAX, _SHOULDERS = 7, (12, 13)
_NUM_JOINTS = 17
_EVERY = 5


def read_h36m(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read Human3.6M.

    ``train`` is S1, S5, S6, S7, S8; ``test_all`` is S9 and S11. ``test`` is a fixed subset of 3,200 images of
    ``test_all`` (ours); ``published_test`` is the published draw of 3,200 from it with replacement, in which some
    images come twice; ``all`` is every subject.

    Args:
        root: folder with ``annotations/`` and ``images/``.
        split: one of these.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, an unknown split, or annotations that are broken or do not fit each other.
    """
    choose_split(split, SPLITS, root)
    require_folder(root / "annotations", "annotations of Human3.6M", "put the JSON files of the 3DMPPE layout there")
    require_folder(root / "images", "images of Human3.6M", "copy the images of the 3DMPPE layout there")
    records = packed(record for subject in SPLITS[split] for record in _subject(root, subject))
    notes: tuple[str, ...] = ()
    if split == "test":
        records = fixed_subset(records)
        notes = count_note(len(records), 3200, "test images of Human3.6M")
    elif split == "published_test":
        records = published_choices(records)
    return ReadResult(records, load_skeleton("body16"), "h36m", root, split, {"every": _EVERY}, notes)


def to_body16(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joints of Human3.6M, (17, D), in the order of body16, (16, D)."""
    body = joints[list(ORDER)]
    body[_THORAX] = body[list(_SHOULDERS)].mean(0)
    return body


@dataclass(frozen=True)
class _Camera:
    """World coordinates to pixels."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    focal: NDArray[np.float64]
    centre: NDArray[np.float64]

    def project(self, points: NDArray[np.float64], origin: str) -> NDArray[np.float32]:
        """(K, 3) in the world -> (K, 2) pixels."""
        seen = points @ self.rotation.T + self.translation
        if (seen[:, 2] <= 0).any():
            raise UserError(f"{origin}: a joint lies behind the camera; take the annotations from their archive again.")
        return (seen[:, :2] / seen[:, 2:] * self.focal + self.centre).astype(np.float32)


def _subject(root: Path, subject: int) -> Iterator[PoseRecord]:
    data_path, camera_path, joint_path = (_annotation(root, subject, kind) for kind in ("data", "camera", "joint_3d"))
    images = rows(entry(load_json(data_path), "images", str(data_path)), data_path)
    cameras = _cameras(camera_path)
    joints = load_json(joint_path)
    visible = np.full(len(ORDER), 2, np.uint8)
    for i in range(0, len(images), _EVERY):
        origin = f"{data_path}: image {i}"
        image = images[i]
        name = entry(image, "file_name", origin)
        number = str(entry(image, "cam_idx", origin))
        if number not in cameras:
            raise UserError(
                f"{origin} ({name}): names camera {number}, which {camera_path.name} lacks; copy both again."
            )
        points = to_body16(_pose(joints, image, joint_path, origin))
        keypoints = cameras[number].project(points, f"{origin} ({name})")
        kind = str(image.get("action_name", ""))
        yield PoseRecord(below(root / "images", name, origin), name, None, keypoints, visible, kind)


def _annotation(root: Path, subject: int, kind: str) -> Path:
    path = root / "annotations" / f"Human36M_subject{subject}_{kind}.json"
    return require_file(path, f"annotations of subject {subject}", "copy the JSON files of the 3DMPPE layout there")


def _cameras(path: Path) -> dict[str, _Camera]:
    data = load_json(path)
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of cameras; take the file from its archive again.")
    shapes = {"R": (3, 3), "t": (3,), "f": (2,), "c": (2,)}
    cameras = {}
    for number, camera in data.items():
        origin = f"{path}: camera {number}"
        parts = [numbers(entry(camera, key, origin), shape, f"{origin}: '{key}'") for key, shape in shapes.items()]
        cameras[str(number)] = _Camera(*parts)
    return cameras


def _pose(joints: Any, image: dict[str, Any], path: Path, origin: str) -> NDArray[np.float64]:  # noqa: ANN401 - JSON
    """The 17 joints of one image, in the world."""
    found = joints
    place = [str(entry(image, key, origin)) for key in ("action_idx", "subaction_idx", "frame_idx")]
    where = f"{path}: action {place[0]}, subaction {place[1]}, frame {place[2]}"
    for key in place:
        if not isinstance(found, dict) or key not in found:
            raise UserError(f"{where}: is not there, but {origin} names it; copy both files again.")
        found = found[key]
    return numbers(found, (_NUM_JOINTS, 3), where)

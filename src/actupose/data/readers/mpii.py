"""MPII Human Pose (Andriluka et al., CVPR 2014): the official release, and the JSON files most code trains on.

::

    mpii_human_pose_v1_u12_1.mat      RELEASE: annolist (image.name, annorect, vidx), img_train, act
    annot/train.json, valid.json      list of {"image", "joints": 16 pairs, "joints_vis", "center", "scale"}
    images/

The joints are in the order of body16. Both files count pixels from 1, so 1 is taken off. The person box is the
customary one: centred 15 ``scale`` below the person's position, with a crop of 250 ``scale`` a side at the usual growth
of 1.5; where there is no position or scale, the box of the labelled joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.files import (
    MissingDataError,
    below,
    entry,
    load_json,
    load_mat,
    numbers,
    require_file,
    require_folder,
    rows,
)
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

MAT = "mpii_human_pose_v1_u12_1.mat"
SPLITS = ("train", "val", "published_train", "published_val", "all")
_JSON = {"published_train": ("train", 22_246), "published_val": ("valid", 2_958)}
_IMAGES = 24_987
_NUM_JOINTS = 16
_VAL_EVERY = 10
_UNIT = 200.0  # pixels of a person's height at scale 1
_GROWTH, _USUAL_EXPAND, _LOWER = 1.25, 1.5, 15.0


def read_mpii(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read MPII; the authors' test images have no labels and are left out.

    From the official file: ``val`` is every tenth video, ``train`` the others (ours: no video is in both), ``all``
    both. From the JSON files: ``published_train`` and ``published_val``, the split by image that is customary.

    Args:
        root: folder with the annotations and ``images/``.
        split: one of these.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, an unknown split, broken annotations, or nobody in the split.
    """
    choose_split(split, SPLITS, root)
    require_folder(root, "root of MPII", f"name the folder that holds {MAT} or annot/, and images/")
    images = require_folder(root / "images", "images of MPII", "copy the images of the official archive there")
    if split in _JSON:
        name, expected = _JSON[split]
        path = require_file(root / "annot" / f"{name}.json", "annotations of MPII as JSON", "copy them there")
        records = tuple(_from_json(path, images))
        notes = count_note(len(records), expected, f"people of MPII, {name}.json")
    else:
        path = _find_mat(root)
        count, records = _from_mat(path, images, split)
        notes = count_note(count, _IMAGES, f"images in {MAT}")
    if not records:
        raise UserError(f"{path}: holds no labelled person of split '{split}'; use split 'all'.")
    return ReadResult(records, load_skeleton("body16"), "mpii", root, split, {}, notes)


def _find_mat(root: Path) -> Path:
    for folder in (root, *sorted(p for p in root.iterdir() if p.is_dir() and p.name != "images")):
        if (folder / MAT).is_file():
            return folder / MAT
    raise MissingDataError(
        f"{root / MAT}: no such file (annotations of MPII; the JSON files have the splits 'published_train' and "
        "'published_val'); copy it there."
    )


# -- the official file


def _from_mat(path: Path, images: Path, split: str) -> tuple[int, tuple[PoseRecord, ...]]:
    """How many images the file names, and the labelled people of a split."""
    release = load_mat(path, "RELEASE", structs=True).get("RELEASE")
    annotated = _many(getattr(release, "annolist", None))
    train = np.atleast_1d(np.asarray(getattr(release, "img_train", ())))
    if not annotated or len(train) != len(annotated):
        raise UserError(
            f"{path}: has no RELEASE with as many 'img_train' as 'annolist'; take it from the official archive again."
        )
    kinds = _many(getattr(release, "act", None))
    records: list[PoseRecord] = []
    for i, image in enumerate(annotated):
        origin = f"{path}: image {i + 1}"
        if train[i] == 1 and (split == "all" or (_video(image, i) % _VAL_EVERY == 0) == (split == "val")):
            kind = str(getattr(kinds[i], "cat_name", "")) if i < len(kinds) else ""
            records += _people(image, images, origin, "" if kind == "[]" else kind)
    return len(annotated), tuple(records)


def _many(value: Any) -> list[Any]:  # noqa: ANN401 - structures of MATLAB
    """The structures of an array that may have lost its axis; empty for none."""
    return [v for v in np.atleast_1d(np.asarray(value, dtype=object)).ravel() if hasattr(v, "_fieldnames")]


def _video(image: Any, index: int) -> int:  # noqa: ANN401 - a structure of MATLAB
    number = np.asarray(getattr(image, "vidx", index))
    return int(number) if number.ndim == 0 and number.dtype.kind in "fiu" else index


def _people(image: Any, images: Path, origin: str, kind: str) -> Iterator[PoseRecord]:  # noqa: ANN401
    name = getattr(getattr(image, "image", None), "name", None)
    path = below(images, name, origin)
    for i, person in enumerate(_many(getattr(image, "annorect", None))):
        points = _many(getattr(getattr(person, "annopoints", None), "point", None))
        if points:
            keypoints, visible = _joints(points, f"{origin} ({name}), person {i + 1}")
            position = getattr(person, "objpos", None)
            box = _box(getattr(position, "x", None), getattr(position, "y", None), getattr(person, "scale", None))
            yield PoseRecord(path, f"{name}#{i + 1}", box, keypoints, visible, kind)


def _joints(points: Sequence[Any], origin: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    keypoints, visible = np.zeros((_NUM_JOINTS, 2), np.float32), np.zeros(_NUM_JOINTS, np.uint8)
    for point in points:
        values = [getattr(point, key, None) for key in ("x", "y", "id")]
        x, y, joint = numbers(values, (3,), f"{origin}: x, y and id of a joint")
        if joint not in range(_NUM_JOINTS):
            raise UserError(f"{origin}: has a joint {joint:g}, MPII has 0 to 15; take the file from its archive again.")
        keypoints[int(joint)] = x - 1, y - 1
        hidden = str(getattr(point, "is_visible", "1")) == "0"
        visible[int(joint)] = 1 if hidden else 2
    return keypoints, visible


def _box(x: object, y: object, scale: object) -> Box | None:
    """The customary box out of a person's position and scale; None where one of them is missing."""
    try:
        left, top, size = (float(np.asarray(v, np.float64)) for v in (x, y, scale))
    except (TypeError, ValueError):
        return None
    if not np.isfinite([left, top, size]).all() or size <= 0:
        return None
    half = size * _UNIT * _GROWTH / _USUAL_EXPAND / 2
    middle = (left - 1, top - 1 + _LOWER * size)
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half


# -- the JSON files


def _from_json(path: Path, images: Path) -> Iterator[PoseRecord]:
    for i, person in enumerate(rows(load_json(path), path)):
        origin = f"{path}: record {i}"
        name = entry(person, "image", origin)
        image = below(images, name, origin)
        joints = numbers(entry(person, "joints", origin), (_NUM_JOINTS, 2), f"{origin} ({name}): 'joints'")
        seen = numbers(entry(person, "joints_vis", origin), (_NUM_JOINTS,), f"{origin} ({name}): 'joints_vis'") > 0
        x, y = numbers(entry(person, "center", origin), (2,), f"{origin} ({name}): 'center'")
        if seen.any():
            box = _box(x, y, entry(person, "scale", origin))
            visible = np.where(seen, 2, 0).astype(np.uint8)
            yield PoseRecord(image, f"{name}#{i}", box, (joints - 1).astype(np.float32), visible)

"""COCO keypoints JSON (Lin et al., ECCV 2014) beside its images.

::

    annotations/person_keypoints_val2017.json     split val2017
    val2017/000000000139.jpg                      or images/val2017/, images/, or file_name below the root

Many tools export this format; the skeleton is told by the category: a built-in one of the same keypoint names, else
its own, with its limbs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actupose.data.readers.base import (
    ReadOptions,
    ReadResult,
    choose_split,
    derived_notes,
    require_file,
    require_folder,
)
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton, available_skeletons, load_skeleton
from actupose.skeletons.formats import category_data

_PREFIX = "person_keypoints_"


def read_coco(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the labelled people of one COCO keypoints file; crowds and people without a labelled keypoint are left out.

    A record's name is ``file_name#annotation_id``; coordinates are pixel indices as in COCO, boxes are turned from
    corners to indices.

    Args:
        root: folder with ``annotations/`` and the images.
        split: the file's name without ``person_keypoints_`` and ``.json``; ``all`` where there is one file alone.
        options: ``annotations`` names a file elsewhere (then the split is its name or ``all``).

    Raises:
        UserError: a wrong layout, broken JSON, an annotation that names no image or has a wrong length, an unknown
            split, or no labelled person.
    """
    require_folder(root, "root of a COCO dataset", "name the folder that holds annotations/ and the images")
    path, split = _annotation_file(root, split, options.annotations)
    data = _load_json(path)
    images = {_entry(path, "images", e, "id"): str(_entry(path, "images", e, "file_name")) for e in data["images"]}
    category_ids, category = _posed_category(path, data["categories"])
    skeleton = _skeleton(path, category)
    source = _File(path, category_ids, skeleton.num_keypoints)
    people = list(_people(source, data["annotations"], images))
    if not people:
        raise UserError(f"{path}: holds no person with a labelled keypoint; name another annotation file.")
    folder = _image_folder(root, split, path, images[people[0][0]])
    records = tuple(
        PoseRecord(folder / images[image], f"{images[image]}#{number}", box, keypoints, visible)
        for image, number, box, keypoints, visible in people
    )
    return ReadResult(records, skeleton, "coco", root, split, notes=derived_notes(skeleton))


@dataclass(frozen=True)
class _File:
    """What is needed to read one annotation: file, categories, K."""

    path: Path
    category_ids: frozenset[int]
    num_keypoints: int


_Person = tuple[Any, Any, Box | None, Any, Any]


def _annotation_file(root: Path, split: str, given: Path | None) -> tuple[Path, str]:
    if given is not None:
        require_file(given, "COCO annotations", "name an existing JSON file")
        name = given.stem.removeprefix(_PREFIX)
        choose_split(split, (name, "all"), given)
        return given, name
    folder = require_folder(root / "annotations", "COCO annotations", "put the keypoints JSON there")
    files = sorted(folder.glob(f"{_PREFIX}*.json")) or sorted(folder.glob("*.json"))
    if not files:
        raise UserError(f"{folder}: holds no JSON file; put the keypoints JSON there.")
    known = {file.stem.removeprefix(_PREFIX): file for file in files}
    if split == "all" and len(files) == 1:
        split = next(iter(known))
    choose_split(split, known, root)
    return known[split], split


def _load_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not readable JSON ({error}); copy it again.") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise UserError(
                f"{path}: has no list '{key}'; name a COCO keypoints JSON (images, annotations, categories)."
            )
    return dict(data)


def _entry(path: Path, table: str, entry: object, key: str) -> Any:  # noqa: ANN401 - JSON holds anything
    if not isinstance(entry, Mapping) or key not in entry:
        shown = json.dumps(entry)[:60]
        raise UserError(f"{path}: an entry of '{table}' has no '{key}' ({shown}); export the file again.")
    return entry[key]


def _posed_category(path: Path, categories: Sequence[Any]) -> tuple[frozenset[int], Mapping[str, Any]]:
    """The first category with keypoints, and the ids of all with the same ones."""
    posed = [c for c in categories if isinstance(c, Mapping) and c.get("keypoints")]
    if not posed:
        raise UserError(f"{path}: no category has 'keypoints'; name a COCO keypoints JSON, not a detection one.")
    same = [c for c in posed if c["keypoints"] == posed[0]["keypoints"]]
    return frozenset(_entry(path, "categories", c, "id") for c in same), posed[0]


def _skeleton(path: Path, category: Mapping[str, Any]) -> Skeleton:
    data = category_data(category, str(path))
    for name in available_skeletons():
        skeleton = load_skeleton(name)
        if skeleton.keypoints == tuple(data["keypoints"]):
            return skeleton
    return Skeleton.from_dict(data, str(path))


def _people(source: _File, annotations: Sequence[Any], images: Mapping[Any, str]) -> Iterator[_Person]:
    for entry in annotations:
        number = _entry(source.path, "annotations", entry, "id")
        image = _entry(source.path, "annotations", entry, "image_id")
        if image not in images:
            raise UserError(
                f"{source.path}: annotation {number} names image {image}, which 'images' lacks; export the file again."
            )
        category = entry.get("category_id")
        if entry.get("iscrowd") or (category is not None and category not in source.category_ids):
            continue
        keypoints, visible = _keypoints(source, number, entry.get("keypoints") or [])
        if visible.any():
            yield image, number, _box(source.path, number, entry), keypoints, visible


def _keypoints(source: _File, number: object, values: Sequence[Any]) -> tuple[Any, Any]:
    wanted = 3 * source.num_keypoints
    if not values:
        return np.zeros((source.num_keypoints, 2), np.float32), np.zeros(source.num_keypoints, np.uint8)
    if len(values) != wanted or not all(isinstance(v, int | float) for v in values):
        raise UserError(
            f"{source.path}: annotation {number} has {len(values)} keypoint values, the category has "
            f"{source.num_keypoints} keypoints, so {wanted} numbers are needed; export the file again."
        )
    table = np.asarray(values, np.float32).reshape(-1, 3)
    visible = np.clip(np.nan_to_num(table[:, 2]), 0, 2).astype(np.uint8)
    return table[:, :2], visible


def _box(path: Path, number: object, entry: Mapping[str, Any]) -> Box | None:
    values = entry.get("bbox")
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 4 or not all(isinstance(v, int | float) for v in values):
        raise UserError(f"{path}: 'bbox' of annotation {number} must be [x, y, width, height], got {values}.")
    x, y, width, height = (float(v) for v in values)
    return (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)


def _image_folder(root: Path, split: str, annotations: Path, first: str) -> Path:
    """The folder that the file names are relative to."""
    folders = [root / split, root / "images" / split, root / "images", root]
    for folder in folders:
        if (folder / first).is_file():
            return folder
    for folder in folders[:3]:
        if folder.is_dir():
            return folder
    looked = ", ".join(f"{f.relative_to(root).as_posix()}/" for f in folders[:3])
    raise UserError(f"{root}: the images of {annotations.name} are missing (looked in {looked}); copy them there.")

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

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note, derived_notes
from actupose.data.readers.files import MissingDataError, below, load_json, require_file, require_folder
from actupose.data.record_file import packed
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton, available_skeletons, load_skeleton
from actupose.skeletons.formats import category_data

_PREFIX = "person_keypoints_"
_PEOPLE = {"train2017": 149_813, "val2017": 6_352}
_LARGEST = 2**53


def read_coco(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the labelled people of one COCO keypoints file.

    Crowds are left out, and people without a labelled keypoint or with ``num_keypoints`` 0, as COCO's own scores do.

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
    images = _image_names(path, data["images"])
    category_ids, category = _posed_category(path, data["categories"])
    skeleton = _skeleton(path, category)
    source = _File(path, category_ids, skeleton.num_keypoints)
    people = list(_people(source, data["annotations"], images))
    if not people:
        raise UserError(f"{path}: holds no person with a labelled keypoint; name another annotation file.")
    folder = _image_folder(root, split, path, images, people[0][0])
    records = packed(
        PoseRecord(
            below(folder, images[image], f"{path}: image {image}"), f"{images[image]}#{number}", box, keypoints, visible
        )
        for image, number, box, keypoints, visible in people
    )
    notes = derived_notes(skeleton)
    if split in _PEOPLE:
        notes += count_note(len(records), _PEOPLE[split], f"labelled people of COCO {split}")
    return ReadResult(records, skeleton, "coco", root, split, notes=notes)


@dataclass(frozen=True)
class _File:
    """What is needed to read one annotation: file, categories, K."""

    path: Path
    category_ids: frozenset[int | str]
    num_keypoints: int


_Person = tuple[int | str, int | str, Box | None, Any, Any]


def _annotation_file(root: Path, split: str, given: Path | None) -> tuple[Path, str]:
    if given is not None:
        require_file(given, "COCO annotations", "name an existing JSON file")
        name = given.stem.removeprefix(_PREFIX)
        choose_split(split, (name, "all"), given)
        return given, name
    folder = require_folder(root / "annotations", "COCO annotations", "put the keypoints JSON there")
    files = sorted(folder.glob(f"{_PREFIX}*.json")) or sorted(folder.glob("*.json"))
    if not files:
        raise MissingDataError(f"{folder}: holds no JSON file; put the keypoints JSON there.")
    known = {file.stem.removeprefix(_PREFIX): file for file in files}
    if split == "all" and len(files) == 1:
        split = next(iter(known))
    choose_split(split, known, root)
    return known[split], split


def _load_json(path: Path) -> dict[str, Any]:
    data = load_json(path)
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


def _image_names(path: Path, entries: Sequence[Any]) -> dict[int | str, str]:
    """File name by image id."""
    names: dict[int | str, str] = {}
    for entry in entries:
        number = _id(path, "images", entry, "id")
        if number in names:
            raise UserError(f"{path}: two images have the id {number}; export the file again.")
        names[number] = _entry(path, "images", entry, "file_name")
    return names


def _id(path: Path, table: str, entry: object, key: str) -> int | str:
    number = _entry(path, table, entry, key)
    if not isinstance(number, int | str):
        raise UserError(f"{path}: '{key}' of an entry of '{table}' is {number!r}, not a number; export the file again.")
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST)


def _posed_category(path: Path, categories: Sequence[Any]) -> tuple[frozenset[int | str], Mapping[str, Any]]:
    """The first category with keypoints, and the ids of all with the same ones."""
    posed = [c for c in categories if isinstance(c, Mapping) and c.get("keypoints")]
    if any(not isinstance(c["keypoints"], list) for c in posed):
        raise UserError(f"{path}: 'keypoints' of a category must be a list of names; export the file again.")
    if not posed:
        raise UserError(f"{path}: no category has 'keypoints'; name a COCO keypoints JSON, not a detection one.")
    same = [c for c in posed if c["keypoints"] == posed[0]["keypoints"]]
    return frozenset(_id(path, "categories", c, "id") for c in same), posed[0]


def _skeleton(path: Path, category: Mapping[str, Any]) -> Skeleton:
    data = category_data(category, str(path))
    for name in available_skeletons():
        skeleton = load_skeleton(name)
        if skeleton.keypoints == tuple(data["keypoints"]):
            return skeleton
    return Skeleton.from_dict(data, str(path))


def _people(source: _File, annotations: Sequence[Any], images: Mapping[int | str, str]) -> Iterator[_Person]:
    for entry in annotations:
        number = _id(source.path, "annotations", entry, "id")
        image = _id(source.path, "annotations", entry, "image_id")
        if image not in images:
            raise UserError(
                f"{source.path}: annotation {number} names image {image}, which 'images' lacks; export the file again."
            )
        category = None if entry.get("category_id") is None else _id(source.path, "annotations", entry, "category_id")
        other = category is not None and category not in source.category_ids
        if other or entry.get("iscrowd") or entry.get("num_keypoints") == 0:
            continue
        keypoints, visible = _keypoints(source, number, entry.get("keypoints") or [])
        if visible.any():
            yield image, number, _box(source.path, number, entry), keypoints, visible


def _keypoints(source: _File, number: object, values: Sequence[Any]) -> tuple[Any, Any]:
    wanted = 3 * source.num_keypoints
    if not isinstance(values, list):
        raise UserError(f"{source.path}: 'keypoints' of annotation {number} must be a list; export the file again.")
    if not values:
        return np.zeros((source.num_keypoints, 2), np.float32), np.zeros(source.num_keypoints, np.uint8)
    if len(values) != wanted or not all(_is_number(v) for v in values):
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
    if not isinstance(values, list) or len(values) != 4 or not all(_is_number(v) for v in values):
        raise UserError(f"{path}: 'bbox' of annotation {number} must be [x, y, width, height], got {values}.")
    x, y, width, height = (float(v) for v in values)
    return (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)


def _image_folder(root: Path, split: str, annotations: Path, images: Mapping[int | str, str], first: int | str) -> Path:
    """The folder that the file names are relative to, by the first image that is needed."""
    folders = [root / split, root / "images" / split, root / "images", root]
    for folder in folders:
        if below(folder, images[first], f"{annotations}: image {first}").is_file():
            return folder
    for folder in folders[:3]:
        if folder.is_dir():
            return folder
    looked = ", ".join(f"{f.relative_to(root).as_posix()}/" for f in folders[:3])
    raise MissingDataError(
        f"{root}: the images of {annotations.name} are missing (looked in {looked}); copy them there."
    )

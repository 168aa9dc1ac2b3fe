"""Person boxes of a target without labels, from a JSON file: one box or several for each picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from actupose.data.readers.files import load_json, require_file
from actupose.data.record_file import packed
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match

Boxes = Mapping[str, Sequence[Box]]


def with_boxes(records: Sequence[PoseRecord], boxes: Boxes) -> Sequence[PoseRecord]:
    """One record for each box; records without any are left out.

    Args:
        records: whole pictures.
        boxes: record name -> boxes in pixel indices. The second and later ones of a picture get ``#1`` and on behind
            their name.
    """
    return packed(
        replace(record, box=box, name=record.name if k == 0 else f"{record.name}#{k}")
        for record in records
        for k, box in enumerate(boxes.get(record.name, ()))
    )


def read_boxes(path: Path, names: Sequence[str]) -> dict[str, list[Box]]:
    """Read ``{"file name": [x0, y0, x1, y1]}``, or a list of such boxes for a picture with several people.

    A file that the detector wrote, with the boxes under the key ``boxes``, is read too. The numbers count pixels from
    the upper left corner of the upright picture.

    Args:
        path: the JSON file.
        names: what the pictures are called.

    Raises:
        UserError: it is missing, broken, empty, or names no picture of the folder.
    """
    require_file(path, "person boxes", 'give a JSON file of {"file name": [x0, y0, x1, y1]}')
    data = load_json(path)
    if isinstance(data, dict) and isinstance(data.get("boxes"), dict):
        data = data["boxes"]
    if not isinstance(data, dict) or not data:
        raise UserError(f'{path}: must be a mapping {{"file name": [x0, y0, x1, y1]}} with at least one entry.')
    known = set(names)
    for name in data:
        if name not in known:
            raise UserError(f"{path}: names '{name}', which is no image of the folder{near_match(name, names)}.")
    return {name: [_box(path, name, b) for b in _several(value)] for name, value in data.items()}


def _several(value: object) -> list[object]:
    """A list of boxes as it is; a single box, or what is none, as a list of one."""
    nested = isinstance(value, list) and all(isinstance(v, list) for v in value)
    return value if isinstance(value, list) and nested else [value]


def _box(path: Path, name: str, value: object) -> Box:
    numbers = value if isinstance(value, list) else []
    good = len(numbers) == 4 and all(isinstance(v, int | float) and math.isfinite(v) for v in numbers)
    if not good or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        raise UserError(f"{path}: box of '{name}' must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1, got {value}.")
    return from_corners(numbers)


def from_corners(box: Sequence[float]) -> Box:
    """Pixel indices from pixels counted from the upper left corner."""
    x0, y0, x1, y1 = (float(v) - 0.5 for v in box)
    return (x0, y0, x1, y1)


def to_corners(box: Box) -> list[float]:
    """The reverse of `from_corners`."""
    return [v + 0.5 for v in box]

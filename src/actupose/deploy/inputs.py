"""What a user wants predicted: images and folders of images, whole or by person box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actupose.data.readers.base import ReadOptions
from actupose.data.readers.folder import SUFFIXES, read_folder
from actupose.data.records import PoseRecord
from actupose.errors import UserError


def find_inputs(inputs: Sequence[Path], boxes: Path | None = None) -> tuple[PoseRecord, ...]:
    """List the pictures to predict; none is opened yet.

    Args:
        inputs: image files and folders, which are searched to any depth.
        boxes: JSON ``{"file name": [x0, y0, x1, y1]}`` of person boxes, for one folder; only the images in it are
            predicted. Without boxes a picture is taken whole.

    Returns:
        Records without labels. Of a single folder the names are relative to it, of several each begins with its
        folder's own name.

    Raises:
        UserError: an input is missing or holds no image, boxes do not fit, or two pictures have one name.
    """
    if not inputs:
        raise UserError("no input; name image files or folders.")
    if boxes is not None and (len(inputs) != 1 or not inputs[0].is_dir()):
        raise UserError(f"{boxes}: boxes go with exactly one folder of images; name that folder alone.")
    records: list[PoseRecord] = []
    for path in inputs:
        found = _of(path, boxes)
        if path.is_dir() and len(inputs) > 1:
            found = tuple(replace(r, name=f"{path.resolve().name}/{r.name}") for r in found)
        records += found
    name, count = Counter(r.name for r in records).most_common(1)[0]
    if count > 1:
        raise UserError(f"{count} inputs are called '{name}'; predict them in separate calls.")
    return tuple(records)


def _of(path: Path, boxes: Path | None) -> tuple[PoseRecord, ...]:
    if path.is_dir():
        return read_folder(path, "all", ReadOptions(boxes=boxes)).records
    if not path.exists():
        raise UserError(f"{path}: no such image or folder.")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: is no image that is known here; name a file with one of {' '.join(SUFFIXES)}.")
    return (PoseRecord(image=path, name=path.name),)

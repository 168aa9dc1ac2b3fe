"""A plain folder of images, without labels: the usual unlabelled target domain."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split
from actupose.data.readers.files import load_json, require_file, require_folder
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.skeletons.skeleton import near_match

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SPLITS = ("all",)
_DEFAULT_SKELETON = "body16"


def read_folder(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read every image below a folder, in the order of their paths; hidden files and folders are left out.

    Without boxes a record is a whole image. With ``options.boxes``, a JSON mapping of file names (relative to the
    folder, with ``/``) to ``[x0, y0, x1, y1]`` in pixels from the upper left corner of the upright image, only the
    images in it are read.

    Args:
        root: the folder.
        split: ``all``.
        options: ``boxes`` and ``skeleton`` (what the model to train predicts; default body16).

    Raises:
        UserError: the folder is missing or holds no image, or the boxes do not fit it.
    """
    choose_split(split, SPLITS, root)
    require_folder(root, "folder of images", "name a folder that holds images")
    names = sorted(_image_names(root))
    if not names:
        raise UserError(f"{root}: holds no image; put files with one of {' '.join(SUFFIXES)} there.")
    boxes = None if options.boxes is None else _read_boxes(options.boxes, names)
    records = tuple(
        PoseRecord(image=root / name, name=name, box=None if boxes is None else boxes[name])
        for name in names
        if boxes is None or name in boxes
    )
    return ReadResult(records, options.skeleton or load_skeleton(_DEFAULT_SKELETON), "folder", root, split)


def has_images(root: Path) -> bool:
    """Whether at least one image lies below the folder; stops at the first."""
    return next(_image_names(root), None) is not None


def _image_names(root: Path) -> Iterator[str]:
    found = (p.relative_to(root) for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return (p.as_posix() for p in found if not any(part.startswith(".") for part in p.parts))


def _read_boxes(path: Path, names: list[str]) -> dict[str, Box]:
    require_file(path, "person boxes", 'give a JSON file of {"file name": [x0, y0, x1, y1]}')
    data = load_json(path)
    if not isinstance(data, dict) or not data:
        raise UserError(f'{path}: must be a mapping {{"file name": [x0, y0, x1, y1]}} with at least one entry.')
    known = set(names)
    for name in data:
        if name not in known:
            raise UserError(f"{path}: names '{name}', which is no image of the folder{near_match(name, names)}.")
    return {name: _box(path, name, value) for name, value in data.items()}


def _box(path: Path, name: str, value: object) -> Box:
    numbers = value if isinstance(value, list) else []
    good = len(numbers) == 4 and all(isinstance(v, int | float) and math.isfinite(v) for v in numbers)
    if not good or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        raise UserError(f"{path}: box of '{name}' must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1, got {value}.")
    x0, y0, x1, y1 = (float(v) - 0.5 for v in numbers)  # corners -> pixel indices
    return (x0, y0, x1, y1)

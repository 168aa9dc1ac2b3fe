"""A plain folder of images, without labels: the usual unlabelled target domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split
from actupose.data.readers.boxes import read_boxes, with_boxes
from actupose.data.readers.files import require_folder
from actupose.data.record_file import packed
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SPLITS = ("all",)
_DEFAULT_SKELETON = "body16"


def read_folder(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read every image below a folder, in the order of their paths; hidden files and folders are left out.

    Without boxes a record is a whole image. With ``options.boxes`` (see `read_boxes`; names are relative to the folder,
    with ``/``) only the images in it are read, one record a box.

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
    records = packed(PoseRecord(image=root / name, name=name) for name in names)
    if options.boxes is not None:
        records = with_boxes(records, read_boxes(options.boxes, names))
    return ReadResult(records, options.skeleton or load_skeleton(_DEFAULT_SKELETON), "folder", root, split)


def has_images(root: Path) -> bool:
    """Whether at least one image lies below the folder; stops at the first."""
    return next(_image_names(root), None) is not None


def _image_names(root: Path) -> Iterator[str]:
    found = (p.relative_to(root) for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return (p.as_posix() for p in found if not any(part.startswith(".") for part in p.parts))

"""Readers of published formats: each yields `PoseRecord`s and nothing else.

To add a format, write one module with a function ``(root, split, options) -> ReadResult`` and give it an entry in
`table.py`.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from actupose.data.readers.base import JointMap, ReadOptions, ReadResult, to_skeleton
from actupose.data.readers.files import MissingDataError, require_folder
from actupose.data.readers.table import READERS, Reader
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.mapping import Renames
from actupose.skeletons.skeleton import near_match

__all__ = ["READERS", "JointMap", "ReadOptions", "ReadResult", "Reader", "read", "sniff", "to_skeleton"]


def read(
    name: str,
    root: str | Path,
    split: str = "all",
    *,
    skeleton: Skeleton | None = None,
    renames: Renames | None = None,
    annotations: str | Path | None = None,
    boxes: str | Path | None = None,
    frame_stride: int | None = None,
    num_frames: int | None = None,
    joint_map: JointMap | None = None,
) -> ReadResult:
    """Read a dataset in a published format.

    Args:
        name: one of `READERS`.
        root: folder of the dataset.
        split: part of it.
        skeleton: skeleton the records should be in, keypoints matched by name; None = the format's own.
        renames: keypoint name in the data -> name in ``skeleton``, where they differ.
        annotations: annotation file (``coco``).
        boxes: JSON file of person boxes (``folder``, ``video``).
        frame_stride: take every n-th frame of a video (``video``, ``surreal``).
        num_frames: take at most so many frames of a video, evenly spread (``video``).
        joint_map: ``mpii`` or ``regda``: which joints count as shoulders (``surreal``, ``surreal_crops``).

    Raises:
        UserError: an unknown reader or split, an option the reader does not take, or data it cannot read.
    """
    if name not in READERS:
        raise UserError(f"no reader '{name}' (readers: {', '.join(READERS)}){near_match(name, READERS)}.")
    reader = READERS[name]
    options = ReadOptions(
        skeleton=skeleton,
        annotations=None if annotations is None else Path(annotations),
        boxes=None if boxes is None else Path(boxes),
        frame_stride=frame_stride,
        num_frames=num_frames,
        joint_map=joint_map,
    )
    _refuse_idle_options(reader, options)
    if renames and skeleton is None:
        raise UserError("a keypoint map needs the skeleton that it leads to; give that too.")
    try:
        result = reader.load()(Path(root), split, options)
    except MissingDataError as error:
        offered = f" {reader.help} is offered {reader.owner}; nothing is downloaded here." if reader.owner else ""
        raise MissingDataError(f"{error}{offered}") from error
    if not result.records:
        raise UserError(f"{result.root}: split '{result.split}' holds nobody; name another split.")
    return result if skeleton is None else to_skeleton(result, skeleton, renames)


def _refuse_idle_options(reader: Reader, options: ReadOptions) -> None:
    for option in (f.name for f in fields(options) if f.name != "skeleton"):
        value = getattr(options, option)
        if value is not None and option not in reader.takes:
            takers = ", ".join(r.name for r in READERS.values() if option in r.takes)
            raise UserError(f"reader '{reader.name}' takes no '{option}' ({value}); remove it (it is for: {takers}).")


def sniff(root: str | Path) -> str:
    """Say what a folder holds.

    Returns:
        ``store``, or the name of a reader.

    Raises:
        UserError: the folder is missing or nothing in it is known.
    """
    root = require_folder(Path(root), "dataset or folder of images", "name an existing folder")
    if (root / "store.json").is_file():
        return "store"
    if (root / "joints.mat").is_file():
        return _sniff_leeds(root / "joints.mat")
    for reader in READERS.values():
        if any(next(root.glob(mark), None) is not None for mark in reader.marks):
            return reader.name
    from actupose.data.readers.folder import has_images

    if has_images(root):
        return "folder"
    raise UserError(
        f"{root}: holds no dataset that is known here and no image; name a store, the root of a published dataset "
        f"({', '.join(r.name for r in READERS.values() if r.name != 'folder')}) or a folder of images."
    )


def _sniff_leeds(path: Path) -> str:
    from actupose.data.readers.leeds import joints_shape

    shape = joints_shape(path)
    kind = {(14, 3): "lspet", (3, 14): "lsp"}.get(shape[:2]) if len(shape) == 3 else None
    if kind is None:
        raise UserError(
            f"{path}: 'joints' is {shape}; LSP-extended has (14, 3, N), LSP (3, 14, N): take it from the archive again."
        )
    return kind

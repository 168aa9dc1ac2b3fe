"""Readers of published formats: each yields `PoseRecord`s and nothing else.

To add a format, write one module with a function ``(root, split, options) -> ReadResult`` and name it in `READERS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from actupose.data.readers.base import ReadOptions, ReadResult, require_folder, to_skeleton
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.mapping import Renames
from actupose.skeletons.skeleton import near_match

__all__ = ["READERS", "ReadOptions", "ReadResult", "Reader", "read", "sniff", "to_skeleton"]

ReadFunction = Callable[[Path, str, ReadOptions], ReadResult]


@dataclass(frozen=True)
class Reader:
    """One published format.

    Attributes:
        name: what users call it.
        function: ``module:function``, imported when used.
        skeleton: name of its skeleton; empty = it depends on the data.
        splits: its parts; empty = they depend on the data.
        help: one line.
        takes: which of `ReadOptions` it uses besides ``skeleton``.
    """

    name: str
    function: str
    skeleton: str
    splits: tuple[str, ...]
    help: str
    takes: tuple[str, ...] = ()

    def load(self) -> ReadFunction:
        """Import and return the function."""
        module, function = self.function.split(":")
        return cast(ReadFunction, getattr(importlib.import_module(f"{__name__}.{module}"), function))


_KNOWN = (
    Reader("lspet", "lspet:read_lspet", "lsp14", ("train", "test", "all"), "Leeds Sports Pose Extended"),
    Reader("lsp", "lsp:read_lsp", "lsp14", ("train", "test", "all"), "Leeds Sports Pose"),
    Reader("coco", "coco:read_coco", "", (), "COCO keypoints JSON beside images", ("annotations",)),
    Reader("folder", "folder:read_folder", "", ("all",), "folder of images without labels", ("boxes",)),
)
READERS: dict[str, Reader] = {reader.name: reader for reader in _KNOWN}


def read(
    name: str,
    root: str | Path,
    split: str = "all",
    *,
    skeleton: Skeleton | None = None,
    renames: Renames | None = None,
    annotations: str | Path | None = None,
    boxes: str | Path | None = None,
) -> ReadResult:
    """Read a dataset in a published format.

    Args:
        name: one of `READERS`.
        root: folder of the dataset.
        split: part of it.
        skeleton: skeleton the records should be in, keypoints matched by name; None = the format's own.
        renames: keypoint name in the data -> name in ``skeleton``, where they differ.
        annotations: annotation file (``coco``).
        boxes: JSON file of person boxes (``folder``).

    Raises:
        UserError: an unknown reader or split, an option the reader does not take, or data it cannot read.
    """
    if name not in READERS:
        raise UserError(f"no reader '{name}' (readers: {', '.join(READERS)}){near_match(name, READERS)}.")
    reader = READERS[name]
    for option, value in (("annotations", annotations), ("boxes", boxes)):
        if value is not None and option not in reader.takes:
            takers = ", ".join(r.name for r in _KNOWN if option in r.takes)
            raise UserError(f"reader '{name}' takes no '{option}' ({value}); remove it (it is for: {takers}).")
    options = ReadOptions(
        skeleton=skeleton,
        annotations=None if annotations is None else Path(annotations),
        boxes=None if boxes is None else Path(boxes),
    )
    if renames and skeleton is None:
        raise UserError("a keypoint map needs the skeleton that it leads to; give that too.")
    result = reader.load()(Path(root), split, options)
    if not result.records:
        raise UserError(f"{result.root}: split '{result.split}' holds nobody; name another split.")
    return result if skeleton is None else to_skeleton(result, skeleton, renames)


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
    if any((root / "annotations").glob("*.json")):
        return "coco"
    from actupose.data.readers.folder import has_images

    if has_images(root):
        return "folder"
    raise UserError(
        f"{root}: holds no dataset that is known here and no image; name a store, an LSP or LSP-extended root "
        "(joints.mat, images/), a COCO root (annotations/*.json) or a folder of images."
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

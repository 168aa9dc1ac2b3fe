"""Formats that predictions are written in; one small class each.

To add one: a subclass of `Writer` in a module of this folder, and its line in `FORMATS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from actupose.deploy.outputs.base import OutputJob, Writer
from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match

FORMATS = {
    "coco": "coco:CocoWriter",
    "csv": "table:CsvWriter",
    "parquet": "table:ParquetWriter",
    "deeplabcut": "deeplabcut:DeepLabCutWriter",
    "sleap": "sleap:SleapWriter",
}
_OVERLAY = "overlay:OverlayWriter"


def writer_classes(names: Sequence[str], *, overlay: bool = False) -> list[type[Writer]]:
    """The writers of some formats, each asked whether it can work here.

    Args:
        names: keys of `FORMATS`.
        overlay: also draw the poses on the pictures.

    Raises:
        UserError: an unknown format, or a package that one needs is not installed.
    """
    for name in names:
        if name not in FORMATS:
            raise UserError(f"no format '{name}' (formats: {', '.join(FORMATS)}){near_match(name, FORMATS)}.")
    targets = [FORMATS[name] for name in dict.fromkeys(names)] + [_OVERLAY] * overlay
    classes: list[type[Writer]] = []
    for module, name in (target.split(":") for target in targets):
        classes.append(getattr(importlib.import_module(f"{__name__}.{module}"), name))
        classes[-1].require()
    return classes


__all__ = ["FORMATS", "OutputJob", "Writer", "writer_classes"]

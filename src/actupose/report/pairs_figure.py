"""Source and target pictures that the cross-domain loss finds alike, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from actupose.errors import UserError
from actupose.report.canvas import save
from actupose.report.picture_grid import GRID_DPI, PictureGrid, drawn
from actupose.report.run_pictures import known_skeleton, pictures
from actupose.report.runs import FinishedRun
from actupose.report.written import Rows, RunFigure, written
from actupose.skeletons import Skeleton

_SIDE, _BLOCKS, _SHOWN = 160, 3, 9


def write_pairs_figures(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw each run's ``pairs.json``, where its pictures are still where the run found them.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a run's file is broken, or a file cannot be written.
    """
    for run in runs:
        skeleton = known_skeleton(run)
        held = read_pairs(run.folder.pairs) if run.folder.pairs.is_file() and skeleton is not None else {}
        pairs = held.get("pairs", [])[:_SHOWN]
        images = [pictures(run, part, [p[part]["name"] for p in pairs]) for part in ("source", "target")]
        if not pairs or skeleton is None or images[0] is None or images[1] is None:
            continue
        rows: Rows = [[p["source"]["name"], p["target"]["name"], p["distance"]] for p in held["pairs"]]
        figure = RunFigure(
            "pairs",
            f"{run.label}: source and target pictures of like pose; {held['found']:,} of {held['compared']:,} pairs "
            f"are nearer than {held['gamma']:g} radians a keypoint",
            f"{len(pairs)} pairs of a source and a target picture with the predicted poses, the nearest first; "
            f"distances from {pairs[0]['distance']:.3f} to {pairs[-1]['distance']:.3f} radians.",
            run.png(folder, "pairs"),
        )
        draw = partial(pairs_figure, pairs, images[0], images[1], skeleton)
        yield written(figure, draw, [["source", "target", "distance"], *rows])


def read_pairs(path: Path) -> dict[str, Any]:
    """A run's ``pairs.json``.

    Raises:
        UserError: it is broken.
    """
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for pair in held["pairs"]:
            float(pair["distance"])
            for part in ("source", "target"):
                shape = np.asarray(pair[part]["points"], float).shape
                if shape != (len(pair[part]["used"]), 2) or not isinstance(pair[part]["name"], str):
                    raise ValueError("points that do not fit")
        if not {"found", "compared", "gamma"} <= set(held):
            raise ValueError("no counts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is broken ({error}); remove it, the report then leaves it out.") from error
    return held


def pairs_figure(
    pairs: Sequence[dict[str, Any]], source: Tensor, target: Tensor, skeleton: Skeleton, out: Path
) -> Figure:
    """Pairs in rows: the source picture left, the target picture right, their distance below.

    Args:
        pairs: of ``pairs.json``.
        source: (N, 3, S, S) uint8, pictures of the N pairs.
        target: likewise.
        skeleton: of the poses.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    blocks = min(_BLOCKS, len(pairs))
    grid = PictureGrid(-(-len(pairs) // blocks), 2, blocks, lines=1, side=_SIDE)
    for block in range(blocks):
        for column, title in enumerate(("source", "target")):
            grid.title(block, column, title)
    for i, pair in enumerate(pairs):
        row, block = divmod(i, blocks)
        for column, (part, images) in enumerate((("source", source), ("target", target))):
            points = torch.tensor(pair[part]["points"], dtype=torch.float64) * images.shape[-1] - 0.5
            used = 2 * np.asarray(pair[part]["used"])
            place = grid.picture(block, row, column, drawn(images[i], points, used, skeleton, _SIDE))
            grid.caption(place, f"{pair['distance']:.3f} rad" if column else "")
    save(grid.figure, out, GRID_DPI)
    return grid.figure

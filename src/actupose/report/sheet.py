"""Predictions before and after adaptation beside the labels: the paper's Fig. 8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from actupose.metrics.pck import keypoint_hits
from actupose.report.canvas import save
from actupose.report.picture_grid import GRID_DPI, PictureGrid, drawn
from actupose.skeletons import Skeleton

_THRESHOLD = 0.05
_ONE_BLOCK = 3  # samples that still stand below each other; more go in two blocks


def prediction_sheet(
    images: Tensor,
    before: Tensor,
    after: Tensor,
    truth: Tensor | None,
    visible: Tensor | None,
    skeleton: Skeleton,
    out: Path,
    titles: Sequence[str] = ("source-only", "ACTUPose", "ground truth"),
) -> Figure:
    """Draw rows of [before | after | labels] with the PCK@0.05 of each prediction under its picture.

    Args:
        images: (N, 3, S, S) uint8.
        before: (N, K, 2) predictions in pixels of ``images``.
        after: (N, K, 2), likewise, of the adapted model.
        truth: (N, K, 2) labels; None = the third picture and the PCK are left out.
        visible: (N, K), 0 where a joint has no label; None = all have.
        skeleton: what the K points are; its group ``All`` is scored.
        out: PNG, SVG or PDF to write.
        titles: over the columns; the third is not used without ``truth``.

    Returns:
        The figure, as written.

    Raises:
        UserError: ``out`` cannot be written.
        ValueError: no images, or the shapes do not fit.
    """
    count, columns = len(images), 2 if truth is None else 3
    _check(images, before, after, truth, visible, skeleton)
    if len(titles) < columns:
        raise ValueError(f"expected {columns} titles, got {len(titles)}")
    seen = torch.full(before.shape[:2], 2, dtype=torch.uint8) if visible is None else visible.cpu()
    blocks = 1 if count <= _ONE_BLOCK else 2
    layout = PictureGrid(math.ceil(count / blocks), columns, blocks, lines=0 if truth is None else 1)
    for block in range(blocks):
        for column in range(columns):
            layout.title(block, column, titles[column])
    for i in range(count):
        block, row = divmod(i, layout.rows)
        scores = [] if truth is None else [_score(p[i], truth[i], seen[i], skeleton, images) for p in (before, after)]
        for column, points in enumerate((before, after, truth)[:columns]):
            assert points is not None
            state = seen[i].numpy() if column == 2 else None
            place = layout.picture(block, row, column, drawn(images[i], points[i], state, skeleton))
            if column < len(scores):
                right, scored = scores[column]
                text = f"PCK {100 * right / scored:.0f} %  ({right} of {scored})" if scored else "no label"
                layout.caption(place, text, strong=right > scores[1 - column][0])
    save(layout.figure, out, GRID_DPI)
    return layout.figure


def _check(
    images: Tensor, before: Tensor, after: Tensor, truth: Tensor | None, visible: Tensor | None, skeleton: Skeleton
) -> None:
    count, joints = len(images), skeleton.num_keypoints
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8 or not count:
        raise ValueError(f"expected images (N, 3, S, S) uint8, got {tuple(images.shape)} {images.dtype}")
    for name, points in (("before", before), ("after", after), ("truth", truth)):
        if points is not None and points.shape != (count, joints, 2):
            raise ValueError(f"expected {name} {(count, joints, 2)}, got {tuple(points.shape)}")
    if visible is not None and visible.shape != (count, joints):
        raise ValueError(f"expected visible {(count, joints)}, got {tuple(visible.shape)}")


def _score(points: Tensor, truth: Tensor, visible: Tensor, skeleton: Skeleton, images: Tensor) -> tuple[int, int]:
    """Right and scored joints of one picture, over the skeleton's group ``All``."""
    members = list(skeleton.groups["All"])
    right, scored = keypoint_hits(
        points[None].cpu(), truth[None].cpu(), visible[None].cpu(), images.shape[-1], _THRESHOLD
    )
    return int(right[0, members].sum()), int(scored[0, members].sum())

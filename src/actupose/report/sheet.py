"""Predictions before and after adaptation beside the labels: the paper's Fig. 8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actupose.metrics.pck import keypoint_hits
from actupose.report.canvas import INK, LABEL_SIZE, MUTED, TITLE_SIZE, save
from actupose.skeletons import Skeleton
from actupose.skeletons.draw import draw_pose

_DPI = 100
_SIDE, _GAP, _BLOCK_GAP, _HEAD, _FOOT, _MARGIN = 256, 6, 30, 30, 24, 10  # pixels
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
    layout = _Layout(rows=math.ceil(count / blocks), columns=columns, blocks=blocks, foot=0 if truth is None else _FOOT)
    for block in range(blocks):
        for column in range(columns):
            layout.title(block, column, titles[column])
    for i in range(count):
        block, row = divmod(i, layout.rows)
        scores = [] if truth is None else [_score(p[i], truth[i], seen[i], skeleton, images) for p in (before, after)]
        for column, points in enumerate((before, after, truth)[:columns]):
            assert points is not None
            state = seen[i] if column == 2 else None
            place = layout.picture(block, row, column, _drawn(images[i], points[i], state, skeleton))
            if column < len(scores):
                layout.caption(place, scores[column], best=scores[column][0] > scores[1 - column][0])
    save(layout.figure, out, _DPI)
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


def _drawn(image: Tensor, points: Tensor, visible: Tensor | None, skeleton: Skeleton) -> NDArray[np.uint8]:
    """The image at the sheet's size with its pose; enlarged first, so that lines are sharp."""
    side = image.shape[-1]
    pixels = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    large = np.asarray(pixels.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    places = (points.detach().cpu().double().numpy() + 0.5) * (_SIDE / side) - 0.5
    return draw_pose(large, places, skeleton, visible=None if visible is None else visible.numpy())


class _Layout:
    """A figure of exact pixels: blocks side by side, each of rows of pictures."""

    def __init__(self, rows: int, columns: int, blocks: int, foot: int) -> None:
        self.rows, self._foot = rows, foot
        self._block = columns * _SIDE + (columns - 1) * _GAP
        self._width = blocks * self._block + (blocks - 1) * _BLOCK_GAP + 2 * _MARGIN
        self._height = _HEAD + rows * (_SIDE + foot + _GAP) - _GAP + _MARGIN
        self.figure = Figure(figsize=(self._width / _DPI, self._height / _DPI), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def _left(self, block: int, column: int) -> int:
        return _MARGIN + block * (self._block + _BLOCK_GAP) + column * (_SIDE + _GAP)

    def title(self, block: int, column: int, text: str) -> None:
        """Over a column."""
        x, y = self._left(block, column) + _SIDE / 2, self._height - _HEAD / 2
        self._text(x, y, text, fontsize=TITLE_SIZE, fontweight="bold", color=INK)

    def picture(self, block: int, row: int, column: int, pixels: NDArray[np.uint8]) -> tuple[float, float]:
        """A picture; returns the middle of the line below it, pixels from the lower left."""
        left = self._left(block, column)
        bottom = self._height - _HEAD - row * (_SIDE + self._foot + _GAP) - _SIDE
        box = (left / self._width, bottom / self._height, _SIDE / self._width, _SIDE / self._height)
        axes = self.figure.add_axes(box)
        axes.imshow(pixels, interpolation="nearest")
        axes.set_axis_off()
        return left + _SIDE / 2, bottom - self._foot / 2

    def caption(self, place: tuple[float, float], score: tuple[int, int], *, best: bool) -> None:
        """PCK under a picture, bold where it is the better one."""
        right, scored = score
        text = f"PCK {100 * right / scored:.0f} %  ({right} of {scored})" if scored else "no label"
        weight = "bold" if best else "normal"
        self._text(*place, text, fontsize=LABEL_SIZE, fontweight=weight, color=INK if best else MUTED)

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's text properties
        self.figure.text(x / self._width, y / self._height, text, ha="center", va="center", **style)

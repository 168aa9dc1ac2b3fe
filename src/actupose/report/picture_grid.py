"""Pictures in rows and columns on a figure of exact pixels, with titles over the columns and a line below each."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from actupose.report.canvas import INK, LABEL_SIZE, MUTED, TITLE_SIZE
from actupose.skeletons import Skeleton
from actupose.skeletons.draw import draw_pose

GRID_DPI = 100
SIDE = 256
_GAP, _BLOCK_GAP, _HEAD, _LINE, _MARGIN = 6, 30, 30, 24, 10  # pixels


def drawn(
    image: Tensor, points: Tensor, visible: ArrayLike | None, skeleton: Skeleton, side: int = SIDE
) -> NDArray[np.uint8]:
    """An image at a grid's size with its pose; enlarged first, so that lines are sharp.

    Args:
        image: (3, S, S) uint8.
        points: (K, 2) in pixels of the image.
        visible: (K,) as `draw_pose` takes it.
        skeleton: what the points are.
        side: of the result, pixels.
    """
    pixels = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    large = np.asarray(pixels.resize((side, side), Image.Resampling.BICUBIC))
    places = (points.detach().cpu().double().numpy() + 0.5) * (side / image.shape[-1]) - 0.5
    return draw_pose(large, places, skeleton, visible=visible)


class PictureGrid:
    """Blocks side by side, each of rows of pictures.

    Args:
        rows: of each block.
        columns: of each block.
        blocks: side by side.
        lines: of text below each picture.
        side: of a picture, pixels.
    """

    def __init__(self, rows: int, columns: int, blocks: int = 1, lines: int = 1, side: int = SIDE) -> None:
        self.rows, self._side, self._foot = rows, side, round(lines**0.8 * _LINE)
        self._block = columns * side + (columns - 1) * _GAP
        self._width = blocks * self._block + (blocks - 1) * _BLOCK_GAP + 2 * _MARGIN
        self._height = _HEAD + rows * (side + self._foot + _GAP) - _GAP + _MARGIN
        self.figure = Figure(figsize=(self._width / GRID_DPI, self._height / GRID_DPI), dpi=GRID_DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def _left(self, block: int, column: int) -> int:
        return _MARGIN + block * (self._block + _BLOCK_GAP) + column * (self._side + _GAP)

    def title(self, block: int, column: int, text: str) -> None:
        """Over a column."""
        x, y = self._left(block, column) + self._side / 2, self._height - _HEAD / 2
        self._text(x, y, text, fontsize=TITLE_SIZE, fontweight="bold", color=INK)

    def picture(self, block: int, row: int, column: int, pixels: NDArray[np.uint8]) -> tuple[float, float]:
        """A picture; returns the middle of the text below it, pixels from the lower left."""
        left = self._left(block, column)
        bottom = self._height - _HEAD - row * (self._side + self._foot + _GAP) - self._side
        box = (left / self._width, bottom / self._height, self._side / self._width, self._side / self._height)
        axes = self.figure.add_axes(box)
        axes.imshow(pixels, interpolation="nearest")
        axes.set_axis_off()
        return left + self._side / 2, bottom - self._foot / 2

    def caption(self, place: tuple[float, float], text: str, *, strong: bool = False) -> None:
        """Text below a picture, bold and dark where it stands out."""
        weight = "bold" if strong else "normal"
        self._text(*place, text, fontsize=LABEL_SIZE, fontweight=weight, color=INK if strong else MUTED)

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's text properties
        self.figure.text(x / self._width, y / self._height, text, ha="center", va="center", **style)

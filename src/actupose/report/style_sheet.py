"""Pictures of a style transfer: content, style and result side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actupose.data.dataset import PoseDataset
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.models import AdaINStyle, FourierStyle
from actupose.report.draw import contact_sheet

_STRENGTHS = (0.5, 1.0)
_PAIRS_PER_ROW = 2


def style_sheet(
    style: AdaINStyle | FourierStyle, source: Path, target: Path, out: Path, *, size: int = 128, rows: int = 4
) -> None:
    """Draw source images in the target's style on the left, target images in the source's on the right.

    Args:
        style: the transfer.
        source: store of the source domain.
        target: store of the target domain.
        out: PNG to write.
        size: side of the pictures, a multiple of 32.
        rows: pairs of each direction.

    Raises:
        UserError: a store is no store, the size does not fit, or ``out`` cannot be written.
    """
    if size < 32 or size % 32:
        raise UserError(f"size is {size}; it must be a multiple of 32.")
    left, right = (_images(path, size, rows) for path in (source, target))
    rows = min(len(left), len(right))
    cells: list[NDArray[np.uint8]] = []
    for one in range(rows):
        for content, look in ((left, right), (right, left)):
            cells += [_pixels(x) for x in _row(style, content[one : one + 1], look[one : one + 1])]
    labels = ["content", "style", *(f"strength {s:g}" for s in _STRENGTHS)]
    sheet = contact_sheet(cells, _PAIRS_PER_ROW * len(labels), labels * (_PAIRS_PER_ROW * rows))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(out)
    except (OSError, ValueError) as error:
        raise UserError(f"{out}: cannot write the sheet ({error}); name another PNG file.") from error


def _images(path: Path, size: int, count: int) -> Tensor:
    """(n, 3, S, S) in [0, 1]: images spread evenly over the store."""
    store = open_store(path)
    chosen = sorted({round(i) for i in np.linspace(0, len(store) - 1, count)})
    dataset = PoseDataset(store, store.meta.skeleton, size, labelled=False, rows=chosen, cache="none")
    return dataset.batch(range(len(chosen))).image.float() / 255


def _row(style: AdaINStyle | FourierStyle, content: Tensor, look: Tensor) -> list[Tensor]:
    return [content, look, *(style(content, look, torch.tensor([strength])) for strength in _STRENGTHS)]


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    return np.asarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy(), np.uint8)

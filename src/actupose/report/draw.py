"""Sheets of images, beside the drawing of a pose that they need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from actupose.skeletons.draw import draw_pose

__all__ = ["contact_sheet", "draw_pose"]

_LABEL_HEIGHT = 16
_LABEL_FONT = 11


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, labels: Sequence[str] | None = None, gap: int = 4
) -> Image.Image:
    """Images of one size in rows, each with an optional line of text below.

    Args:
        images: (H, W, 3) uint8 each.
        columns: images a row.
        labels: one line for each image, cut to the image's width.
        gap: pixels between images.

    Raises:
        ValueError: no images, different sizes, or as many labels as images are not given.
    """
    if not images or columns < 1:
        raise ValueError(f"a sheet needs images and columns, got {len(images)} and {columns}")
    if len({image.shape for image in images}) > 1:
        raise ValueError("all images of a sheet must have one size")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"got {len(labels)} labels for {len(images)} images")
    height, width = images[0].shape[:2]
    cell_w, cell_h = width + gap, height + gap + (_LABEL_HEIGHT if labels else 0)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (columns * cell_w + gap, rows * cell_h + gap), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_LABEL_FONT)
    for i, image in enumerate(images):
        x, y = gap + (i % columns) * cell_w, gap + (i // columns) * cell_h
        sheet.paste(Image.fromarray(image), (x, y))
        if labels:
            pen.text((x, y + height + 1), _fit(labels[i], font, width), fill="black", font=font)
    return sheet


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """``text``, cut so that it is at most ``width`` pixels wide."""
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text

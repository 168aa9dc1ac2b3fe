"""Pictures and poses that depend on a seed alone."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth random picture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def poses(count: int, width: int, height: int, joints: int = 14, seed: int = 0) -> NDArray[np.float64]:
    """(count, joints, 2) inside an image, away from its edge."""
    rng = np.random.default_rng(seed)
    return rng.uniform((8, 8), (width - 9, height - 9), (count, joints, 2))


def jpeg(seed: int, size: int = 32) -> bytes:
    """An encoded picture."""
    buffer = io.BytesIO()
    picture(size, size, seed).save(buffer, "JPEG")
    return buffer.getvalue()

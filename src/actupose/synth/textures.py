"""Random fields, colours and shapes that backgrounds and occluders are made of (numpy, PIL)."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from actupose.synth.look import BackgroundLook
from actupose.synth.look_background import SHAPES, ClutterLook
from actupose.synth.rotations import Array
from actupose.synth.streams import pick, uniform

Rng = np.random.Generator
Picture = Array  # (S, S, 3) float32, sRGB


def fractal(rng: Rng, size: int, channels: int, base: int = 3, decay: float = 0.6, finest: int = 128) -> Array:
    """Multi-octave value noise.

    Each octave doubles the grid and adds noise `decay` times weaker, until the grid is `finest` cells wide.

    Args:
        rng: Random generator.
        size: Side in pixels.
        channels: Number of independent fields.
        base: Cells of the coarsest octave.
        decay: Strength of each octave relative to the one before.
        finest: Cells of the finest octave.

    Returns:
        (size, size, channels) float32 in [0, 1].
    """
    cells, strength = base, 1.0
    field = torch.from_numpy(rng.random((1, channels, cells + 1, cells + 1), dtype=np.float32))
    while cells * 2 <= min(finest, size):
        cells, strength = cells * 2, strength * decay
        noise = torch.from_numpy(rng.random((1, channels, cells + 1, cells + 1), dtype=np.float32))
        field = F.interpolate(field, size=(cells + 1, cells + 1), mode="bilinear", align_corners=True)
        field = field + strength * noise
    field = field - field.amin()
    field = F.interpolate(field / field.amax().clamp(min=1e-6), size=(size, size), mode="bilinear", align_corners=True)
    return field[0].permute(1, 2, 0).numpy()


def random_colour(rng: Rng, look: BackgroundLook) -> Array:
    """Draw an sRGB colour (3,) float32 from a look's ranges."""
    hue = uniform(rng, look.hue) % 1.0
    colour = colorsys.hsv_to_rgb(hue, uniform(rng, look.saturation), uniform(rng, look.value))
    return np.array(colour, dtype=np.float32)


def blend(amount: Array, first: Array, second: Array) -> Picture:
    """Mix two colours (3,) by an amount (S, S) or (S, 1) or (1, S)."""
    mixed = np.empty((*amount.shape, 3), dtype=np.float32)
    for channel in range(3):
        start, end = float(first[channel]), float(second[channel])
        mixed[..., channel] = amount * np.float32(end - start) + np.float32(start)
    return mixed


def grid(size: int) -> tuple[Array, Array]:
    """Rows (S, 1) and columns (1, S) in [0, 1], float32."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    return steps[:, None], steps[None, :]


def dead_leaves(rng: Rng, size: int, palette: Array, count: int, look: ClutterLook) -> Picture:
    """Overlapping ellipses, boxes and polygons with sizes by a power law, as objects in photographs have.

    Args:
        rng: Random generator.
        size: Side in pixels.
        palette: (N, 3) sRGB colours to draw from.
        count: Number of shapes.
        look: Their aspect and brightness.
    """
    image = Image.new("RGB", (size, size), _rgb(palette[0]))
    draw = ImageDraw.Draw(image)
    radii = np.sort(0.03 / np.sqrt(rng.uniform(0.004, 1.0, count)))[::-1] * size
    for radius in radii:
        centre = rng.uniform(-0.1, 1.1, 2) * size
        shade = palette[int(rng.integers(len(palette)))] * uniform(rng, look.shade)
        half = (radius, radius * uniform(rng, look.aspect))
        draw_shape(draw, rng, (float(centre[0]), float(centre[1])), half, _rgb(shade), SHAPES)
    return np.asarray(image, dtype=np.float32) / 255


def _rgb(colour: Array) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(float(c), 0.0), 1.0) * 255) for c in colour)
    return red, green, blue


def draw_shape(
    draw: ImageDraw.ImageDraw,
    rng: Rng,
    centre: tuple[float, float],
    half: tuple[float, float],
    fill: int | tuple[int, int, int],
    shapes: Sequence[str],
) -> None:
    """Draw one of the shapes (`SHAPES`) of the given half axes."""
    (x, y), (width, height) = centre, half
    kind = pick(rng, shapes)
    if kind == "polygon":
        angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
        reach = rng.uniform(0.6, 1.1, 7)
        corners = np.stack([x + width * reach * np.cos(angles), y + height * reach * np.sin(angles)], 1)
        draw.polygon([(float(a), float(b)) for a, b in corners], fill=fill)
        return
    box = (x - width, y - height, x + width, y + height)
    (draw.ellipse if kind == "ellipse" else draw.rectangle)(box, fill=fill)

"""Objects in front of the person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from actupose.synth.background import Photographs, draw_background
from actupose.synth.look import BackgroundLook, OccluderLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, uniform
from actupose.synth.textures import Picture, Rng, draw_shape

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Occluder:
    """An object in front: its mask (S, S) bool and colours (S, S, 3) float32 sRGB."""

    mask: Array
    colour: Picture


def draw_occluder(
    rng: Rng, size: int, box: Box, look: OccluderLook, background: BackgroundLook, photographs: Photographs | None
) -> Occluder | None:
    """Draw a textured shape or a pole over part of the person, or none by the look's probability.

    Args:
        rng: Random generator.
        size: Image side in pixels.
        box: The person's visible box x0, y0, x1, y1 in pixels.
        look: Probability and sizes.
        background: What its texture is drawn from.
        photographs: As for backgrounds.
    """
    if not chance(rng, look.probability):
        return None
    left, upper, right, lower = box
    width, height = right - left, lower - upper
    half_width = uniform(rng, look.width) * max(width, look.least * height) / 2
    half_height = uniform(rng, look.height) * max(height, look.least * width) / 2
    centre = float(rng.uniform(left, right)), float(rng.uniform(upper, lower))
    image = Image.new("L", (size, size))
    draw = ImageDraw.Draw(image)
    if chance(rng, look.pole):
        half_width *= look.pole_width
        draw.rectangle((centre[0] - half_width, -5, centre[0] + half_width, size + 5), fill=255)
    else:
        draw_shape(draw, rng, centre, (half_width, half_height), 255, look.shapes)
    colour = draw_background(rng, size, background, photographs)
    return Occluder(np.asarray(image) > 127, colour)

"""Light of one picture: sky and ground ambient and one sun, in linear colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actupose.synth.look import LightLook
from actupose.synth.rotations import Array
from actupose.synth.streams import uniform


@dataclass(frozen=True)
class Light:
    """Light of one picture.

    Attributes:
        sky, ground, sun: (3,) linear colours.
        direction: (3,) unit vector towards the sun, world axes.
    """

    sky: Array
    ground: Array
    sun: Array
    direction: Array


def draw_light(rng: np.random.Generator, look: LightLook) -> Light:
    """Draw the light of one picture from a look."""
    low, high = look.sun_azimuth
    azimuth = rng.uniform(math.radians(low), math.radians(high))
    elevation = math.radians(uniform(rng, look.sun_elevation))

    def tint() -> Array:
        return np.asarray(1 + rng.normal(0, look.tint_sd, 3))

    return Light(
        sky=np.array(look.sky) * uniform(rng, look.sky_gain) * tint(),
        ground=np.array(look.ground) * uniform(rng, look.ground_gain),
        sun=np.array(look.sun) * uniform(rng, look.sun_gain) * tint(),
        direction=np.array(
            [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation)]
        ),
    )

"""How one hand looks: skin, nails, sleeve, drawn from a look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actupose.synth.appearance import Garment, draw_colour, draw_garment, draw_skin, draw_waves
from actupose.synth.look import Look
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose, uniform

_NAIL = np.array([0.95, 0.78, 0.75])
_PALM = np.array([0.93, 0.70, 0.62])


@dataclass(frozen=True)
class HandAppearance:
    """One hand's look; None stands for "does not wear it".

    Attributes:
        person: Index of the body in the pack.
        skin, palm, nail: (3,) sRGB of the back, the palm and the nails.
        sleeve: Cloth of the sleeve; sleeve_end: where it ends along the arm (1 elbow, 2 wrist).
        glove: (3,) sRGB or None.
        band: (3,) sRGB of a watch's band or None.
        crease: Strength of the creases at the finger joints.
        waves: (W, 4) random Fourier features: frequency vector and phase.
    """

    person: int
    skin: Array
    palm: Array
    nail: Array
    sleeve: Garment
    sleeve_end: float
    glove: Array | None
    band: Array | None
    crease: float
    waves: Array


def draw_hand(rng: np.random.Generator, whole: Look, num_people: int) -> HandAppearance:
    """Draw a hand.

    Args:
        rng: Random generator.
        whole: The look.
        num_people: How many bodies there are to choose from.
    """
    look, clothing = whole.hand, whole.clothing
    skin = draw_skin(rng, whole.skin)
    paler = uniform(rng, look.palm) * (1 - 0.6 * float(skin.mean()))
    varnish, glove, band = (draw_colour(rng, clothing) for _ in range(3))
    return HandAppearance(
        person=int(rng.integers(num_people)),
        skin=skin,
        palm=skin + paler * (_PALM - skin),
        nail=varnish if chance(rng, look.varnish) else 0.65 * skin + 0.35 * _NAIL,
        sleeve=draw_garment(rng, clothing, clothing.top_pattern),
        sleeve_end=choose(rng, look.sleeve) + rng.normal(0, 0.03),
        glove=glove if chance(rng, look.gloves) else None,
        band=band if chance(rng, look.watch) else None,
        crease=uniform(rng, look.crease),
        waves=draw_waves(rng, clothing),
    )

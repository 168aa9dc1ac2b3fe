"""How one person looks: body, skin, hair and clothing, drawn from a look."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from actupose.synth.archetypes import BAREFOOT, SPORTS
from actupose.synth.look import ClothingLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose, pick, uniform

Rng = np.random.Generator

_SKIN_TONES = np.array(
    [[255, 224, 196], [241, 194, 160], [224, 172, 120], [198, 134, 92], [141, 85, 54], [100, 62, 42], [70, 42, 30],
     [234, 188, 166], [210, 160, 130]]
) / 255.0  # fmt: skip
_HAIR_COLOURS = np.array(
    [[20, 15, 12], [44, 30, 20], [86, 56, 34], [140, 96, 52], [196, 158, 96], [150, 148, 144], [120, 44, 24],
     [30, 26, 28]]
) / 255.0  # fmt: skip
_WAVES = 10  # random Fourier features of folds and blotches
_WAVE_FREQUENCIES = np.repeat([12.0, 30.0], _WAVES // 2)  # radians per metre


@dataclass(frozen=True)
class Garment:
    """Cloth of the upper or lower body.

    Attributes:
        colour: (3,) sRGB base colour.
        second: (3,) sRGB colour of the pattern.
        pattern: One of `look.PATTERNS`.
        direction, across: (3,) directions of the pattern in reference space.
        frequency: Repeats per metre.
        phase: Of the pattern, radians.
        thickness: Offset from the skin in metres.
        fold: Strength of the folds.
    """

    colour: Array
    second: Array
    pattern: str
    direction: Array
    across: Array
    frequency: float
    phase: float
    thickness: float
    fold: float


@dataclass(frozen=True)
class Logo:
    """A print on the chest: centre height, half width, half height in metres of reference space."""

    colour: Array
    height: float
    half_width: float
    half_height: float


@dataclass(frozen=True)
class Hair:
    """Hair; heights in metres, slope of the hairline in radians, `length` below the nape."""

    colour: Array
    bald: bool
    line: float
    slope: float
    length: float
    thickness: float


@dataclass(frozen=True)
class Appearance:
    """One person's look; None stands for "does not wear it".

    Attributes:
        person: Index of the body in the pack.
        skin: (3,) sRGB.
        sleeve, trouser: Lengths along arm and leg (see `ClothingLook`).
        hem, waist: Heights of the top's lower and the trousers' upper edge, metres of reference space.
        neckline: Height offset of the collar; v_neck: its slope at the front.
        sock: Height along the leg where the sock begins.
        waves: (10, 4) random Fourier features: frequency vector and phase.
    """

    person: int
    skin: Array
    hair: Hair
    top: Garment
    bottom: Garment
    sleeve: float
    trouser: float
    hem: float
    waist: float
    neckline: float
    v_neck: float
    logo: Logo | None
    shoe: Array | None
    sole: Array
    sock: float
    sock_colour: Array
    hat: Array | None
    glove: Array | None
    watch: bool
    waves: Array


def _hue_colour(
    rng: Rng, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
) -> Array:
    """Draw an sRGB colour from ranges of hue (in turns, wrapping), saturation and value."""
    return np.array(colorsys.hsv_to_rgb(uniform(rng, hue) % 1.0, uniform(rng, saturation), uniform(rng, value)))


def draw_colour(rng: Rng, look: ClothingLook) -> Array:
    """Draw a cloth colour (3,), sRGB."""
    family = choose(rng, look.colour_family)
    if family == "neutral":
        level = look.neutral[0] + (look.neutral[1] - look.neutral[0]) * pick(rng, (0.01, 0.1, 0.3, 0.55, 0.88, 1.0))
        return np.clip(level + rng.normal(0, 0.01, 3), 0, 1)
    if family == "denim":
        return np.array([0.12, 0.18, 0.35]) * rng.uniform(0.6, 2.0) + rng.uniform(0, 0.06)
    return _hue_colour(rng, look.hue, look.saturation, look.value)


def _garment(rng: Rng, look: ClothingLook, patterns: dict[str, float]) -> Garment:
    angle = choose(rng, {0.0: 0.5, math.pi / 2: 0.3, -1.0: 0.2})
    angle = rng.uniform(0, math.pi) if angle < 0 else angle
    sine, cosine = math.sin(angle), math.cos(angle)
    return Garment(
        colour=draw_colour(rng, look),
        second=draw_colour(rng, look),
        pattern=choose(rng, patterns),
        direction=np.array([sine, 0.25 * sine, cosine]),
        across=np.array([cosine, 0.25 * cosine, -sine]),
        frequency=rng.uniform(7, 26),
        phase=rng.uniform(0, 2 * math.pi),
        thickness=choose(rng, look.looseness) * rng.uniform(0.7, 1.3),
        fold=rng.uniform(0.1, 0.75),
    )


def _hair(rng: Rng) -> Hair:
    return Hair(
        colour=_HAIR_COLOURS[rng.integers(len(_HAIR_COLOURS))] * rng.uniform(0.8, 1.2),
        bald=chance(rng, 0.06),
        line=rng.normal(-0.004, 0.010),
        slope=rng.uniform(0.8, 1.2),
        length=choose(rng, {-0.02: 0.52, 0.02: 0.18, 0.2: 0.16, 0.34: 0.14}),
        thickness=rng.uniform(0.004, 0.022),
    )


def _waves(rng: Rng) -> Array:
    frequencies = rng.normal(0, 1, (_WAVES, 3)) * _WAVE_FREQUENCIES[:, None]
    return np.concatenate([frequencies, rng.uniform(0, 2 * math.pi, (_WAVES, 1))], axis=1)


def draw_appearance(rng: Rng, look: ClothingLook, archetype: str, num_people: int) -> Appearance:
    """Draw a person.

    Args:
        rng: Random generator.
        look: Distributions of the clothing.
        archetype: Kind of pose; sports are done in sportswear, acrobatics often barefoot.
        num_people: How many bodies there are to choose from.
    """
    sport = archetype in SPORTS
    top = _garment(rng, look, look.top_pattern)
    bottom = _garment(rng, look, look.bottom_pattern)
    if chance(rng, look.sport_one_piece if sport else look.one_piece):
        bottom = top
    logo = Logo(
        _hue_colour(rng, (0, 1), (0.1, 0.85), (0.15, 0.95)),
        rng.uniform(0.28, 0.40),
        rng.uniform(0.05, 0.12),
        rng.uniform(0.03, 0.11),
    )
    barefoot = chance(rng, 0.35 if archetype in BAREFOOT else 0.06)
    shoe, hat, glove = (draw_colour(rng, look) for _ in range(3))
    return Appearance(
        person=int(rng.integers(num_people)),
        skin=np.clip(_SKIN_TONES[rng.integers(len(_SKIN_TONES))] * rng.uniform(0.9, 1.08), 0, 1),
        hair=_hair(rng),
        top=top,
        bottom=bottom,
        sleeve=choose(rng, look.sport_sleeve if sport else look.sleeve) + rng.normal(0, 0.03),
        trouser=choose(rng, look.sport_trouser if sport else look.trouser) + rng.normal(0, 0.03),
        hem=rng.uniform(-0.09, 0.06),
        waist=rng.uniform(0.04, 0.11),
        neckline=rng.uniform(-0.035, 0.005),
        v_neck=choose(rng, {0.0: 0.75, 1.2: 0.25}),
        logo=logo if chance(rng, look.logo) else None,
        shoe=None if barefoot else shoe,
        sole=np.full(3, pick(rng, (0.05, 0.9))),
        sock=rng.uniform(1.78, 1.9),
        sock_colour=draw_colour(rng, look),
        hat=hat if chance(rng, look.hat) else None,
        glove=glove if chance(rng, look.gloves) else None,
        watch=chance(rng, look.watch),
        waves=_waves(rng),
    )

"""How one person looks: body, skin, hair and clothing, drawn from a look."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from actupose.synth.archetypes import BAREFOOT, SPORTS
from actupose.synth.look import ClothingLook, HairLook, Look, SkinLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose, pick, uniform

Rng = np.random.Generator

_WAVES = 10  # random Fourier features of folds and blotches


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


def draw_skin(rng: Rng, look: SkinLook) -> Array:
    """Draw a skin colour (3,), sRGB."""
    return np.asarray(np.clip(np.array(pick(rng, look.tones)) / 255.0 * uniform(rng, look.gain), 0, 1))


def draw_colour(rng: Rng, look: ClothingLook) -> Array:
    """Draw a cloth colour (3,), sRGB."""
    family = choose(rng, look.colour_family)
    if family == "neutral":
        level = look.neutral[0] + (look.neutral[1] - look.neutral[0]) * pick(rng, look.neutral_levels)
        return np.clip(level + rng.normal(0, look.neutral_sd, 3), 0, 1)
    if family == "denim":
        return np.array(look.denim) * uniform(rng, look.denim_gain) + uniform(rng, look.denim_fade)
    return _hue_colour(rng, look.hue, look.saturation, look.value)


def draw_garment(rng: Rng, look: ClothingLook, patterns: dict[str, float]) -> Garment:
    """Draw the cloth of a garment; `patterns` are pattern -> weight."""
    degrees = choose(rng, look.pattern_angle)
    angle = rng.uniform(0, math.pi) if degrees < 0 else math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    return Garment(
        colour=draw_colour(rng, look),
        second=draw_colour(rng, look),
        pattern=choose(rng, patterns),
        direction=np.array([sine, 0.25 * sine, cosine]),
        across=np.array([cosine, 0.25 * cosine, -sine]),
        frequency=uniform(rng, look.pattern_frequency),
        phase=rng.uniform(0, 2 * math.pi),
        thickness=choose(rng, look.looseness) * uniform(rng, look.looseness_gain),
        fold=uniform(rng, look.fold),
    )


def _hair(rng: Rng, look: HairLook) -> Hair:
    return Hair(
        colour=np.array(pick(rng, look.colours)) / 255.0 * uniform(rng, look.gain),
        bald=chance(rng, look.bald),
        line=rng.normal(*look.line),
        slope=uniform(rng, look.slope),
        length=choose(rng, look.length),
        thickness=uniform(rng, look.thickness),
    )


def _logo(rng: Rng, look: ClothingLook) -> Logo:
    return Logo(
        _hue_colour(rng, look.logo_hue, look.logo_saturation, look.logo_value),
        uniform(rng, look.logo_height),
        uniform(rng, look.logo_half_width),
        uniform(rng, look.logo_half_height),
    )


def draw_waves(rng: Rng, look: ClothingLook) -> Array:
    """Draw random Fourier features (W, 4) of folds and blotches."""
    frequencies = rng.normal(0, 1, (_WAVES, 3)) * np.repeat(look.fold_frequencies, _WAVES // 2)[:, None]
    return np.concatenate([frequencies, rng.uniform(0, 2 * math.pi, (_WAVES, 1))], axis=1)


def draw_appearance(rng: Rng, whole: Look, archetype: str, num_people: int) -> Appearance:
    """Draw a person.

    Args:
        rng: Random generator.
        whole: The look; its skin, hair and clothing are used.
        archetype: Kind of pose; sports are done in sportswear, acrobatics often barefoot.
        num_people: How many bodies there are to choose from.
    """
    look, sport = whole.clothing, archetype in SPORTS
    top = draw_garment(rng, look, look.top_pattern)
    bottom = draw_garment(rng, look, look.bottom_pattern)
    if chance(rng, look.sport_one_piece if sport else look.one_piece):
        bottom = top
    logo = _logo(rng, look)
    barefoot = chance(rng, look.acrobat_barefoot if archetype in BAREFOOT else look.barefoot)
    shoe, hat, glove = (draw_colour(rng, look) for _ in range(3))
    return Appearance(
        person=int(rng.integers(num_people)),
        skin=draw_skin(rng, whole.skin),
        hair=_hair(rng, whole.hair),
        top=top,
        bottom=bottom,
        sleeve=choose(rng, look.sport_sleeve if sport else look.sleeve) + rng.normal(0, look.length_sd),
        trouser=choose(rng, look.sport_trouser if sport else look.trouser) + rng.normal(0, look.length_sd),
        hem=uniform(rng, look.hem),
        waist=uniform(rng, look.waist),
        neckline=uniform(rng, look.neckline),
        v_neck=choose(rng, look.v_neck),
        logo=logo if chance(rng, look.logo) else None,
        shoe=None if barefoot else shoe,
        sole=np.full(3, pick(rng, look.sole)),
        sock=uniform(rng, look.sock),
        sock_colour=draw_colour(rng, look),
        hat=hat if chance(rng, look.hat) else None,
        glove=glove if chance(rng, look.gloves) else None,
        watch=chance(rng, look.watch),
        waves=draw_waves(rng, look),
    )

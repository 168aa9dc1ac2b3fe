"""The part of a look that dresses people: skin, hair and clothing.

Ranges are (low, high) of a uniform draw, `Normal`s (mean, deviation), mappings are option -> weight, plain lists are
options that are equally likely; colours are sRGB in [0, 1], tones of skin and hair 8-bit sRGB.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actupose.synth.schema import Code, Colour, Normal, Range, check_weights

PATTERNS = ("plain", "stripes", "checks", "plaid", "dots", "camouflage", "gradient")


@dataclass(frozen=True)
class SkinLook:
    """Skin: its tones and a factor on their brightness."""

    tones: tuple[Code, ...] = (
        (255, 224, 196), (241, 194, 160), (224, 172, 120), (198, 134, 92), (141, 85, 54), (100, 62, 42), (70, 42, 30),
        (234, 188, 166), (210, 160, 130)
    )  # fmt: skip
    gain: Range = (0.9, 1.08)


@dataclass(frozen=True)
class HairLook:
    """Hair: colours and a factor on their brightness, and its shape.

    `bald` is the share of bald heads, `line` the height of the hairline in metres, `slope` its slope in radians,
    `length` that below the nape and `thickness` in metres.
    """

    colours: tuple[Code, ...] = (
        (20, 15, 12), (44, 30, 20), (86, 56, 34), (140, 96, 52), (196, 158, 96), (150, 148, 144), (120, 44, 24),
        (30, 26, 28)
    )  # fmt: skip
    gain: Range = (0.8, 1.2)
    bald: float = 0.06
    line: Normal = (-0.004, 0.010)
    slope: Range = (0.8, 1.2)
    length: dict[float, float] = field(default_factory=lambda: {-0.02: 0.52, 0.02: 0.18, 0.2: 0.16, 0.34: 0.14})
    thickness: Range = (0.004, 0.022)

    def __post_init__(self) -> None:
        check_weights("length", self.length)


@dataclass(frozen=True)
class ClothingLook:
    """Clothing: colour families, hue (may wrap past 1), lengths along the limb, patterns, extras.

    Sleeve lengths: below 0 sleeveless, 1 elbow, 2 wrist; trouser and sock lengths: 1 knee, 2 ankle; both get a normal
    draw of deviation `length_sd` added. `looseness` is the cloth's distance from the skin in metres, times a factor
    from `looseness_gain`; `fold` the strength of its folds and `fold_frequencies` their coarse and fine frequency,
    radians a metre. `hem`, `waist`, `neckline` and the logo's sizes are metres on a body of mean size. Pattern angles
    are degrees, -1 any; pattern frequencies repeats a metre. `neutral_levels` are shares of the range `neutral`.
    """

    colour_family: dict[str, float] = field(default_factory=lambda: {"neutral": 0.3, "denim": 0.2, "hue": 0.5})
    neutral: Range = (0.03, 0.96)
    neutral_levels: tuple[float, ...] = (0.01, 0.1, 0.3, 0.55, 0.88, 1.0)
    neutral_sd: float = 0.01
    denim: Colour = (0.12, 0.18, 0.35)
    denim_gain: Range = (0.6, 2.0)
    denim_fade: Range = (0.0, 0.06)
    hue: Range = (0.0, 1.0)
    saturation: Range = (0.1, 0.85)
    value: Range = (0.15, 0.95)
    sleeve: dict[float, float] = field(
        default_factory=lambda: {-0.05: 0.06, 0.35: 0.34, 0.6: 0.1, 1.2: 0.12, 1.93: 0.38}
    )
    sport_sleeve: dict[float, float] = field(
        default_factory=lambda: {-0.05: 0.22, 0.35: 0.33, 0.6: 0.1, 1.2: 0.08, 1.93: 0.27}
    )
    trouser: dict[float, float] = field(
        default_factory=lambda: {0.28: 0.04, 0.6: 0.14, 0.95: 0.1, 1.5: 0.08, 1.9: 0.64}
    )
    sport_trouser: dict[float, float] = field(
        default_factory=lambda: {0.28: 0.2, 0.6: 0.22, 0.95: 0.1, 1.5: 0.12, 1.9: 0.36}
    )
    top_pattern: dict[str, float] = field(
        default_factory=lambda: dict(zip(PATTERNS, (0.5, 0.14, 0.08, 0.09, 0.06, 0.07, 0.06), strict=True))
    )
    bottom_pattern: dict[str, float] = field(
        default_factory=lambda: dict(zip(PATTERNS, (0.8, 0.05, 0.03, 0.04, 0.02, 0.04, 0.02), strict=True))
    )
    looseness: dict[float, float] = field(default_factory=lambda: {0.002: 0.35, 0.010: 0.4, 0.020: 0.25})
    length_sd: float = 0.03
    looseness_gain: Range = (0.7, 1.3)
    fold: Range = (0.1, 0.75)
    fold_frequencies: tuple[float, float] = (12.0, 30.0)
    pattern_angle: dict[float, float] = field(default_factory=lambda: {0.0: 0.5, 90.0: 0.3, -1.0: 0.2})
    pattern_frequency: Range = (7.0, 26.0)
    hem: Range = (-0.09, 0.06)
    waist: Range = (0.04, 0.11)
    neckline: Range = (-0.035, 0.005)
    v_neck: dict[float, float] = field(default_factory=lambda: {0.0: 0.75, 1.2: 0.25})
    sock: Range = (1.78, 1.9)
    sole: tuple[float, ...] = (0.05, 0.9)
    barefoot: float = 0.06
    acrobat_barefoot: float = 0.35
    one_piece: float = 0.08
    sport_one_piece: float = 0.2
    logo: float = 0.3
    logo_hue: Range = (0.0, 1.0)
    logo_saturation: Range = (0.1, 0.85)
    logo_value: Range = (0.15, 0.95)
    logo_height: Range = (0.28, 0.40)
    logo_half_width: Range = (0.05, 0.12)
    logo_half_height: Range = (0.03, 0.11)
    hat: float = 0.09
    gloves: float = 0.03
    watch: float = 0.15

    def __post_init__(self) -> None:
        check_weights("colour_family", self.colour_family, ("neutral", "denim", "hue"))
        check_weights("top_pattern", self.top_pattern, PATTERNS)
        check_weights("bottom_pattern", self.bottom_pattern, PATTERNS)
        for name in ("sleeve", "sport_sleeve", "trouser", "sport_trouser", "looseness", "pattern_angle", "v_neck"):
            check_weights(name, getattr(self, name))

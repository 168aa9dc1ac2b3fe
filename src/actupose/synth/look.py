"""A look: every distribution that decides how the rendered pictures appear, loaded from YAML.

Built-in looks lie in `looks/*.yaml`; a user copies one and edits it. Ranges are (low, high) of a uniform draw; mappings
are option -> weight; colours are sRGB in [0, 1].
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from actupose.errors import UserError
from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.schema import build

LOOKS = Path(__file__).parent / "looks"
Range = tuple[float, float]
Colour = tuple[float, float, float]
BACKGROUND_KINDS = ("room", "outdoor", "clutter", "facade", "noise")
PATTERNS = ("plain", "stripes", "checks", "plaid", "dots", "camouflage", "gradient")


def _check_weights(name: str, weights: dict[str, float], known: tuple[str, ...] | None = None) -> None:
    for option, weight in weights.items():
        if known is not None and option not in known:
            near = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{name}: unknown option '{option}'; {hint}")
        if weight < 0:
            raise ValueError(f"{name}: the weight of '{option}' is negative")
    if not sum(weights.values()) > 0:
        raise ValueError(f"{name}: the weights sum to 0")


@dataclass(frozen=True)
class PoseLook:
    """Poses: steepness of the archetypes' tail and factors on single archetypes."""

    tail: float = 1.1
    boost: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.boost:
            _check_weights("boost", dict.fromkeys(ARCHETYPES, 1.0) | self.boost, tuple(ARCHETYPES))


@dataclass(frozen=True)
class CameraLook:
    """View of the person; angles in degrees.

    `azimuth_sd` is the spread about the front view, `any_azimuth` the share of views from anywhere around; `focal` in
    units of the image side; `fill` is the longer side of the person in units of the image side; `shift` the spread of
    the person's centre. A share `truncated` of the views is framed with the two truncation ranges instead. Views with
    fewer than `min_joints` joints inside the image are drawn again.
    """

    azimuth_sd: float = 50.0
    any_azimuth: float = 0.4
    elevation: float = 7.0
    elevation_sd: float = 12.0
    elevation_limits: Range = (-25.0, 55.0)
    roll_sd: float = 4.0
    focal: Range = (1.1, 2.8)
    fill: Range = (0.6, 0.92)
    shift: float = 0.02
    truncated: float = 0.15
    truncated_fill: Range = (1.05, 1.7)
    truncated_shift: float = 0.22
    min_joints: int = 6


@dataclass(frozen=True)
class LightLook:
    """Light: sky and ground ambient and one sun (linear colours times a drawn gain); sun elevation in degrees."""

    sky: Colour = (0.6, 0.64, 0.72)
    sky_gain: Range = (0.6, 1.3)
    ground: Colour = (0.3, 0.27, 0.23)
    ground_gain: Range = (0.5, 1.2)
    sun: Colour = (1.0, 0.96, 0.9)
    sun_gain: Range = (0.25, 1.15)
    sun_elevation: Range = (14.0, 80.0)
    tint_sd: float = 0.05


@dataclass(frozen=True)
class ClothingLook:
    """Clothing: colour families, hue (may wrap past 1), lengths along the limb, patterns, extras.

    Sleeve lengths: below 0 sleeveless, 1 elbow, 2 wrist. Trouser lengths: 1 knee, 2 ankle.
    """

    colour_family: dict[str, float] = field(default_factory=lambda: {"neutral": 0.3, "denim": 0.2, "hue": 0.5})
    neutral: Range = (0.03, 0.96)
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
    one_piece: float = 0.08
    sport_one_piece: float = 0.2
    logo: float = 0.3
    hat: float = 0.09
    gloves: float = 0.03
    watch: float = 0.15

    def __post_init__(self) -> None:
        _check_weights("colour_family", self.colour_family, ("neutral", "denim", "hue"))
        _check_weights("top_pattern", self.top_pattern, PATTERNS)
        _check_weights("bottom_pattern", self.bottom_pattern, PATTERNS)
        for name in ("sleeve", "sport_sleeve", "trouser", "sport_trouser", "looseness"):
            _check_weights(name, {str(k): v for k, v in getattr(self, name).items()})


@dataclass(frozen=True)
class PeopleLook:
    """Who is in the picture: the share of children, and other people beside the labelled one.

    A share `others` of the images shows more people, as many as `others_count` says; they stand `others_aside` metres
    to the left or right and `others_behind` metres behind the labelled person (negative: before), as the camera sees
    them, and are left out where they would intersect anybody or cover too much of the labelled person.
    """

    children: float = 0.0
    others: float = 0.0
    others_count: dict[int, float] = field(default_factory=lambda: {1: 0.6, 2: 0.3, 3: 0.1})
    others_aside: Range = (0.2, 1.6)
    others_behind: Range = (-0.8, 3.0)

    def __post_init__(self) -> None:
        for name in ("children", "others"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not a share; give 0 to 1")
        _check_weights("others_count", {str(k): v for k, v in self.others_count.items()})


@dataclass(frozen=True)
class BackgroundLook:
    """Backgrounds: kinds, the share of the user's photographs (when a folder is given), brightness, colour range."""

    kind: dict[str, float] = field(
        default_factory=lambda: {"room": 0.32, "outdoor": 0.24, "clutter": 0.26, "facade": 0.1, "noise": 0.08}
    )
    photographs: float = 0.6
    gain: Range = (0.6, 1.15)
    hue: Range = (0.0, 1.0)
    saturation: Range = (0.05, 0.75)
    value: Range = (0.15, 0.95)

    def __post_init__(self) -> None:
        _check_weights("kind", self.kind, BACKGROUND_KINDS)


@dataclass(frozen=True)
class OccluderLook:
    """Objects in front of the person: their share and their size relative to the person's box."""

    probability: float = 0.18
    width: Range = (0.12, 0.45)
    height: Range = (0.1, 0.35)


@dataclass(frozen=True)
class SensorLook:
    """Sensor: blur (sigma in pixels at 256, option -> weight), exposure, colour cast, haze, noise, JPEG quality.

    `haze` is the share of the light that comes from the `veil` (sRGB) instead of the scene.
    """

    blur: dict[float, float] = field(default_factory=lambda: {0.0: 0.45, 0.5: 0.3, 0.9: 0.18, 1.4: 0.07})
    exposure: Range = (0.75, 1.2)
    cast: Colour = (1.0, 1.0, 1.0)
    cast_sd: float = 0.04
    gamma: Range = (0.85, 1.2)
    saturation: Range = (1.0, 1.0)
    haze: Range = (0.0, 0.0)
    veil: Colour = (0.75, 0.78, 0.82)
    noise: dict[float, float] = field(default_factory=lambda: {0.0: 0.4, 0.01: 0.4, 0.025: 0.2})
    vignette: Range = (0.0, 0.0)
    jpeg: dict[int, float] = field(default_factory=lambda: {95: 0.5, 80: 0.25, 55: 0.15, 35: 0.1})

    def __post_init__(self) -> None:
        for name in ("blur", "noise", "jpeg"):
            _check_weights(name, {str(k): v for k, v in getattr(self, name).items()})


@dataclass(frozen=True)
class Look:
    """All distributions of one look."""

    pose: PoseLook = field(default_factory=PoseLook)
    camera: CameraLook = field(default_factory=CameraLook)
    light: LightLook = field(default_factory=LightLook)
    clothing: ClothingLook = field(default_factory=ClothingLook)
    people: PeopleLook = field(default_factory=PeopleLook)
    background: BackgroundLook = field(default_factory=BackgroundLook)
    occluder: OccluderLook = field(default_factory=OccluderLook)
    sensor: SensorLook = field(default_factory=SensorLook)


def list_looks() -> list[str]:
    """Names of the built-in looks."""
    return sorted(path.stem for path in LOOKS.glob("*.yaml"))


def load_look(name: str) -> Look:
    """Load a look.

    Args:
        name: A built-in look's name, or the path of a YAML file (ending in .yaml or .yml).

    Raises:
        UserError: No such look or file, broken YAML, an unknown key, a value of the wrong type.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else LOOKS / f"{name}.yaml"
    if not path.is_file():
        if path.parent == LOOKS:
            near = difflib.get_close_matches(name, list_looks(), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(list_looks())}, or a .yaml file"
            raise UserError(f"look '{name}' does not exist; {hint}")
        raise UserError(f"look file {path} does not exist")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable YAML file: {' '.join(str(error).split())}") from error
    return build(Look, {} if data is None else data, str(path))

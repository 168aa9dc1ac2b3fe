"""A look: every distribution that decides how the rendered pictures appear, loaded from YAML.

Built-in looks lie in `looks/*.yaml`; a user copies one and edits it. Ranges are (low, high) of a uniform draw; mappings
are option -> weight; colours are sRGB in [0, 1]. The part that dresses people stands in `look_person.py`, that of the
background in `look_background.py`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from actupose.errors import UserError
from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.look_background import BACKGROUND_KINDS, BackgroundLook, OccluderLook
from actupose.synth.look_camera import CameraLook, HandCameraLook
from actupose.synth.look_hand import HandLook
from actupose.synth.look_person import PATTERNS, ClothingLook, HairLook, SkinLook
from actupose.synth.schema import Colour, Range, build, check_weights

__all__ = [
    "BACKGROUND_KINDS",
    "PATTERNS",
    "BackgroundLook",
    "CameraLook",
    "ClothingLook",
    "GroundLook",
    "HairLook",
    "HandCameraLook",
    "HandLook",
    "LightLook",
    "Look",
    "OccluderLook",
    "PeopleLook",
    "PoseLook",
    "SensorLook",
    "SkinLook",
    "list_looks",
    "load_look",
]

LOOKS = Path(__file__).parent / "looks"


@dataclass(frozen=True)
class PoseLook:
    """Poses.

    `tail` is the steepness of the archetypes' tail, `boost` a factor on single ones, `jitter` a factor on the jitter of
    all angles, `mirrored` the share of mirrored poses.
    """

    tail: float = 0.0
    jitter: float = 1.0
    mirrored: float = 0.5
    boost: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.boost:
            check_weights("boost", dict.fromkeys(ARCHETYPES, 1.0) | self.boost, tuple(ARCHETYPES))


@dataclass(frozen=True)
class LightLook:
    """Light: sky and ground ambient and one sun, linear colours times a drawn gain.

    The sun's azimuth (0: at the person's left) and elevation are degrees.
    """

    sky: Colour = (0.6, 0.64, 0.72)
    sky_gain: Range = (0.6, 1.3)
    ground: Colour = (0.3, 0.27, 0.23)
    ground_gain: Range = (0.5, 1.2)
    sun: Colour = (1.0, 0.96, 0.9)
    sun_gain: Range = (0.25, 1.15)
    sun_azimuth: Range = (0.0, 360.0)
    sun_elevation: Range = (14.0, 80.0)
    tint_sd: float = 0.05


@dataclass(frozen=True)
class GroundLook:
    """The ground that the person stands on, and the shadow on it.

    `shadow` is the strength of the shadow that the sun casts, `contact` that of the dark spot under what touches the
    ground; 0 leaves them out. `softness` is the blur of the shadow's edge and `reach` how far from the person it is
    seen, metres. `airborne` is the height of jumps above the ground, metres. With `aligned` the floors, streets and
    horizons of the background lie where the camera sees the ground, walls `wall` metres behind the person.
    """

    shadow: float = 0.0
    contact: float = 0.0
    softness: float = 0.03
    reach: float = 3.0
    airborne: Range = (0.05, 0.4)
    aligned: bool = False
    wall: Range = (0.6, 4.0)

    def __post_init__(self) -> None:
        for name in ("shadow", "contact"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)} is no strength; give 0 to 1")
        if self.reach <= 0 or self.softness < 0:
            raise ValueError("reach and softness are lengths; give metres above 0")


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
        check_weights("others_count", self.others_count)


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
            check_weights(name, getattr(self, name))


@dataclass(frozen=True)
class Look:
    """All distributions of one look."""

    pose: PoseLook = field(default_factory=PoseLook)
    camera: CameraLook = field(default_factory=CameraLook)
    light: LightLook = field(default_factory=LightLook)
    ground: GroundLook = field(default_factory=GroundLook)
    skin: SkinLook = field(default_factory=SkinLook)
    hair: HairLook = field(default_factory=HairLook)
    clothing: ClothingLook = field(default_factory=ClothingLook)
    people: PeopleLook = field(default_factory=PeopleLook)
    hand: HandLook = field(default_factory=HandLook)
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

"""The part of a look that makes the background and what stands in front: kinds of picture and of object.

Ranges are (low, high) of a uniform draw, mappings are option -> weight, plain lists are options that are equally likely
(name one twice to double it); colours are sRGB in [0, 1], places and sizes in units of the image side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actupose.synth.schema import Colour, Counts, Range, check_options, check_weights

BACKGROUND_KINDS = ("room", "outdoor", "clutter", "facade", "noise", "studio")
SHAPES = ("ellipse", "box", "polygon")


@dataclass(frozen=True)
class PhotographLook:
    """How the user's photographs are used.

    `side` is the crop's side over the photograph's shorter one, `mirrored` and `mixed` the shares of mirrored crops and
    of crops with mixed colour channels, `mixing` how much of a mixed channel comes from the others.
    """

    side: Range = (0.45, 1.0)
    mirrored: float = 0.5
    mixed: float = 0.3
    mixing: float = 0.4


@dataclass(frozen=True)
class RoomLook:
    """A wall, a floor and boxes.

    `edge` is the row of the floor's edge, `slope_sd` the deviation of its slope, `boxes` how many there are, `striped`
    the share of striped ones and `stripes` their frequency in radians a side.
    """

    edge: Range = (0.45, 0.85)
    slope_sd: float = 0.1
    boxes: Counts = (1, 8)
    box_x: Range = (-0.1, 0.9)
    box_y: Range = (-0.1, 0.8)
    box_width: Range = (0.05, 0.35)
    box_height: Range = (0.05, 0.5)
    striped: float = 0.4
    stripes: Range = (30.0, 160.0)


@dataclass(frozen=True)
class OutdoorLook:
    """Sky, hills and near ground.

    `horizon` is its row; the sky's upper colour gets a factor from `sky_gain`; `hills` is the share of pictures with
    hills.
    """

    horizon: Range = (0.3, 0.7)
    sky_top: Colour = (0.35, 0.55, 0.9)
    sky_low: Colour = (0.85, 0.9, 0.97)
    sky_gain: Range = (0.7, 1.1)
    hills: float = 0.7
    hill_dark: Colour = (0.08, 0.2, 0.06)
    hill_bright: Colour = (0.35, 0.45, 0.2)


@dataclass(frozen=True)
class ClutterLook:
    """Overlapping shapes.

    `colours` and `shapes` say how many; each shape has an aspect and a factor on its brightness; `light_decay` is the
    roughness of the uneven light.
    """

    colours: Counts = (3, 7)
    shapes: Counts = (30, 140)
    aspect: Range = (0.4, 1.6)
    shade: Range = (0.6, 1.2)
    light_decay: Range = (0.4, 0.8)


@dataclass(frozen=True)
class FacadeLook:
    """Windows above a street.

    `pitch` is the distance of windows, `window` their size and `frame` the width of their frames in units of it,
    `slant_sd` the deviation of the slant, `street` the row where the street begins.
    """

    pitch: Range = (0.1, 0.3)
    slant_sd: float = 0.12
    window: Range = (0.3, 0.75)
    frame: Range = (0.02, 0.08)
    street: Range = (0.65, 0.9)


@dataclass(frozen=True)
class NoiseLook:
    """Coloured noise: the share between two colours only, and its roughness."""

    two_colours: float = 0.35
    decay: Range = (0.5, 0.9)


@dataclass(frozen=True)
class StudioLook:
    """A paper backdrop: how much darker it gets downwards and towards the corners."""

    fall: Range = (0.0, 0.35)
    vignette: Range = (0.0, 0.25)


@dataclass(frozen=True)
class BackgroundLook:
    """Backgrounds: kinds, colours, brightness, and the settings of each kind.

    `photographs` is the share of the user's photographs when a folder is given.
    """

    kind: dict[str, float] = field(
        default_factory=lambda: {"room": 0.32, "outdoor": 0.24, "clutter": 0.26, "facade": 0.1, "noise": 0.08}
    )
    photographs: float = 0.6
    gain: Range = (0.6, 1.15)
    hue: Range = (0.0, 1.0)
    saturation: Range = (0.05, 0.75)
    value: Range = (0.15, 0.95)
    photograph: PhotographLook = field(default_factory=PhotographLook)
    room: RoomLook = field(default_factory=RoomLook)
    outdoor: OutdoorLook = field(default_factory=OutdoorLook)
    clutter: ClutterLook = field(default_factory=ClutterLook)
    facade: FacadeLook = field(default_factory=FacadeLook)
    noise: NoiseLook = field(default_factory=NoiseLook)
    studio: StudioLook = field(default_factory=StudioLook)

    def __post_init__(self) -> None:
        check_weights("kind", self.kind, BACKGROUND_KINDS)


@dataclass(frozen=True)
class OccluderLook:
    """Objects in front of the person.

    `width` and `height` are relative to the person's box, of which a side counts as at least `least` times the other;
    `pole` is the share of poles and `pole_width` theirs over the width drawn; the rest are `shapes`.
    """

    probability: float = 0.18
    width: Range = (0.12, 0.45)
    height: Range = (0.1, 0.35)
    least: float = 0.4
    pole: float = 0.2
    pole_width: float = 1 / 3
    shapes: tuple[str, ...] = SHAPES

    def __post_init__(self) -> None:
        check_options("shapes", self.shapes, SHAPES)

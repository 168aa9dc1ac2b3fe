"""Skin, nails, sleeve, glove and watch of a hand as masks in reference space (columns as in `hands.py`). Ours."""

from __future__ import annotations

import torch

from actupose.synth import body, hands
from actupose.synth.cloth import Cloth
from actupose.synth.hand_appearance import HandAppearance
from actupose.synth.painting import GAMMA, Material, Painter, Surface, Wearers
from actupose.synth.rotations import Array

_WATCH = (1.80, 1.88)  # along the arm
_CREASES = ((0.5, 0.5), (1.0, 1.0), (2.0, 0.8))  # along the finger, strength; the first on the palm side alone
_CREASE_WIDTH = 0.05
_SPECKLES = 420.0  # frequency of the fine mottling, radians per metre


def thickness(attributes: torch.Tensor, noise: torch.Tensor, wearers: Wearers[HandAppearance]) -> torch.Tensor:
    """How far sleeve, glove and watch stand off the skin, (V, B) metres."""
    value, along = wearers.value, attributes[:, body.ARM_ALONG]
    sleeve = torch.sigmoid((value(lambda a: a.sleeve_end) - along) * 60) * value(lambda a: a.sleeve.thickness)
    band = value(lambda a: 0.004 if a.band is not None else 0.0) * _band(along)
    glove = value(lambda a: 0.0015 if a.glove is not None else 0.0) * attributes[:, body.HAND]
    return torch.maximum(sleeve * (0.8 + 0.35 * noise), band) + glove


def _band(along: torch.Tensor) -> torch.Tensor:
    return ((along > _WATCH[0]) & (along < _WATCH[1])).float()


def _creases(attributes: torch.Tensor) -> torch.Tensor:
    """How deep (N,) a point lies in a crease at a finger's joint, in [0, 1]."""
    along, palmar = attributes[:, hands.FINGER_ALONG], attributes[:, hands.PALMAR]
    inner = palmar.clamp(min=0)
    depth = torch.zeros_like(along)
    for place, strength in _CREASES:
        near = (1 - ((along - place) / _CREASE_WIDTH).square()).clamp_(min=0)
        depth += near * strength * (inner if place < 1 else 0.35 + 0.65 * inner)
    return depth


def _skin(attributes: torch.Tensor, noise: torch.Tensor, wearers: Wearers[HandAppearance]) -> torch.Tensor:
    """Linear colour (N, 3) of bare skin: paler in the palm, darker in creases, redder towards the fingertips."""
    share = (attributes[:, hands.PALMAR] * 1.2 + 0.35).clamp(0, 1) * attributes[:, body.HAND]
    x, y, z = attributes[:, :3].unbind(1)
    mottled = torch.sin(_SPECKLES * (x + 0.6 * y) + 3 * noise) * torch.sin(_SPECKLES * (z - 0.5 * y) - 2 * noise)
    shade = 1 - wearers.value(lambda a: a.crease) * _creases(attributes) + 0.03 * mottled
    red = 0.12 * (attributes[:, hands.FINGER_ALONG] / 3).square()
    colour = torch.empty(3, len(share), device=share.device).t()  # channels lie contiguous in memory
    for channel in range(3):
        back, further = _linear_skin(wearers, channel)
        colour[:, channel] = (back + share * further) * shade * (1 + (red if channel == 0 else -0.5 * red))
    return colour


def _linear_skin(wearers: Wearers[HandAppearance], channel: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One channel of the back's linear colour, and how much further the palm's lies."""

    def linear(colour: Array) -> float:
        """The channel of an sRGB colour (3,), linear."""
        return float(float(colour.clip(0, 1)[channel]) ** GAMMA)

    further = wearers.value(lambda a: linear(a.palm) - linear(a.skin))
    return wearers.value(lambda a: linear(a.skin)), further


def paint(
    attributes: torch.Tensor, noise: torch.Tensor, label: torch.Tensor, wearers: Wearers[HandAppearance]
) -> Surface:
    """Colour surface points.

    Args:
        attributes: (N, 12) interpolated vertex attributes.
        noise: (N,) from `painting.waves`.
        label: (N,) skin or nail.
        wearers: Whose hands to paint.
    """
    painter = Painter(wearers, lambda a: a.skin, 0.10, len(attributes))
    along = attributes[:, body.ARM_ALONG]
    painter.paint(label == body.NAIL, lambda a: a.nail, 0.35)
    painter.paint(attributes[:, body.HAND] > 0.5, lambda a: a.glove, 0.03)
    painter.paint(_band(along) > 0, lambda a: a.band, 0.12)
    sleeve = along < wearers.value(lambda a: a.sleeve_end)
    Cloth(painter, sleeve, attributes[:, body.POSITION], noise, lambda a: a.sleeve).paint()
    albedo, gloss = painter.finish()
    bare = painter.material == 0
    albedo = torch.where(bare[:, None], _skin(attributes, noise, wearers), albedo)
    albedo = (albedo * ((1 + 0.05 * noise) ** GAMMA)[:, None]).clamp(0, 1)
    return Surface(albedo, gloss, torch.where(sleeve, wearers.value(lambda a: a.sleeve.fold), 0.05))


HAND_MATERIAL = Material(bump=0.7, shadow_bias=0.004, thickness=thickness, paint=paint)

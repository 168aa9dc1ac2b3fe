"""Skin, nails, sleeve, glove and watch of a hand as masks in reference space (columns as in `hands.py`). Ours."""

from __future__ import annotations

import torch

from actupose.synth import body, hands
from actupose.synth.hand_appearance import HandAppearance
from actupose.synth.painting import GAMMA, Finish, Painter, Surface, make_finish, paint_cloth
from actupose.synth.rotations import Array

_BUMP = 0.7
_SHADOW_BIAS = 0.004  # metres
_WATCH = (1.80, 1.88)  # along the arm
_CREASES = ((0.5, 0.5), (1.0, 1.0), (2.0, 0.8))  # along the finger, strength; the first on the palm side alone
_CREASE_WIDTH = 0.05
_SPECKLES = 420.0  # frequency of the fine mottling, radians per metre


def hand_finish(appearance: HandAppearance) -> Finish:
    """How a hand is painted."""
    return make_finish(appearance, thickness, paint, _BUMP, _SHADOW_BIAS)


def thickness(attributes: torch.Tensor, noise: torch.Tensor, appearance: HandAppearance) -> torch.Tensor:
    """How far sleeve, glove and watch stand off the skin, (V,) metres."""
    along = attributes[:, body.ARM_ALONG]
    sleeve = torch.sigmoid((appearance.sleeve_end - along) * 60) * appearance.sleeve.thickness
    offset = sleeve * (0.8 + 0.35 * noise)
    if appearance.band is not None:
        offset = torch.maximum(offset, 0.004 * _band(along))
    return offset + (0.0015 * attributes[:, body.HAND] if appearance.glove is not None else 0.0)


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


def _linear(colour: Array) -> list[float]:
    return [float(c) ** GAMMA for c in colour.clip(0, 1)]


def _skin(attributes: torch.Tensor, noise: torch.Tensor, appearance: HandAppearance) -> torch.Tensor:
    """Linear colour (N, 3) of bare skin: paler in the palm, darker in creases, redder towards the fingertips."""
    share = (attributes[:, hands.PALMAR] * 1.2 + 0.35).clamp(0, 1) * attributes[:, body.HAND]
    x, y, z = attributes[:, :3].unbind(1)
    mottled = torch.sin(_SPECKLES * (x + 0.6 * y) + 3 * noise) * torch.sin(_SPECKLES * (z - 0.5 * y) - 2 * noise)
    shade = 1 - appearance.crease * _creases(attributes) + 0.03 * mottled
    red = 0.12 * (attributes[:, hands.FINGER_ALONG] / 3).square()
    colour = torch.empty(3, len(share)).t()  # channels lie contiguous in memory
    for channel, (back, palm) in enumerate(zip(_linear(appearance.skin), _linear(appearance.palm), strict=True)):
        colour[:, channel] = (back + share * (palm - back)) * shade * (1 + (red if channel == 0 else -0.5 * red))
    return colour


def paint(attributes: torch.Tensor, noise: torch.Tensor, label: torch.Tensor, appearance: HandAppearance) -> Surface:
    """Colour surface points.

    Args:
        attributes: (N, 12) interpolated vertex attributes.
        noise: (N,) from `painting.waves`.
        label: (N,) skin or nail.
        appearance: Whose hand to paint.
    """
    painter = Painter(appearance.skin, 0.10, len(attributes))
    along = attributes[:, body.ARM_ALONG]
    painter.paint(label == body.NAIL, appearance.nail, 0.35)
    if appearance.glove is not None:
        painter.paint(attributes[:, body.HAND] > 0.5, appearance.glove, 0.03)
    if appearance.band is not None:
        painter.paint(_band(along) > 0, appearance.band, 0.12)
    sleeve = along < appearance.sleeve_end
    paint_cloth(painter, sleeve, attributes[:, body.POSITION], noise, appearance.sleeve)
    albedo, gloss = painter.finish()
    bare = painter.material == 0
    albedo = torch.where(bare[:, None], _skin(attributes, noise, appearance), albedo)
    albedo = (albedo * ((1 + 0.05 * noise) ** GAMMA)[:, None]).clamp(0, 1)
    return Surface(albedo, gloss, torch.where(sleeve, appearance.sleeve.fold, 0.05))

"""Skin, hair and clothing as masks in reference space: crisp edges, no texture seams.

All functions take interpolated vertex attributes (columns as in `body.py`) of any set of surface points, so the same
masks serve vertices (thickness of cloth) and pixels (colour). Heights are those of the reference body, whose root is at
z = 0, crown at 0.85, soles at -0.98. Ours.
"""

from __future__ import annotations

import math

import torch

from actupose.synth import body
from actupose.synth.appearance import Appearance
from actupose.synth.painting import GAMMA, Finish, Painter, Surface, make_finish, paint_cloth

_BUMP = 1.6
_SHADOW_BIAS = 0.012  # metres


def hair_mask(attributes: torch.Tensor, appearance: Appearance) -> torch.Tensor:
    """Soft mask (N,) of the hair."""
    hair = appearance.hair
    if hair.bald:
        return torch.zeros(len(attributes))
    x, y, z = attributes[:, 0].abs(), attributes[:, 1] + 0.055, attributes[:, 2] - 0.745
    above = z * math.sin(hair.slope) + y * math.cos(hair.slope) - 0.045 - hair.line
    ear = (x > 0.068) & (z < 0.012) & (y < 0.045)
    crown = torch.sigmoid(above * 400) * ((attributes[:, body.HEAD] > 0.5) & ~ear)
    nape = (y > 0.03) & (y > 0.035 + 0.2 * x) & (z > -0.065 - hair.length) & (z < 0.055) & (x < 0.10)
    return torch.maximum(crown, nape.float())


def thickness(attributes: torch.Tensor, noise: torch.Tensor, appearance: Appearance) -> torch.Tensor:
    """How far cloth, shoes and hair stand off the skin, (N,) metres."""
    z, arm_along, leg_along = attributes[:, 2], attributes[:, body.ARM_ALONG], attributes[:, body.LEG_ALONG]
    on_arm = attributes[:, body.ARM] >= 0.5
    trunk = ~on_arm & (attributes[:, body.LEG] < 0.5) & (attributes[:, body.HEAD] < 0.4)
    shirt = torch.sigmoid((z - appearance.hem) * 60) * torch.sigmoid((0.50 - z) * 60) * trunk
    top = shirt + (on_arm & (arm_along < appearance.sleeve))
    legs = torch.sigmoid((appearance.trouser - leg_along) * 12) * (leg_along > 0.02)
    legs = legs * (0.6 + 0.4 * (leg_along > 0.3))
    bottom = (legs + torch.sigmoid((appearance.waist - z) * 60) * trunk).clamp(max=1)
    cloth = torch.maximum(top * appearance.top.thickness, bottom * appearance.bottom.thickness)
    shoes = attributes[:, body.FOOT] * (0.006 if appearance.shoe is not None else 0.0)
    hair = hair_mask(attributes, appearance) * appearance.hair.thickness * (0.8 + 0.3 * noise)
    return cloth * (0.8 + 0.35 * noise) + shoes + hair


def _paint_head(painter: Painter, attributes: torch.Tensor, label: torch.Tensor, appearance: Appearance) -> None:
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    on_head, skin, hair = attributes[:, body.HEAD] > 0.5, appearance.skin, appearance.hair
    front = on_head & (y < -0.10)
    painter.paint(front & ((z - 0.668).abs() < 0.009) & (x < 0.024), skin * [0.92, 0.62, 0.62], 0.15)
    brow = front & ((z - 0.760).abs() < 0.0045) & (x > 0.010) & (x < 0.05)
    painter.paint(brow, 0.5 * skin + 0.3 * hair.colour, 0.05)
    eye = label == body.EYE
    painter.paint(eye, skin * 0 + 0.88, 0.3)
    pupil = (x - 0.031) ** 2 + (z - 0.736) ** 2 < 0.0065**2
    painter.paint(eye & pupil, skin * 0 + [0.10, 0.08, 0.07], 0.3)
    painter.paint(label == body.CAVITY, skin * 0.35, 0.0)
    if not hair.bald:
        painter.paint(hair_mask(attributes, appearance) > 0.5, hair.colour, 0.06)
    if appearance.hat is not None:
        painter.paint(on_head & ((z - 0.745) * 0.92 + (y + 0.055) * 0.38 > 0.048), appearance.hat, 0.02)


def _top_mask(attributes: torch.Tensor, appearance: Appearance) -> torch.Tensor:
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    on_arm = attributes[:, body.ARM] >= 0.5
    trunk = ~on_arm & (attributes[:, body.LEG] < 0.5) & (attributes[:, body.HEAD] < 0.5)
    collar = (z - 0.56) * 0.92 + (y + 0.02) * 0.38
    limit = appearance.neckline - (y < 0) * appearance.v_neck * (0.07 - x).clamp(min=0)
    below_collar = (collar < limit) | ((x > 0.085) & (collar < 0.03))
    mask = ((z > appearance.hem) & trunk & below_collar) | (
        on_arm & (attributes[:, body.ARM_ALONG] < appearance.sleeve)
    )
    if appearance.sleeve < 0.05:  # a vest
        mask &= (x < 0.155) | (z < 0.40)
    return mask


def _bottom_mask(attributes: torch.Tensor, appearance: Appearance) -> torch.Tensor:
    on_leg = attributes[:, body.LEG] >= 0.5
    trunk = ~on_leg & (attributes[:, body.ARM] < 0.5) & (attributes[:, body.HEAD] < 0.5)
    hips = (attributes[:, 2] < appearance.waist) & trunk
    return hips | (on_leg & (attributes[:, body.LEG_ALONG] < appearance.trouser))


def _paint_extras(
    painter: Painter, attributes: torch.Tensor, noise: torch.Tensor, top: torch.Tensor, appearance: Appearance
) -> None:
    x, y, z = attributes[:, 0], attributes[:, 1], attributes[:, 2]
    if (logo := appearance.logo) is not None:
        area = top & (y < -0.02) & (x.abs() < logo.half_width) & ((z - logo.height).abs() < logo.half_height)
        letters = torch.sin(x * 140 + 5 * noise) * torch.sin(z * 120 + 3 * noise) > 0
        painter.paint(area & letters, logo.colour, 0.02)
    if appearance.shoe is not None:
        shoe = attributes[:, body.FOOT] > 0.5
        painter.paint(shoe, appearance.shoe, 0.15)
        painter.paint(shoe & (z < -0.969), appearance.sole, 0.1)
    if appearance.glove is not None:
        painter.paint(attributes[:, body.HAND] > 0.5, appearance.glove, 0.03)
    if appearance.watch:
        along = attributes[:, body.ARM_ALONG]
        painter.paint((along > 1.86) & (along < 1.95) & (x > 0), appearance.skin * 0 + 0.06, 0.3)


def body_finish(appearance: Appearance) -> Finish:
    """How a clothed person is painted."""
    return make_finish(appearance, thickness, paint, _BUMP, _SHADOW_BIAS)


def paint(attributes: torch.Tensor, noise: torch.Tensor, label: torch.Tensor, appearance: Appearance) -> Surface:
    """Colour surface points.

    Args:
        attributes: (N, 10) interpolated vertex attributes.
        noise: (N,) from `waves`.
        label: (N,) skin, eye or cavity.
        appearance: Whom to paint.
    """
    painter = Painter(appearance.skin, 0.10, len(attributes))
    _paint_head(painter, attributes, label, appearance)
    if appearance.shoe is not None:
        sock = (attributes[:, body.LEG_ALONG] > appearance.sock) & (attributes[:, body.LEG] > 0.5)
        painter.paint(sock, appearance.sock_colour, 0.02)
    top, bottom = _top_mask(attributes, appearance), _bottom_mask(attributes, appearance)
    points = attributes[:, body.POSITION]
    paint_cloth(painter, bottom, points, noise, appearance.bottom)
    paint_cloth(painter, top, points, noise, appearance.top)
    _paint_extras(painter, attributes, noise, top, appearance)
    albedo, gloss = painter.finish()
    albedo = (albedo * ((1 + 0.05 * noise) ** GAMMA)[:, None]).clamp(0, 1)
    bare = (attributes[:, body.FOOT] > 0.5) & (appearance.shoe is not None)
    fold = torch.where(top, appearance.top.fold, appearance.bottom.fold) * ((top | bottom) & ~bare) + 0.04
    return Surface(albedo, gloss, fold)

"""Skin, hair and clothing as masks in reference space: crisp edges, no texture seams.

All functions take vertex attributes (columns as in `body.py`), of vertices for the thickness of cloth, interpolated for
the colour of pixels, and the looks of all people whose points these are. Heights are those of the reference body, whose
root is at z = 0, crown at 0.85, soles at -0.98. Ours.
"""

from __future__ import annotations

import math

import torch

from actupose.synth import body
from actupose.synth.appearance import Appearance
from actupose.synth.cloth import Cloth
from actupose.synth.painting import GAMMA, Material, Painter, Surface, Wearers


def hair_mask(attributes: torch.Tensor, wearers: Wearers[Appearance]) -> torch.Tensor:
    """Soft mask of the hair, one value a point."""
    value = wearers.value
    x, y, z = attributes[:, 0].abs(), attributes[:, 1] + 0.055, attributes[:, 2] - 0.745
    slope = z * value(lambda a: math.sin(a.hair.slope)) + y * value(lambda a: math.cos(a.hair.slope))
    above = slope - 0.045 - value(lambda a: a.hair.line)
    ear = (x > 0.068) & (z < 0.012) & (y < 0.045)
    crown = torch.sigmoid(above * 400) * ((attributes[:, body.HEAD] > 0.5) & ~ear)
    nape = (y > 0.03) & (y > 0.035 + 0.2 * x) & (z > value(lambda a: -0.065 - a.hair.length)) & (z < 0.055) & (x < 0.10)
    return torch.maximum(crown, nape.float()) * wearers.who(lambda a: not a.hair.bald)


def thickness(attributes: torch.Tensor, noise: torch.Tensor, wearers: Wearers[Appearance]) -> torch.Tensor:
    """How far cloth, shoes and hair stand off the skin, (V, B) metres."""
    value = wearers.value
    z, arm_along, leg_along = attributes[:, 2], attributes[:, body.ARM_ALONG], attributes[:, body.LEG_ALONG]
    on_arm = attributes[:, body.ARM] >= 0.5
    trunk = ~on_arm & (attributes[:, body.LEG] < 0.5) & (attributes[:, body.HEAD] < 0.4)
    shirt = torch.sigmoid((z - value(lambda a: a.hem)) * 60) * torch.sigmoid((0.50 - z) * 60) * trunk
    top = shirt + (on_arm & (arm_along < value(lambda a: a.sleeve)))
    legs = torch.sigmoid((value(lambda a: a.trouser) - leg_along) * 12) * (leg_along > 0.02)
    legs = legs * (0.6 + 0.4 * (leg_along > 0.3))
    bottom = (legs + torch.sigmoid((value(lambda a: a.waist) - z) * 60) * trunk).clamp(max=1)
    cloth = torch.maximum(top * value(lambda a: a.top.thickness), bottom * value(lambda a: a.bottom.thickness))
    shoes = attributes[:, body.FOOT] * value(lambda a: 0.006 if a.shoe is not None else 0.0)
    hair = hair_mask(attributes, wearers) * value(lambda a: a.hair.thickness) * (0.8 + 0.3 * noise)
    return cloth * (0.8 + 0.35 * noise) + shoes + hair


def _paint_head(painter: Painter[Appearance], attributes: torch.Tensor, label: torch.Tensor) -> None:
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    on_head = attributes[:, body.HEAD] > 0.5
    front = on_head & (y < -0.10)
    lips = front & ((z - 0.668).abs() < 0.009) & (x < 0.024)
    painter.paint(lips, lambda a: a.skin * [0.92, 0.62, 0.62], 0.15)
    brow = front & ((z - 0.760).abs() < 0.0045) & (x > 0.010) & (x < 0.05)
    painter.paint(brow, lambda a: 0.5 * a.skin + 0.3 * a.hair.colour, 0.05)
    eye = label == body.EYE
    painter.paint(eye, lambda a: a.skin * 0 + 0.88, 0.3)
    pupil = (x - 0.031) ** 2 + (z - 0.736) ** 2 < 0.0065**2
    painter.paint(eye & pupil, lambda a: a.skin * 0 + [0.10, 0.08, 0.07], 0.3)
    painter.paint(label == body.CAVITY, lambda a: a.skin * 0.35, 0.0)
    hair = hair_mask(attributes, painter.wearers) > 0.5
    painter.paint(hair, lambda a: None if a.hair.bald else a.hair.colour, 0.06)
    hat = on_head & ((z - 0.745) * 0.92 + (y + 0.055) * 0.38 > 0.048)
    painter.paint(hat, lambda a: a.hat, 0.02)


def _top_mask(attributes: torch.Tensor, wearers: Wearers[Appearance]) -> torch.Tensor:
    value = wearers.value
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    on_arm = attributes[:, body.ARM] >= 0.5
    trunk = ~on_arm & (attributes[:, body.LEG] < 0.5) & (attributes[:, body.HEAD] < 0.5)
    collar = (z - 0.56) * 0.92 + (y + 0.02) * 0.38
    limit = value(lambda a: a.neckline) - (y < 0) * value(lambda a: a.v_neck) * (0.07 - x).clamp(min=0)
    below_collar = (collar < limit) | ((x > 0.085) & (collar < 0.03))
    mask = ((z > value(lambda a: a.hem)) & trunk & below_collar) | (
        on_arm & (attributes[:, body.ARM_ALONG] < value(lambda a: a.sleeve))
    )
    has_shoulders = wearers.who(lambda a: a.sleeve >= 0.05)  # not a vest
    return mask & ((x < 0.155) | (z < 0.40) | has_shoulders)


def _bottom_mask(attributes: torch.Tensor, wearers: Wearers[Appearance]) -> torch.Tensor:
    on_leg = attributes[:, body.LEG] >= 0.5
    trunk = ~on_leg & (attributes[:, body.ARM] < 0.5) & (attributes[:, body.HEAD] < 0.5)
    hips = (attributes[:, 2] < wearers.value(lambda a: a.waist)) & trunk
    return hips | (on_leg & (attributes[:, body.LEG_ALONG] < wearers.value(lambda a: a.trouser)))


def _paint_logo(painter: Painter[Appearance], attributes: torch.Tensor, noise: torch.Tensor, top: torch.Tensor) -> None:
    if not any(look.logo for look in painter.wearers.looks):
        return
    value = painter.wearers.value
    x, y, z = attributes[:, 0], attributes[:, 1], attributes[:, 2]
    height = value(lambda a: a.logo.height if a.logo else 0.0)
    half_width = value(lambda a: a.logo.half_width if a.logo else 0.0)
    half_height = value(lambda a: a.logo.half_height if a.logo else 0.0)
    area = top & (y < -0.02) & (x.abs() < half_width) & ((z - height).abs() < half_height)
    letters = torch.sin(x * 140 + 5 * noise) * torch.sin(z * 120 + 3 * noise) > 0
    painter.paint(area & letters, lambda a: a.logo.colour if a.logo else None, 0.02)


def _paint_ends(painter: Painter[Appearance], attributes: torch.Tensor) -> None:
    """Paint shoes, gloves and watches."""
    x, z, along = attributes[:, 0], attributes[:, 2], attributes[:, body.ARM_ALONG]
    shoe = attributes[:, body.FOOT] > 0.5
    painter.paint(shoe, lambda a: a.shoe, 0.15)
    painter.paint(shoe & (z < -0.969), lambda a: None if a.shoe is None else a.sole, 0.1)
    painter.paint(attributes[:, body.HAND] > 0.5, lambda a: a.glove, 0.03)
    watch = (along > 1.86) & (along < 1.95) & (x > 0)
    painter.paint(watch, lambda a: a.skin * 0 + 0.06 if a.watch else None, 0.3)


def paint(attributes: torch.Tensor, noise: torch.Tensor, label: torch.Tensor, wearers: Wearers[Appearance]) -> Surface:
    """Colour surface points.

    Args:
        attributes: (N, 10) interpolated vertex attributes.
        noise: (N,) from `waves`.
        label: (N,) skin, eye or cavity.
        wearers: Whom to paint.
    """
    painter = Painter(wearers, lambda a: a.skin, 0.10, len(attributes))
    _paint_head(painter, attributes, label)
    sock = (attributes[:, body.LEG_ALONG] > wearers.value(lambda a: a.sock)) & (attributes[:, body.LEG] > 0.5)
    painter.paint(sock, lambda a: None if a.shoe is None else a.sock_colour, 0.02)
    top, bottom = _top_mask(attributes, wearers), _bottom_mask(attributes, wearers)
    points = attributes[:, body.POSITION]
    Cloth(painter, bottom, points, noise, lambda a: a.bottom).paint()
    Cloth(painter, top, points, noise, lambda a: a.top).paint()
    _paint_logo(painter, attributes, noise, top)
    _paint_ends(painter, attributes)
    albedo, gloss = painter.finish()
    albedo = (albedo * ((1 + 0.05 * noise) ** GAMMA)[:, None]).clamp(0, 1)
    bare = (attributes[:, body.FOOT] > 0.5) & wearers.who(lambda a: a.shoe is not None)
    fold = torch.where(top, wearers.value(lambda a: a.top.fold), wearers.value(lambda a: a.bottom.fold))
    return Surface(albedo, gloss, fold * ((top | bottom) & ~bare) + 0.04)


BODY_MATERIAL = Material(bump=1.6, shadow_bias=0.012, thickness=thickness, paint=paint)

"""What the paints of bodies and hands share: materials, noise, layers of paint, patterned cloth. Ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F

from actupose.synth.appearance import Appearance, Garment
from actupose.synth.hand_appearance import HandAppearance
from actupose.synth.renderer import take
from actupose.synth.rotations import Array

GAMMA = 2.2
Painted = TypeVar("Painted", Appearance, HandAppearance)


@dataclass(frozen=True)
class Surface:
    """Material of N surface points.

    Attributes:
        albedo: (N, 3) linear colour.
        gloss: (N,) strength of the highlight.
        fold: (N,) strength of the folds that bend the normal.
    """

    albedo: torch.Tensor
    gloss: torch.Tensor
    fold: torch.Tensor


def waves(points: torch.Tensor, features: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth random noise over reference space.

    Args:
        points: (N, 3) reference positions.
        features: (W, 4) random Fourier features: frequency vector in radians per metre and phase.

    Returns:
        (N,) noise, roughly in [-1, 1], and (N, 3) a direction that bends the normal into folds.
    """
    table = torch.from_numpy(features).float()
    frequency = table[:, :3]
    phase = table[:, 3] + sum(points[:, axis : axis + 1] * frequency[:, axis] for axis in range(3))
    noise = torch.sin(phase).mean(1) * 1.6
    direction = F.normalize(frequency, dim=-1)
    slope = torch.cos(phase)
    return noise, torch.stack([(slope * direction[:, axis]).mean(1) for axis in range(3)], 1)


@dataclass(frozen=True)
class Finish:
    """How one person or hand is painted.

    Attributes:
        waves: (W, 4) random Fourier features of folds and blotches, as `waves` takes them.
        bump: Strength with which they bend the normals.
        shadow_bias: Metres that a surface must lie behind another to be in its shadow.
        thickness: (attributes, noise) -> how far cloth and hair stand off the skin, (V,) metres.
        paint: (attributes, noise, face label) -> the material of surface points.
    """

    waves: Array
    bump: float
    shadow_bias: float
    thickness: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    paint: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Surface]


def make_finish(
    appearance: Painted,
    thickness: Callable[[torch.Tensor, torch.Tensor, Painted], torch.Tensor],
    paint: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Painted], Surface],
    bump: float,
    shadow_bias: float,
) -> Finish:
    """Bind functions that paint to the appearance that they take last."""

    def bound_thickness(attributes: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return thickness(attributes, noise, appearance)

    def bound_paint(attributes: torch.Tensor, noise: torch.Tensor, label: torch.Tensor) -> Surface:
        return paint(attributes, noise, label, appearance)

    return Finish(appearance.waves, bump, shadow_bias, bound_thickness, bound_paint)


class Painter:
    """Paints masks over each other; the last one painted shows."""

    def __init__(self, base: Array, gloss: float, count: int) -> None:
        self._colours, self._gloss = [base], [gloss]
        self.material = torch.zeros(count, dtype=torch.int64)

    def paint(self, mask: torch.Tensor, colour: Array, gloss: float) -> None:
        """Paint an sRGB colour (3,) over a mask (N,)."""
        self.material.masked_fill_(mask, len(self._colours))
        self._colours.append(colour)
        self._gloss.append(gloss)

    def finish(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return linear colours (N, 3) and gloss (N,)."""
        palette = torch.tensor([[float(c) for c in colour] for colour in self._colours]).clamp(0, 1)
        palette = torch.cat([palette**GAMMA, torch.tensor(self._gloss)[:, None]], 1)
        painted = take(palette, self.material)
        return painted[:, :3], painted[:, 3]


def paint_cloth(
    painter: Painter, mask: torch.Tensor, points: torch.Tensor, noise: torch.Tensor, garment: Garment
) -> None:
    """Paint a garment over a mask (N,): its colour and its pattern in reference space."""
    painter.paint(mask, garment.colour, 0.02)
    if garment.pattern == "plain":
        return
    if garment.pattern == "gradient":
        height = points[:, 2] + 0.02 * noise
        painter.paint(mask & (height > 0.25), 0.55 * garment.colour + 0.45 * garment.second, 0.02)
        painter.paint(mask & (height > 0.36), garment.second, 0.02)
        return
    if garment.pattern == "camouflage":
        painter.paint(mask & (noise > 0.1), garment.second, 0.02)
        return
    turn = 2 * math.pi * garment.frequency

    def wave(direction: Array, phase: float) -> torch.Tensor:
        a, b, c = (turn * float(v) for v in direction)
        return torch.sin(points[:, 0] * a + points[:, 1] * b + points[:, 2] * c + phase)

    first = wave(garment.direction, garment.phase)
    if garment.pattern == "stripes":
        painter.paint(mask & (first > 0), garment.second, 0.02)
        return
    second = wave(garment.across, 0.0)
    if garment.pattern == "checks":
        painter.paint(mask & ((first > 0) ^ (second > 0)), garment.second, 0.02)
    elif garment.pattern == "plaid":
        painter.paint(mask & (first > 0.3), 0.55 * garment.colour + 0.45 * garment.second, 0.02)
        painter.paint(mask & (second > 0.3), garment.second, 0.02)
    else:  # dots
        painter.paint(mask & (first + second > 1.1), garment.second, 0.02)

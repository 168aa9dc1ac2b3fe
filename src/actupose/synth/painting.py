"""What the paints of bodies and hands share: materials, noise, layers of paint. Ours.

People are painted together: a paint says which colour or length of a look it takes, and `Wearers` spreads everybody's
over the points of their bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from actupose.synth.appearance import Appearance
from actupose.synth.hand_appearance import HandAppearance
from actupose.synth.renderer import owned, take
from actupose.synth.rotations import Array

GAMMA = 2.2
Painted = TypeVar("Painted", bound=Appearance | HandAppearance)


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


class Wearers(Generic[Painted]):
    """The looks of B people, as values that broadcast with the points of their bodies.

    Args:
        looks: Of each person.
        device: Where the points are.
        owner: (N,) whose each of N points is; None: the points are (V, B), or all of a single person.
    """

    def __init__(self, looks: Sequence[Painted], device: torch.device, owner: torch.Tensor | None = None) -> None:
        self.looks, self.device, self.owner = looks, device, owner

    def value(self, of: Callable[[Painted], float]) -> torch.Tensor:
        """A number from each look, float32: (N,), or (B,) without owners."""
        return owned(torch.tensor([float(of(look)) for look in self.looks], device=self.device), self.owner)

    def who(self, does: Callable[[Painted], bool]) -> torch.Tensor:
        """Whose look has a property, bool: (N,), or (B,) without owners."""
        return owned(torch.tensor([does(look) for look in self.looks], device=self.device), self.owner)


def waves(points: torch.Tensor, features: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth random noise over reference space, another one for each of B people.

    Args:
        points: (V, 3) reference positions.
        features: (B, W, 4) random Fourier features: frequency vector in radians per metre and phase.

    Returns:
        (V, B) noise, roughly in [-1, 1], and (V, B, 3) a direction that bends the normal into folds.
    """
    table = torch.from_numpy(features).float().to(points.device)
    frequency = table[..., :3]
    phase = table[..., 3] + sum(points[:, axis, None, None] * frequency[..., axis] for axis in range(3))
    noise = torch.sin(phase).mean(-1) * 1.6
    direction = F.normalize(frequency, dim=-1)
    slope = torch.cos(phase)
    return noise, torch.stack([(slope * direction[..., axis]).mean(-1) for axis in range(3)], -1)


@dataclass(frozen=True)
class Material:
    """How a kind of people is painted; looks are `Appearance` for bodies, `HandAppearance` for hands.

    Attributes:
        bump: Strength with which `waves` bend the normals.
        shadow_bias: Metres that a surface must lie behind another to be in its shadow.
        thickness: (attributes (V, C, 1), noise (V, B), wearers) -> how far cloth and hair stand off the skin, (V, B)
            metres.
        paint: (attributes (N, C), noise (N,), label (N,), wearers) -> the surface of N points.
    """

    bump: float
    shadow_bias: float
    thickness: Callable[[torch.Tensor, torch.Tensor, Wearers[Any]], torch.Tensor]
    paint: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Wearers[Any]], Surface]


class Painter(Generic[Painted]):
    """Paints masks over each other; the last one painted shows.

    Args:
        wearers: Whose N points are painted.
        base: Colour (3,) sRGB below all paint.
        gloss: Its gloss.
        count: N.

    Attributes:
        material: (N,) int64 number of the paint that shows, 0 for the base.
    """

    def __init__(self, wearers: Wearers[Painted], base: Callable[[Painted], Array], gloss: float, count: int) -> None:
        self.wearers = wearers
        self._colours, self._gloss = [[base(look) for look in wearers.looks]], [gloss]
        self.material = torch.zeros(count, dtype=torch.int64, device=wearers.device)

    def paint(self, mask: torch.Tensor, colour: Callable[[Painted], Array | None], gloss: float) -> None:
        """Paint a colour (3,) sRGB over a mask (N,); people whose colour is None are left as they are."""
        colours = [colour(look) for look in self.wearers.looks]
        if all(own is None for own in colours):
            return
        if any(own is None for own in colours):
            painted = torch.tensor([own is not None for own in colours], device=self.wearers.device)
            mask = mask & owned(painted, self.wearers.owner)
        self.material.masked_fill_(mask, len(self._colours))
        self._colours.append([np.zeros(3) if own is None else own for own in colours])
        self._gloss.append(gloss)

    def finish(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return linear colours (N, 3) and gloss (N,)."""
        palette = torch.from_numpy(np.array(self._colours, dtype=np.float32)).clamp(0, 1) ** GAMMA  # (paints, B, 3)
        gloss = torch.tensor(self._gloss)[:, None, None].expand(-1, len(self.wearers.looks), 1)
        palette = torch.cat([palette, gloss], 2).flatten(0, 1).to(self.wearers.device)
        owner = self.wearers.owner
        row = self.material if owner is None else self.material * len(self.wearers.looks) + owner
        painted = take(palette, row)
        return painted[:, :3], painted[:, 3]

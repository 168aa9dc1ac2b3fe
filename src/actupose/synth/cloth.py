"""Patterned cloth: stripes, checks, plaid, dots, camouflage and gradients in reference space. Ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import torch

from actupose.synth.appearance import Garment
from actupose.synth.painting import Painted, Painter
from actupose.synth.rotations import Array

_GLOSS = 0.02


@dataclass(frozen=True)
class Cloth(Generic[Painted]):
    """One garment of everybody.

    Attributes:
        painter: Paints N points.
        mask: (N,) the cloth.
        points: (N, 3) reference positions.
        noise: (N,) from `waves`.
        garment: The garment of a look.
    """

    painter: Painter[Painted]
    mask: torch.Tensor
    points: torch.Tensor
    noise: torch.Tensor
    garment: Callable[[Painted], Garment]

    def paint(self) -> None:
        """Paint its colour, and over it the patterns that are worn."""
        self.painter.paint(self.mask, lambda look: self.garment(look).colour, _GLOSS)
        worn = {self.garment(look).pattern for look in self.painter.wearers.looks}
        for pattern, paint in _PATTERNS.items():
            if pattern in worn:
                paint(self, pattern)

    def over(self, mask: torch.Tensor, pattern: str, second: float = 1.0) -> None:
        """Paint a part (N,) of the cloth of those who wear a pattern; `second` is the share of its second colour."""

        def colour(look: Painted) -> Array | None:
            """The paint of those who wear the pattern."""
            own = self.garment(look)
            if own.pattern != pattern:
                return None
            return own.second if second == 1 else (1 - second) * own.colour + second * own.second

        self.painter.paint(self.mask & mask, colour, _GLOSS)

    def wave(
        self, direction: Callable[[Garment], Array], phase: Callable[[Garment], float] | None = None
    ) -> torch.Tensor:
        """A sine (N,) along a direction of each garment."""
        value = self.painter.wearers.value

        def along(axis: int) -> torch.Tensor:
            """An axis's part (N,) of the phase."""

            def frequency(look: Painted) -> float:
                """Radians a metre of the axis."""
                own = self.garment(look)
                return 2 * math.pi * own.frequency * float(direction(own)[axis])

            return self.points[:, axis] * value(frequency)

        angle = along(0) + along(1) + along(2)
        return torch.sin(angle if phase is None else angle + value(lambda look: phase(self.garment(look))))

    def first(self) -> torch.Tensor:
        """The wave (N,) along the pattern's direction."""
        return self.wave(lambda own: own.direction, lambda own: own.phase)

    def across(self) -> torch.Tensor:
        """The wave (N,) across it."""
        return self.wave(lambda own: own.across)


def _stripes(cloth: Cloth[Painted], pattern: str) -> None:
    cloth.over(cloth.first() > 0, pattern)


def _checks(cloth: Cloth[Painted], pattern: str) -> None:
    cloth.over((cloth.first() > 0) ^ (cloth.across() > 0), pattern)


def _plaid(cloth: Cloth[Painted], pattern: str) -> None:
    cloth.over(cloth.first() > 0.3, pattern, second=0.45)
    cloth.over(cloth.across() > 0.3, pattern)


def _dots(cloth: Cloth[Painted], pattern: str) -> None:
    cloth.over(cloth.first() + cloth.across() > 1.1, pattern)


def _camouflage(cloth: Cloth[Painted], pattern: str) -> None:
    cloth.over(cloth.noise > 0.1, pattern)


def _gradient(cloth: Cloth[Painted], pattern: str) -> None:
    height = cloth.points[:, 2] + 0.02 * cloth.noise
    cloth.over(height > 0.25, pattern, second=0.45)
    cloth.over(height > 0.36, pattern)


# Every pattern of `look.PATTERNS` but `plain`, which has none.
_PATTERNS = {
    "stripes": _stripes,
    "checks": _checks,
    "plaid": _plaid,
    "dots": _dots,
    "camouflage": _camouflage,
    "gradient": _gradient,
}

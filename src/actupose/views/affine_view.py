"""Random crops and affine views, one matrix per sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from actupose.geometry import from_parts
from actupose.views.draws import between, uniform


@dataclass(frozen=True)
class AffineConfig:
    """Strength of the geometric augmentation (METHOD.md section 4; `rotation` 180 for hands).

    Attributes:
        rotation: Largest rotation either way, degrees.
        shear: Largest shear along x either way, degrees, under 90.
        translate: Largest shift either way per axis, as a share of the image side.
        scale: Least and largest scale factor.
        crop_area: Least and largest share of the image area that the crop keeps.

    Raises:
        ValueError: A value lies outside its range.
    """

    rotation: float = 60.0
    shear: float = 30.0
    translate: float = 0.05
    scale: tuple[float, float] = (0.6, 1.3)
    crop_area: tuple[float, float] = (0.6, 1.0)

    def __post_init__(self) -> None:
        if self.rotation < 0 or not 0 <= self.shear < 90 or self.translate < 0:
            raise ValueError(f"rotation, shear (< 90) and translate must not be negative: {self}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be a rising pair of positive numbers, got {self.scale}")
        _check_area(self.crop_area)

    def milder(self, strength: float) -> AffineConfig:
        """The same augmentation with this share of its rotation, shear, shift and scaling; crops stay as they are.

        Args:
            strength: 1 = itself, 0 = no affine change.
        """
        return AffineConfig(
            self.rotation * strength,
            self.shear * strength,
            self.translate * strength,
            (self.scale[0] ** strength, self.scale[1] ** strength),
            self.crop_area,
        )


def _check_area(area: tuple[float, float]) -> None:
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"crop area must be a rising pair in (0, 1], got {area}")


def sample_crop(n: int, size: int, area: tuple[float, float], generator: torch.Generator | None) -> Tensor:
    """Draw square crops inside the image, each resized to the whole image.

    Args:
        n: Samples.
        size: Side S of the image in pixels.
        area: Least and largest share of the image area to keep.
        generator: CPU generator; three numbers are drawn per sample. None takes the global one.

    Returns:
        (n, 3, 3), image pixel -> pixel of the crop, both S x S; on the CPU.

    Raises:
        ValueError: `area` is not a rising pair in (0, 1].
    """
    _check_area(area)
    unit = uniform((n, 3), generator)
    side = between(unit[:, 0], *area).sqrt() * size
    corner = unit[:, 1:] * (size - side).unsqueeze(-1) - 0.5
    factor = (size / side).unsqueeze(-1)
    return from_parts(torch.diag_embed(factor.expand(-1, 2)), -0.5 - factor * corner)


def sample_affine(n: int, size: int, cfg: AffineConfig, generator: torch.Generator | None) -> Tensor:
    """Draw affine maps about the image centre: scale, shear along x, rotate, then shift.

    Args:
        n: Samples.
        size: Side of the image in pixels.
        cfg: Strength; `crop_area` is not used here.
        generator: CPU generator; five numbers are drawn per sample. None takes the global one.

    Returns:
        (n, 3, 3), image pixel -> pixel of the view; on the CPU.
    """
    farthest = cfg.translate * size
    limits = ((-cfg.rotation, cfg.rotation), (-cfg.shear, cfg.shear), cfg.scale, *[(-farthest, farthest)] * 2)
    low, span = torch.tensor([(low, high - low) for low, high in limits]).unbind(-1)
    drawn = low + span * uniform((n, 5), generator)
    turn, slant = torch.deg2rad(drawn[:, :2]).unbind(-1)
    cos, sin, tan = turn.cos(), turn.sin(), slant.tan()
    # The product of rotation and shear; in full, because each operation on the CPU takes as long as one on the device.
    turned = torch.stack([cos, cos * tan - sin, sin, sin * tan + cos], dim=-1)
    linear = (turned * drawn[:, 2:3]).view(-1, 2, 2)
    center = (size - 1) / 2
    return from_parts(linear, drawn[:, 3:] + (center - center * linear.sum(-1)))

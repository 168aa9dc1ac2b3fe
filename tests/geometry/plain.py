"""Single affine maps as matrices, for tests to compose."""

from __future__ import annotations

import torch
from torch import Tensor


def translation(t: Tensor) -> Tensor:
    """The shift by (B, 2) pixels, x and y; (B, 3, 3)."""
    m = torch.eye(3, dtype=t.dtype).repeat(len(t), 1, 1)
    m[:, :2, 2] = t
    return m


def rotation(deg: Tensor) -> Tensor:
    """The rotation about pixel (0, 0) by (B,) degrees; positive turns the x axis towards the y axis."""
    radians = torch.deg2rad(deg)
    m = torch.eye(3, dtype=deg.dtype).repeat(len(deg), 1, 1)
    m[:, 0, 0] = m[:, 1, 1] = radians.cos()
    m[:, 1, 0] = radians.sin()
    m[:, 0, 1] = -m[:, 1, 0]
    return m


def shear(deg: Tensor) -> Tensor:
    """The shear about pixel (0, 0) by (B, 2) degrees: x' = x + tan(deg_x) y, y' = tan(deg_y) x + y."""
    m = torch.eye(3, dtype=deg.dtype).repeat(len(deg), 1, 1)
    m[:, 0, 1], m[:, 1, 0] = torch.deg2rad(deg).tan().unbind(-1)
    return m

"""Stick figures in the body16 order, for tests of the Pose-VAE."""

import torch
from torch import Tensor

# (keypoint, parent, rest direction in degrees, length) from the pelvis outwards; image y points down
_BONES = [
    (7, 6, -90, 50), (8, 7, -90, 10), (9, 8, -90, 20), (2, 6, 180, 12), (3, 6, 0, 12),
    (1, 2, 90, 40), (0, 1, 90, 40), (4, 3, 90, 40), (5, 4, 90, 40),
    (12, 7, 180, 18), (13, 7, 0, 18), (11, 12, 100, 28), (10, 11, 100, 25), (14, 13, 80, 28), (15, 14, 80, 25),
]  # fmt: skip


def stick_figures(num: int, spread_degrees: float | Tensor, seed: int) -> Tensor:
    """Return (num, 16, 2) figures, bones turned by normal draws of a given spread, scaled and shifted at random."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.as_tensor(spread_degrees, dtype=torch.float32).expand(num)
    figures = torch.zeros(num, 16, 2)
    for keypoint, parent, rest, length in _BONES:
        angle = torch.deg2rad(rest + spread * torch.randn(num, generator=generator))
        step = torch.stack([angle.cos(), angle.sin()], dim=-1) * length
        figures[:, keypoint] = figures[:, parent] + step
    scale = 0.5 + torch.rand(num, 1, 1, generator=generator)
    return figures * scale + 100 * torch.rand(num, 1, 2, generator=generator)

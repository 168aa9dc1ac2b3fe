"""Random numbers that are the same on every device."""

import torch
from torch import Tensor

from actupose.geometry import send


def uniform(shape: tuple[int, ...], generator: torch.Generator | None, device: torch.device | str) -> Tensor:
    """Draw U[0, 1) in float32 on the CPU and move it to `device`, so that a seed gives one draw everywhere.

    Args:
        shape: Shape of the draw.
        generator: CPU generator; None takes the global one.
        device: Where the numbers are wanted.

    Returns:
        float32 of shape `shape`.
    """
    drawn = torch.rand(shape, generator=generator, dtype=torch.float32)
    return send(drawn, torch.device(device))


def between(unit: Tensor, low: float, high: float) -> Tensor:
    """Stretch U[0, 1) to U[low, high)."""
    return low + (high - low) * unit

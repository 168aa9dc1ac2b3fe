"""Block masking: the student sees a part of the picture alone."""

import torch
from torch import Tensor

from actupose.geometry import send
from actupose.views.draws import uniform


def mask_blocks(
    images: Tensor, fill: Tensor, ratio: float = 0.5, block: float = 32.0, generator: torch.Generator | None = None
) -> Tensor:
    """Paint random squares of a grid over, each with probability `ratio`.

    Source: masked-target consistency as DAML (2024) has it, after MIC (Hoyer et al. 2023).

    Args:
        images: (B, C, S, S).
        fill: Broadcasts to (B, C, S, S); the network's mean colour, which is 0 after its normalisation.
        ratio: Probability of a square, in [0, 1].
        block: Side of the squares in pixels of a 256 px image; it scales with S. The last row and column of the grid
            are cut by the border.
        generator: CPU generator; one number is drawn per square. None takes the global one.

    Returns:
        (B, C, S, S), a new tensor.

    Raises:
        ValueError: The images are not square, `ratio` lies outside [0, 1], or the squares are under one pixel.
    """
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"expected square images (B, C, S, S), got {tuple(images.shape)}")
    size = images.shape[-1]
    side = round(block * size / 256)
    if not 0 <= ratio <= 1 or side < 1:
        raise ValueError(f"ratio must lie in [0, 1] and a block have a pixel, got {ratio} and {side} px")
    blocks = -(-size // side)
    kept = send(uniform((images.shape[0], 1, blocks, blocks), generator) >= ratio, images.device)
    kept = kept.repeat_interleave(side, 2).repeat_interleave(side, 3)[:, :, :size, :size]
    return torch.where(kept, images, fill.to(images.dtype))

"""Keypoints to heatmaps."""

import torch
from torch import Tensor

from actupose.geometry import at_least_float32, constant

_FAR = -1e6  # heatmap pixels: a Gaussian there leaves its map empty


def encode(
    points_heat: Tensor, visible: Tensor, size: tuple[int, int], sigma: float = 2.0, snap: bool = False
) -> tuple[Tensor, Tensor]:
    """Draw one unnormalised Gaussian of peak 1 per keypoint.

    The Gaussian lives in the square window of +-3 sigma around its centre and is exactly 0 outside. Its centre is the
    sub-pixel location; `snap` moves it to the nearest pixel first, as the published RegDA code does. A keypoint that is
    not visible or lies outside the heatmap, which spans [-0.5, W - 0.5) x [-0.5, H - 0.5), gets an empty map and weight
    0; its coordinates may be anything, NaN included. Source: METHOD.md section 3.

    Args:
        points_heat: (B, K, 2), x and y in heatmap pixels.
        visible: (B, K), above 0 where the keypoint is labelled.
        size: Height and width of the heatmaps.
        sigma: Standard deviation in heatmap pixels.
        snap: Centre the Gaussian on the nearest pixel.

    Returns:
        heatmaps (B, K, H, W) and weights (B, K) of 0 or 1, both float32 (float64 for float64 points).

    Raises:
        ValueError: A shape does not fit, or `sigma` is not positive.
    """
    if points_heat.ndim != 3 or points_heat.shape[-1] != 2:
        raise ValueError(f"expected points of shape (B, K, 2), got {tuple(points_heat.shape)}")
    if visible.shape != points_heat.shape[:2]:
        raise ValueError(f"expected visibility of shape {tuple(points_heat.shape[:2])}, got {tuple(visible.shape)}")
    points = at_least_float32(points_heat)
    height, width = size
    first, last = points >= -0.5, points < constant((width - 0.5, height - 0.5), points.device, points.dtype)
    drawn = (first & last).all(-1) & (visible > 0)
    if snap:
        points = torch.floor(points + 0.5)
    points = points.masked_fill(~drawn.unsqueeze(-1), _FAR)
    return gaussians(points, size, sigma), drawn.to(points.dtype)


def gaussians(center: Tensor, size: tuple[int, int], sigma: float = 2.0) -> Tensor:
    """Draw the Gaussians of `encode` wherever they are; one whose window lies outside leaves its map empty.

    Args:
        center: (B, K, 2), x and y in heatmap pixels, finite.
        size: Height and width of the heatmaps.
        sigma: Standard deviation in heatmap pixels.

    Returns:
        (B, K, H, W), of the type of `center`.

    Raises:
        ValueError: `sigma` is not positive.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    height, width = size
    pixels = constant(range(max(width, height)), center.device, center.dtype)
    square = (pixels - center.unsqueeze(-1)).square()
    profile = torch.exp(square * (-0.5 / sigma**2)).masked_fill(square > (3 * sigma) ** 2, 0.0)
    return profile[..., 1, :height].unsqueeze(-1) * profile[..., 0, :width].unsqueeze(-2)

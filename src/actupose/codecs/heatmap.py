"""Keypoints to heatmaps."""

import torch
from torch import Tensor

from actupose.geometry import at_least_float32


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
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    points = at_least_float32(points_heat)
    height, width = size
    x, y = points.unbind(-1)
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    drawn = (visible > 0) & inside
    points = torch.where(drawn.unsqueeze(-1), points, torch.zeros_like(points))
    if snap:
        points = torch.floor(points + 0.5)
    weight = drawn.to(points.dtype)
    profile = _profile(points, max(width, height), sigma)
    across, down = profile[..., 0, :width], profile[..., 1, :height] * weight.unsqueeze(-1)
    return down.unsqueeze(-1) * across.unsqueeze(-2), weight


def _profile(center: Tensor, length: int, sigma: float) -> Tensor:
    """Return exp(-(i - center)^2 / (2 sigma^2)) for i in 0..length-1, 0 beyond 3 sigma; (..., length)."""
    distance = torch.arange(length, device=center.device, dtype=center.dtype) - center.unsqueeze(-1)
    value = torch.exp(distance.square() * (-0.5 / sigma**2))
    return value.masked_fill(distance.abs() > 3 * sigma, 0.0)

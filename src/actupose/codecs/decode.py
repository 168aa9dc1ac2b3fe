"""Heatmaps to keypoints, and the change between heatmap and image pixels."""

import torch
from torch import Tensor

from actupose.geometry import at_least_float32

_FLOOR = 1e-4  # least height, relative to the peak, that the logarithm of the sub-pixel fit sees


def _check(heat: Tensor) -> Tensor:
    if heat.ndim != 4 or not heat.is_floating_point():
        raise ValueError(f"expected floating point heatmaps (B, K, H, W), got {heat.dtype} {tuple(heat.shape)}")
    return at_least_float32(heat)


def _peak_index(heat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return column, row (int64) and height of each map's highest pixel, all (B, K)."""
    peak, flat = heat.flatten(2).max(-1)
    width = heat.shape[-1]
    return flat % width, torch.div(flat, width, rounding_mode="floor"), peak


def argmax(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Return each map's highest pixel.

    Args:
        heat: (B, K, H, W).

    Returns:
        points (B, K, 2), x and y in whole heatmap pixels as floats, and peak heights (B, K).

    Raises:
        ValueError: `heat` is not floating point of four dimensions.
    """
    heat = _check(heat)
    column, row, peak = _peak_index(heat)
    return torch.stack([column, row], dim=-1).to(heat.dtype), peak


def subpixel(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Refine each map's highest pixel to a fraction of a pixel.

    A quadratic is fitted by least squares to the logarithm of the 3x3 pixels around the peak (moved inwards at the
    border) and its maximum taken, at most half a pixel away per axis; exact for any Gaussian, rotated ones too, unless
    its window cuts into the nine pixels. Where the fit has no maximum the highest pixel stands. Source: ours, after
    the idea of DARK (CVPR 2020), without its smoothing.

    Args:
        heat: (B, K, H, W), H and W at least 3.

    Returns:
        points (B, K, 2), x and y in heatmap pixels, and peak heights (B, K) as `argmax` gives them.

    Raises:
        ValueError: `heat` is not floating point of four dimensions, or is smaller than 3x3.
    """
    heat = _check(heat)
    height, width = heat.shape[-2:]
    if height < 3 or width < 3:
        raise ValueError(f"sub-pixel decoding needs heatmaps of at least 3x3, got {height}x{width}")
    column, row, peak = _peak_index(heat)
    middle_x, middle_y = column.clamp(1, width - 2), row.clamp(1, height - 2)
    step = torch.arange(-1, 2, device=heat.device)
    rows = (middle_y.unsqueeze(-1) + step) * width
    nine = (rows.unsqueeze(-1) + (middle_x.unsqueeze(-1) + step).unsqueeze(-2)).flatten(-2)  # (B, K, 9), row by row
    value = heat.flatten(2).gather(-1, nine)
    floor = (peak * _FLOOR).clamp(min=torch.finfo(heat.dtype).tiny).unsqueeze(-1)
    offset_x, offset_y, found = _quadratic_peak(torch.maximum(value, floor).log().reshape(*peak.shape, 3, 3))
    corner = torch.stack([column, row], dim=-1).to(heat.dtype)
    fitted = torch.stack([middle_x + offset_x, middle_y + offset_y], dim=-1)
    fitted = torch.minimum(torch.maximum(fitted, corner - 0.5), corner + 0.5)
    return torch.where(found.unsqueeze(-1), fitted, corner), peak


def _quadratic_peak(patch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a + bx + cy + dxx + exy + fyy to patch (..., 3, 3); return the maximum's x, y and whether there is one."""
    by_column, by_row = patch.sum(-2), patch.sum(-1)
    b = (by_column[..., 2] - by_column[..., 0]) / 6
    c = (by_row[..., 2] - by_row[..., 0]) / 6
    d = (by_column[..., 0] + by_column[..., 2] - 2 * by_column[..., 1]) / 6
    f = (by_row[..., 0] + by_row[..., 2] - 2 * by_row[..., 1]) / 6
    e = (patch[..., 0, 0] + patch[..., 2, 2] - patch[..., 0, 2] - patch[..., 2, 0]) / 4
    det = 4 * d * f - e.square()
    found = (d < 0) & (f < 0) & (det > 1e-9)
    det = torch.where(found, det, torch.ones_like(det))
    return (e * c - 2 * f * b) / det, (e * b - 2 * d * c) / det, found


def soft_argmax(heat: Tensor, temperature: float) -> Tensor:
    """Return the expected location under softmax(temperature * heat), differentiable.

    The flat background pulls the result to the map's centre while H W exp(-temperature * peak) is not small, and
    a high temperature moves it to the highest pixel. Measured for Gaussians of sigma 2 and peak 1 on 64x64, mean error
    per axis in pixels: 1.0 at temperature 10, 0.02 at 15, 0.03 at 20, 0.07 at 30, 0.14 at 50, 0.19 at 100. A map that
    peaks at 0.5 needs twice the temperature. Source: METHOD.md section 3.

    Args:
        heat: (B, K, H, W).
        temperature: Factor on the heatmap before the softmax; larger is closer to the argmax.

    Returns:
        (B, K, 2), x and y in heatmap pixels.

    Raises:
        ValueError: `heat` is not floating point of four dimensions, or `temperature` is not positive.
    """
    heat = _check(heat)
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    height, width = heat.shape[-2:]
    mass = (heat.flatten(2) * temperature).softmax(-1).reshape(heat.shape)
    x = (mass.sum(-2) * torch.arange(width, device=heat.device, dtype=heat.dtype)).sum(-1)
    y = (mass.sum(-1) * torch.arange(height, device=heat.device, dtype=heat.dtype)).sum(-1)
    return torch.stack([x, y], dim=-1)


def to_image(points_heat: Tensor, stride: float) -> Tensor:
    """Change heatmap pixels to image pixels, x = (x_heat + 0.5) stride - 0.5; any shape, stride in image pixels."""
    return (points_heat + 0.5) * stride - 0.5


def to_heat(points_image: Tensor, stride: float) -> Tensor:
    """Change image pixels to heatmap pixels, x_heat = (x + 0.5) / stride - 0.5; any shape, stride in image pixels."""
    return (points_image + 0.5) / stride - 0.5

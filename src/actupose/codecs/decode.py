"""Heatmaps to keypoints, and the change between heatmap and image pixels."""

import torch
from torch import Tensor

from actupose.geometry import at_least_float32, constant

_FLOOR = 1e-4  # least height, relative to the peak, that the logarithm of the sub-pixel fit sees


def _check(heat: Tensor) -> Tensor:
    if heat.ndim != 4 or not heat.is_floating_point():
        raise ValueError(f"expected floating point heatmaps (B, K, H, W), got {heat.dtype} {tuple(heat.shape)}")
    return at_least_float32(heat)


def _peak(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Return each map's highest pixel, (B, K, 2) int64 column and row, and its height (B, K)."""
    peak, flat = heat.flatten(2).max(-1)
    width = heat.shape[-1]
    return torch.stack([flat % width, torch.div(flat, width, rounding_mode="floor")], dim=-1), peak


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
    corner, peak = _peak(heat)
    return corner.to(heat.dtype), peak


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
    corner, peak = _peak(heat)
    middle = torch.minimum(corner.clamp(min=1), constant((width - 2, height - 2), heat.device, torch.long))
    around = constant([y * width + x for y in (-1, 0, 1) for x in (-1, 0, 1)], heat.device, torch.long)
    nine = torch.add(middle[..., :1] + around, middle[..., 1:], alpha=width)  # (B, K, 9), row by row
    floor = (peak * _FLOOR).clamp(min=torch.finfo(heat.dtype).tiny).unsqueeze(-1)
    offset, lost = _quadratic_peak(torch.maximum(heat.flatten(2).gather(-1, nine), floor).log())
    moved = (middle - corner + offset).clamp(-0.5, 0.5)
    return corner + moved.masked_fill(lost, 0.0), peak


# Least squares on nine pixels, row by row from (-1, -1) to (1, 1): what each of them adds to a coefficient of
# a + bx + cy + dxx + exy + fyy.
_B = (-1 / 6, 0, 1 / 6) * 3
_C = (-1 / 6,) * 3 + (0,) * 3 + (1 / 6,) * 3
_2D = (1 / 3, -2 / 3, 1 / 3) * 3
_E = (1 / 4, 0, -1 / 4, 0, 0, 0, -1 / 4, 0, 1 / 4)
_2F = (1 / 3,) * 3 + (-2 / 3,) * 3 + (1 / 3,) * 3


def _quadratic_peak(nine: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a quadratic to nine pixels (..., 9); return its maximum (..., 2) and whether there is none (..., 1)."""
    weights = constant([*_B, *_C, *_C, *_B, *_2F, *_2D, *_E], nine.device, nine.dtype).view(-1, 9)
    slope, swapped, bend, twist = torch.split((nine.unsqueeze(-2) * weights).sum(-1), [2, 2, 2, 1], dim=-1)
    det = bend.prod(-1, keepdim=True) - twist.square()
    lost = ~((bend[..., :1] < 0) & (det > 1e-9))  # else both bends have one sign
    return (twist * swapped - bend * slope) / det.masked_fill(lost, 1.0), lost


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
    x = (mass.sum(-2) * constant(range(width), heat.device, heat.dtype)).sum(-1)
    y = (mass.sum(-1) * constant(range(height), heat.device, heat.dtype)).sum(-1)
    return torch.stack([x, y], dim=-1)


def to_image(points_heat: Tensor, stride: float) -> Tensor:
    """Change heatmap pixels to image pixels, x = (x_heat + 0.5) stride - 0.5; any shape, stride in image pixels."""
    return points_heat * stride + (0.5 * stride - 0.5)


def to_heat(points_image: Tensor, stride: float) -> Tensor:
    """Change image pixels to heatmap pixels, x_heat = (x + 0.5) / stride - 0.5; any shape, stride in image pixels."""
    return points_image / stride + (0.5 / stride - 0.5)

"""One bilinear warp for images and heatmaps, and the same map for points."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from actupose.geometry.affine import invert
from actupose.geometry.precision import at_least_float32


def warp(
    x: Tensor,
    matrix: Tensor,
    size: tuple[int, int] | None = None,
    padding: Literal["zeros", "border"] = "zeros",
) -> Tensor:
    """Resample images or heatmaps once, bilinearly: out(M p) = x(p).

    Half precision input is sampled and returned in float32. The sampling grid is computed element by element (no
    matrix product), so neither autocast nor TF32 coarsens it. Source: ours.

    Args:
        x: (B, C, H, W), floating point.
        matrix: (B, 3, 3) affine, source pixel -> destination pixel.
        size: Height and width of the result; None keeps (H, W).
        padding: What lies outside the source: zeros, or the nearest border pixel.

    Returns:
        (B, C, h, w).

    Raises:
        ValueError: A shape does not fit, `x` is not floating point, or `padding` is unknown.
    """
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(f"expected floating point images (B, C, H, W), got {x.dtype} {tuple(x.shape)}")
    if matrix.shape != (x.shape[0], 3, 3):
        raise ValueError(f"expected matrices of shape {(x.shape[0], 3, 3)}, got {tuple(matrix.shape)}")
    if padding not in ("zeros", "border"):
        raise ValueError(f"padding must be 'zeros' or 'border', got {padding!r}")
    x = at_least_float32(x)
    height, width = x.shape[-2:]
    h, w = size if size is not None else (height, width)
    back = invert(matrix.to(x.dtype))[:, :2].unsqueeze(-1).unsqueeze(-1)  # (B, 2, 3, 1, 1)
    columns = torch.arange(w, device=x.device, dtype=x.dtype)
    rows = torch.arange(h, device=x.device, dtype=x.dtype).unsqueeze(-1)
    source = back[:, :, 0] * columns + back[:, :, 1] * rows + back[:, :, 2]  # (B, 2, h, w), source pixels
    unit_x = (2 * source[:, 0] + 1) / width - 1
    unit_y = (2 * source[:, 1] + 1) / height - 1
    return F.grid_sample(
        x, torch.stack([unit_x, unit_y], dim=-1), mode="bilinear", padding_mode=padding, align_corners=False
    )


def warp_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Move points as `warp` moves the image under them: p' = M p.

    Half precision points are moved and returned in float32.

    Args:
        points: (B, N, 2), x and y in pixels of the source.
        matrix: (B, 3, 3) affine, source pixel -> destination pixel.

    Returns:
        (B, N, 2), pixels of the destination.

    Raises:
        ValueError: A shape does not fit.
    """
    if points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"expected points of shape (B, N, 2), got {tuple(points.shape)}")
    if matrix.shape != (points.shape[0], 3, 3):
        raise ValueError(f"expected matrices of shape {(points.shape[0], 3, 3)}, got {tuple(matrix.shape)}")
    points = at_least_float32(points)
    m = matrix.to(points.dtype)[:, None, :2]  # (B, 1, 2, 3)
    return m[..., 0] * points[..., :1] + m[..., 1] * points[..., 1:] + m[..., 2]

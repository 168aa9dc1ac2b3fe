"""One bilinear warp for images and heatmaps, and the same map for points."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from actupose.geometry.affine import invert
from actupose.geometry.constants import constant
from actupose.geometry.precision import at_least_float32
from actupose.geometry.transfer import send


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
        matrix: (B, 3, 3) affine, source pixel -> destination pixel; on the device of `x` or on the CPU.
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
    size = (x.shape[-2], x.shape[-1]) if size is None else size
    return resample(x, send(sampling(matrix.to(x.dtype), (x.shape[-2], x.shape[-1])), x.device), size, padding)


def sampling(matrix: Tensor, source: tuple[int, int]) -> Tensor:
    """Return where a warp's pixels lie in its source, as `resample` takes it; computed where the matrices lie.

    Args:
        matrix: (B, 3, 3) affine, source pixel -> destination pixel.
        source: Height and width of the source.

    Returns:
        (B, 3, 2), x and y in the units of `grid_sample`: a step per column, a step per row, and the first pixel.

    Raises:
        ValueError: `matrix` is not (B, 3, 3).
    """
    height, width = source
    back = invert(matrix)
    steps = torch.stack([back[:, 0] * (2 / width), back[:, 1] * (2 / height)], dim=-1)
    steps[:, 2].add_(constant((1 / width - 1, 1 / height - 1), steps.device, steps.dtype))
    return steps


def resample(
    x: Tensor, steps: Tensor, size: tuple[int, int] | None = None, padding: Literal["zeros", "border"] = "zeros"
) -> Tensor:
    """Resample bilinearly along `sampling`: what of a `warp` is done once a pixel, on the device.

    Args:
        x: (B, C, H, W), floating point; half precision is sampled and returned in float32.
        steps: (B, 3, 2) of `sampling`, on the device of `x`.
        size: Height and width of the result; None keeps (H, W).
        padding: As of `warp`.

    Returns:
        (B, C, h, w).
    """
    x = at_least_float32(x)
    height, width = x.shape[-2:] if size is None else size
    per_column, per_row, first = steps.view(-1, 3, 1, 1, 2).unbind(1)
    columns = constant(range(width), x.device, x.dtype).unsqueeze(-1)
    rows = constant(range(height), x.device, x.dtype).view(-1, 1, 1)
    grid = torch.addcmul(torch.addcmul(first, per_row, rows), per_column, columns)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def warp_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Move points as `warp` moves the image under them: p' = M p.

    Half precision points are moved and returned in float32.

    Args:
        points: (B, N, 2), x and y in pixels of the source.
        matrix: (B, 3, 3) affine, source pixel -> destination pixel; on the device of `points` or on the CPU.

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
    m = send(matrix.to(points.dtype), points.device)[:, None, :2]  # (B, 1, 2, 3)
    return (points.unsqueeze(-2) * m[..., :2]).sum(-1) + m[..., 2]

"""Batched 3x3 affine matrices between pixel grids.

Matrices are (B, 3, 3), row-major, and map a source pixel to a destination pixel: p_dst = M p_src. Coordinates follow
the pixel-index convention: the centre of the pixel in column i is x = i, y points down. Products are written out
element by element: a batched matrix product would run in reduced precision under autocast or with TF32 allowed, and a
relative error of 1e-3 in a matrix moves a point by a tenth of a pixel.
"""

import torch
from torch import Tensor

from actupose.geometry.constants import constant


def _check_matrix(m: Tensor) -> None:
    if m.ndim != 3 or m.shape[-2:] != (3, 3):
        raise ValueError(f"expected matrices of shape (B, 3, 3), got {tuple(m.shape)}")


def _from_entries(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
    """Stack six (B,) entries to [[a, b, c], [d, e, f], [0, 0, 1]]."""
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    return torch.stack([a, b, c, d, e, f, zero, zero, one], dim=-1).reshape(-1, 3, 3)


def from_parts(linear: Tensor, shift: Tensor) -> Tensor:
    """Return the maps x -> linear x + shift.

    Args:
        linear: (B, 2, 2).
        shift: (B, 2), x and y in pixels.

    Returns:
        (B, 3, 3).
    """
    last = constant((0, 0, 1), shift.device, shift.dtype).expand(len(shift), 1, 3)
    return torch.cat([torch.cat([linear, shift.unsqueeze(-1)], dim=2), last], dim=1)


def identity(n: int, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return `n` identity matrices, (n, 3, 3)."""
    return torch.eye(3, device=device, dtype=dtype).repeat(n, 1, 1)


def scaling(s: Tensor) -> Tensor:
    """Return the scaling about pixel (0, 0).

    Args:
        s: (B,) one factor for both axes, or (B, 2) x and y.

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: `s` has another shape.
    """
    if s.ndim == 1:
        s = s.unsqueeze(-1).expand(-1, 2)
    if s.ndim != 2 or s.shape[-1] != 2:
        raise ValueError(f"expected factors of shape (B,) or (B, 2), got {tuple(s.shape)}")
    return from_parts(torch.diag_embed(s), torch.zeros_like(s))


def compose(*ms: Tensor) -> Tensor:
    """Return the matrix product of `ms`; the first argument is applied last.

    Args:
        *ms: Matrices (B, 3, 3); a batch of one is broadcast.

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: No matrix was given, or one is not (B, 3, 3).
    """
    if not ms:
        raise ValueError("compose needs at least one matrix")
    for m in ms:
        _check_matrix(m)
    product = ms[0]
    for m in ms[1:]:
        product = (product.unsqueeze(-1) * m.unsqueeze(-3)).sum(-2)
    return product


def invert(m: Tensor) -> Tensor:
    """Return the inverse of affine matrices, without waiting for the device.

    Args:
        m: (B, 3, 3) with the last row (0, 0, 1). A singular matrix gives infinities, not an error: looking at the
            values would stall an accelerator.

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: `m` is not (B, 3, 3).
    """
    _check_matrix(m)
    inverse: Tensor = torch.linalg.inv_ex(m).inverse
    return inverse


def about(center: Tensor, m: Tensor) -> Tensor:
    """Return `m` applied about `center` in place of pixel (0, 0): T(center) m T(-center).

    Args:
        center: (2,) or (B, 2), x and y in pixels.
        m: (B, 3, 3).

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: A shape does not fit.
    """
    _check_matrix(m)
    if center.shape[-1:] != (2,) or center.ndim > 2:
        raise ValueError(f"expected a centre of shape (2,) or (B, 2), got {tuple(center.shape)}")
    linear, shift = m[:, :2, :2], m[:, :2, 2]
    center = center.to(m).expand(m.shape[0], 2)
    return from_parts(linear, shift + center - (linear * center.unsqueeze(1)).sum(-1))


def to_heatmap_grid(m: Tensor, stride: float) -> Tensor:
    """Conjugate a matrix between image grids to the matching heatmap grids: P m P^-1.

    P maps an image pixel to a heatmap pixel, x_heat = (x + 0.5) / stride - 0.5.

    Args:
        m: (B, 3, 3), image pixel -> image pixel.
        stride: Image pixels per heatmap pixel, positive.

    Returns:
        (B, 3, 3), heatmap pixel -> heatmap pixel.

    Raises:
        ValueError: `m` is not (B, 3, 3), or `stride` is not positive.
    """
    _check_matrix(m)
    if stride <= 0:
        raise ValueError(f"stride must be positive, got {stride}")
    linear, shift = m[:, :2, :2], m[:, :2, 2]
    middle = 0.5 * stride - 0.5  # of heatmap pixel 0, in image pixels on both axes
    return from_parts(linear, (linear.sum(-1) * middle + shift - middle) / stride)


def flip_horizontal(
    n: int, width: int, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return `n` mirrors of an image `width` pixels wide, x' = width - 1 - x; (n, 3, 3)."""
    one = torch.ones(n, device=device, dtype=dtype)
    zero = torch.zeros_like(one)
    return _from_entries(-one, zero, one * (width - 1), zero, one, zero)

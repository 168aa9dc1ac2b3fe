"""Mean-teacher consistency of heatmaps (METHOD.md section 4)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from actupose.codecs import argmax, gaussians
from actupose.geometry import at_least_float32


@torch.no_grad()
def rectify(heat: Tensor, sigma: float = 2.0) -> Tensor:
    """Replace each heatmap by a clean Gaussian of peak 1 at its highest pixel; no gradient.

    Args:
        heat: (B, K, H, W), the teacher's heatmaps.
        sigma: Standard deviation in heatmap pixels.

    Returns:
        (B, K, H, W).

    Raises:
        ValueError: `heat` is not floating point of four dimensions, or `sigma` is not positive.
    """
    return gaussians(argmax(heat)[0], (heat.shape[-2], heat.shape[-1]), sigma)


@torch.no_grad()
def rising(peak: Tensor, *, per_keypoint: bool = False) -> Tensor:
    """Return peaks in rising order, to take one quantile or several of (`quantile_mask`).

    Args:
        peak: (N, K).
        per_keypoint: Order each keypoint's own peaks, not those of all keypoints.

    Returns:
        (N K,), or (N, K) with `per_keypoint`.
    """
    peak = at_least_float32(peak)
    return (peak if per_keypoint else peak.flatten()).sort(0).values


@torch.no_grad()
def quantile_mask(
    peak: Tensor, ratio: float = 0.5, *, per_keypoint: bool = False, among: Tensor | None = None
) -> Tensor:
    """Keep the joints whose peak reaches the `ratio` quantile of the batch's peaks; no gradient.

    Args:
        peak: (B, K), the teacher's peak heights.
        ratio: Share of joints to mask, in [0, 1].
        per_keypoint: Take the quantile over each keypoint's own peaks (ours), not over those of all keypoints
            (UDAPE).
        among: What the quantile is taken over, from `rising` of the same `per_keypoint`: where it is at hand, or other
            processes have parts of the batch. None = `peak` itself.

    Returns:
        (B, K) bool, true where the joint is kept.

    Raises:
        ValueError: `peak` is not (B, K), or `ratio` lies outside [0, 1].
    """
    if peak.ndim != 2:
        raise ValueError(f"expected peaks of shape (B, K), got {tuple(peak.shape)}")
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio must lie in [0, 1], got {ratio}")
    peak = at_least_float32(peak)
    return peak >= _quantile(rising(peak, per_keypoint=per_keypoint) if among is None else among, ratio)


def _quantile(ordered: Tensor, ratio: float) -> Tensor:
    """Return the quantile along dimension 0 of what rises along it, between two values by interpolation.

    As `torch.quantile` has it, which launches five times as many kernels.
    """
    place = ratio * (len(ordered) - 1)
    below = math.floor(place)
    return torch.lerp(ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below)


def consistency_loss(student: Tensor, pseudo: Tensor, mask: Tensor, region: Tensor | None = None) -> Tensor:
    """Return the mean over pixels of the mean over joints of (masked difference)^2.

    Masked joints and pixels count in the mean with 0. The pseudo-labels get no gradient.

    Args:
        student: (B, K, H, W), the student's heatmaps, warped back to the base frame.
        pseudo: (B, K, H, W), rectified teacher heatmaps in the base frame.
        mask: (B, K), true where the joint takes part.
        region: (B, 1, H, W), weight of each pixel, 1 where the views cover it; None for all.

    Returns:
        Scalar.

    Raises:
        ValueError: A shape does not fit.
    """
    if student.ndim != 4 or student.shape != pseudo.shape:
        raise ValueError(f"expected two equal (B, K, H, W), got {tuple(student.shape)} and {tuple(pseudo.shape)}")
    if mask.shape != student.shape[:2]:
        raise ValueError(f"expected a mask of shape {tuple(student.shape[:2])}, got {tuple(mask.shape)}")
    error = F.mse_loss(at_least_float32(student), at_least_float32(pseudo).detach(), reduction="none")
    if region is not None:
        if region.shape != (student.shape[0], 1, *student.shape[2:]):
            raise ValueError(f"expected a region of shape (B, 1, H, W), got {tuple(region.shape)}")
        error = error * region.to(error.dtype).square()
    return (error.mean((2, 3)) * mask).mean()

"""Cross-domain alignment of features of like poses (Eq. 6 and 7)."""

import math

import torch
from torch import Tensor

from actupose.geometry import at_least_float32, wrap_angle

_EPS = 1e-8  # added to a squared feature norm: keeps the gradient of a zero feature finite


@torch.no_grad()
def pair_distance(
    angles_s: Tensor,
    valid_s: Tensor,
    angles_t: Tensor,
    valid_t: Tensor,
    num_keypoints: int,
    min_common: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the pose distance of every source-target pair, Delta = ||theta_s - theta_t|| / K.

    Differences are wrapped to (-pi, pi]. Only triplets that both poses have are compared, and the sum of squares is
    scaled by T / common so that pairs with gaps compare with full ones. No gradient. Source: Eq. 7; wrapping and gaps
    ours (METHOD.md section 3).

    Args:
        angles_s: (S, T), radians, of the source poses.
        valid_s: (S, T), true where the triplet's keypoints are visible.
        angles_t: (N, T), radians, of the target poses.
        valid_t: (N, T), true where the triplet's keypoints are confident.
        num_keypoints: K, the keypoints of the skeleton.
        min_common: Triplets a pair must share, at least 1; None asks for half of T, rounded up.

    Returns:
        distance (S, N) in radians, infinite where the pair shares too few triplets, and ok (S, N), true elsewhere.

    Raises:
        ValueError: A shape does not fit, or `num_keypoints` or `min_common` is under 1.
    """
    if angles_s.ndim != 2 or angles_t.ndim != 2 or angles_s.shape[1] != angles_t.shape[1]:
        raise ValueError(f"expected (S, T) and (N, T), got {tuple(angles_s.shape)} and {tuple(angles_t.shape)}")
    if valid_s.shape != angles_s.shape or valid_t.shape != angles_t.shape:
        raise ValueError("validity and angles differ in shape")
    total = angles_s.shape[1]
    needed = max((total + 1) // 2, 1) if min_common is None else min_common
    if num_keypoints < 1 or needed < 1:
        raise ValueError(f"num_keypoints and min_common must be at least 1, got {num_keypoints} and {needed}")
    both = valid_s.bool().unsqueeze(1) & valid_t.bool().unsqueeze(0)
    difference = wrap_angle(at_least_float32(angles_s).unsqueeze(1) - at_least_float32(angles_t).unsqueeze(0))
    squares = difference.masked_fill(~both, 0.0).square().sum(-1)
    common = both.sum(-1)
    ok = common >= needed  # at least 1: what is divided by 0 is left out
    distance = (squares / common).sqrt() * (math.sqrt(total) / num_keypoints)
    return distance.masked_fill(~ok, torch.inf), ok


def cross_domain_loss(feat_s: Tensor, feat_t: Tensor, dist: Tensor, ok: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return minus the mean feature cosine over the pairs of like pose.

    Z holds the pairs that are `ok` with distance under `gamma`. The target features are the teacher's and get no
    gradient. 0 with a zero gradient where Z is empty. Source: Eq. 6; the mean in place of the sum is ours (METHOD.md
    section 3).

    Args:
        feat_s: (S, C), the student's features of the source batch.
        feat_t: (N, C), the teacher's features of the target batch.
        dist: (S, N), from `pair_distance`.
        ok: (S, N) bool, from `pair_distance`.
        gamma: Largest distance of a pair, exclusive, in the unit of `dist`.

    Returns:
        Scalar loss in [-1, 1] and the number of pairs (scalar int64 tensor).

    Raises:
        ValueError: A shape does not fit.
    """
    if feat_s.ndim != 2 or feat_t.ndim != 2 or feat_s.shape[1] != feat_t.shape[1]:
        raise ValueError(f"expected (S, C) and (N, C), got {tuple(feat_s.shape)} and {tuple(feat_t.shape)}")
    pairs = (feat_s.shape[0], feat_t.shape[0])
    if dist.shape != pairs or ok.shape != pairs:
        raise ValueError(f"expected dist and ok of shape {pairs}, got {tuple(dist.shape)} and {tuple(ok.shape)}")
    with torch.autocast(device_type=feat_s.device.type, enabled=False):
        cosine = unit(feat_s) @ unit(feat_t.detach()).to(at_least_float32(feat_s).dtype).T
    chosen = ok.bool() & (dist < gamma)
    count = chosen.sum()
    return (cosine * chosen).sum() / -count.clamp(min=1), count


def unit(feature: Tensor) -> Tensor:
    """Features (..., C) scaled to length 1, in float32 or better; 0 stays 0, with a finite gradient."""
    feature = at_least_float32(feature)
    return feature * (feature.square().sum(-1, keepdim=True) + _EPS).rsqrt()

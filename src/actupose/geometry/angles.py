"""Signed angles at the joints of a pose."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from actupose.geometry.constants import index_tensor


def wrap_angle(x: Tensor) -> Tensor:
    """Bring angles in radians to (-pi, pi] by whole turns, up to rounding; any shape."""
    return math.pi - torch.remainder(math.pi - x, 2 * math.pi)


def triplet_angles(points: Tensor, triplets: Sequence[tuple[int, int, int]]) -> Tensor:
    """Return the signed angle at the middle point of each triplet.

    The angle turns the arm middle -> first onto the arm middle -> last; positive turns the x axis towards the y axis.
    An arm of zero length gives 0 with a zero gradient. Source: Eq. 7; the sign is ours (METHOD.md section 3).

    Args:
        points: (..., K, 2), any unit.
        triplets: T triplets of keypoint indices (first, middle, last).

    Returns:
        (..., T), radians in (-pi, pi].

    Raises:
        ValueError: `points` does not end in (K, 2), or a triplet has an index outside 0..K-1.
    """
    if points.ndim < 2 or points.shape[-1] != 2:
        raise ValueError(f"expected points of shape (..., K, 2), got {tuple(points.shape)}")
    num_keypoints = points.shape[-2]
    if any(not 0 <= i < num_keypoints for triplet in triplets for i in triplet):
        raise ValueError(f"a triplet index lies outside the {num_keypoints} keypoints: {tuple(triplets)}")
    flat = index_tensor([i for triplet in triplets for i in triplet], points.device)
    members = points.index_select(-2, flat).reshape(*points.shape[:-2], len(triplets), 3, 2)
    u, v = (members[..., ::2, :] - members[..., 1:2, :]).unbind(-2)
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0] + 0.0  # + 0.0: a negative zero would give -pi
    return torch.atan2(cross, (u * v).sum(-1))

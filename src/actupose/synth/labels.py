"""Keypoint labels: pixel coordinates and visibility."""

from __future__ import annotations

import numpy as np

from actupose.synth.joints import JointSurface
from actupose.synth.layers import Layer
from actupose.synth.rotations import Array

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
_NEIGHBOURS = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
_REACH = 1 / 256  # distance of the neighbours from the joint, in units of the image side
_IN_FRONT = 0.12  # metres a joint may lie in front of its own skin (baggy clothes, bent limbs)


def to_pixel_index(continuous: Array) -> Array:
    """Continuous image coordinates (pixel i spans [i, i + 1]) -> pixel-index ones (pixel centre at i), float32."""
    return (continuous - 0.5).astype(np.float32)


def visibility(
    points: Array, depth: Array, layer: Layer, surface: JointSurface, size: int, occluded: Array | None
) -> Array:
    """Say for each joint whether it is outside the image, hidden or visible.

    A joint is visible when one of 3 x 3 probes around it (one pixel apart at 256 pixels) shows skin or cloth of its own
    bones and the joint lies no deeper under it than its tolerance, and no occluder covers it. Other
    people hide it by depth.

    Args:
        points: (K, 2) continuous image coordinates.
        depth: (K,) metres.
        layer: The rendered people.
        surface: Which bones show which joint, and how deep.
        size: Image side.
        occluded: (S, S) bool mask of the occluder, or None.

    Returns:
        (K,) uint8: 0 outside, 1 hidden, 2 visible.
    """
    inside = (points >= 0).all(1) & (points < size).all(1) & (depth > 0)
    bone, nearest = layer.bone.numpy(), layer.depth.numpy()
    scale = bone.shape[0] // layer.alpha.shape[0]
    centre = np.floor((points - [layer.left, layer.upper]) * scale).clip(-1e6, 1e6).astype(np.int64)
    probes = centre[:, None] + _NEIGHBOURS * max(1, round(_REACH * size * scale))
    rows, columns = bone.shape
    known = (probes >= 0).all(-1) & (probes[..., 0] < columns) & (probes[..., 1] < rows)
    x, y = probes[..., 0].clip(0, columns - 1), probes[..., 1].clip(0, rows - 1)
    shown = np.where(known, bone[y, x], -1)
    own = (shown >= 0) & surface.shows[np.arange(len(points))[:, None], shown.clip(min=0)]
    under = depth[:, None] - nearest[y, x]
    visible = (own & (under < surface.depth[:, None]) & (under > -_IN_FRONT)).any(1)
    if occluded is not None:
        pixel = np.floor(points).clip(0, size - 1).astype(np.int64)
        visible &= ~occluded[pixel[:, 1], pixel[:, 0]]
    return np.where(inside, np.where(visible, VISIBLE, HIDDEN), OUTSIDE).astype(np.uint8)

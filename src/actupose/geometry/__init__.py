"""Pixel-grid affine maps, warps of images and points, joint angles."""

from actupose.geometry.affine import (
    about,
    compose,
    flip_horizontal,
    from_parts,
    identity,
    invert,
    scaling,
    to_heatmap_grid,
)
from actupose.geometry.angles import triplet_angles, wrap_angle
from actupose.geometry.constants import constant, forget_constants, index_tensor
from actupose.geometry.precision import at_least_float32
from actupose.geometry.transfer import send, send_together
from actupose.geometry.warp import resample, sampling, warp, warp_points

__all__ = [
    "about",
    "at_least_float32",
    "compose",
    "constant",
    "flip_horizontal",
    "forget_constants",
    "from_parts",
    "identity",
    "index_tensor",
    "invert",
    "resample",
    "sampling",
    "scaling",
    "send",
    "send_together",
    "to_heatmap_grid",
    "triplet_angles",
    "warp",
    "warp_points",
    "wrap_angle",
]

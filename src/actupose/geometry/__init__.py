"""Pixel-grid affine maps, warps of images and points, joint angles."""

from actupose.geometry.affine import (
    about,
    box_crop,
    compose,
    flip_horizontal,
    from_parts,
    identity,
    invert,
    rotation,
    scaling,
    shear,
    to_heatmap_grid,
    translation,
)
from actupose.geometry.angles import triplet_angles, wrap_angle
from actupose.geometry.constants import constant, forget_constants, index_tensor
from actupose.geometry.precision import at_least_float32
from actupose.geometry.transfer import send
from actupose.geometry.warp import warp, warp_points

__all__ = [
    "about",
    "at_least_float32",
    "box_crop",
    "compose",
    "constant",
    "flip_horizontal",
    "forget_constants",
    "from_parts",
    "identity",
    "index_tensor",
    "invert",
    "rotation",
    "scaling",
    "send",
    "shear",
    "to_heatmap_grid",
    "translation",
    "triplet_angles",
    "warp",
    "warp_points",
    "wrap_angle",
]

"""Batched augmentation on the device, with matrices that also move keypoints and heatmaps."""

from actupose.views.affine_view import AffineConfig, sample_affine, sample_crop
from actupose.views.color import color_jitter, sample_jitter
from actupose.views.masking import mask_blocks
from actupose.views.occlusion import adaptive_occlusion, sample_occlusion

__all__ = [
    "AffineConfig",
    "adaptive_occlusion",
    "color_jitter",
    "mask_blocks",
    "sample_affine",
    "sample_crop",
    "sample_jitter",
    "sample_occlusion",
]

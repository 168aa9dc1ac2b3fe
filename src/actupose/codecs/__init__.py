"""Keypoints to heatmaps and back."""

from actupose.codecs.decode import argmax, soft_argmax, subpixel, to_heat, to_image
from actupose.codecs.heatmap import encode, gaussians

__all__ = ["argmax", "encode", "gaussians", "soft_argmax", "subpixel", "to_heat", "to_image"]

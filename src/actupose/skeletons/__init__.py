"""Skeletons: what the keypoints are called, how they pair, and how one skeleton maps to another."""

from actupose.skeletons.mapping import keypoint_map
from actupose.skeletons.skeleton import Skeleton, available_skeletons, load_skeleton

__all__ = ["Skeleton", "available_skeletons", "keypoint_map", "load_skeleton"]

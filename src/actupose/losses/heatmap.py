"""Supervised heatmap regression."""

import torch.nn.functional as F
from torch import Tensor

from actupose.geometry import at_least_float32


def heatmap_mse(pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return mean(0.5 w (pred - target)^2) over batch, keypoints and pixels.

    The mean counts keypoints of weight 0 too, as the published code does. Computed in float32 or better. Source:
    METHOD.md section 3.

    Args:
        pred: (B, K, H, W).
        target: (B, K, H, W).
        weight: (B, K), 1 where the keypoint is visible and inside, else 0.

    Returns:
        Scalar.

    Raises:
        ValueError: A shape does not fit.
    """
    if pred.ndim != 4 or pred.shape != target.shape:
        raise ValueError(f"expected two equal (B, K, H, W), got {tuple(pred.shape)} and {tuple(target.shape)}")
    if weight.shape != pred.shape[:2]:
        raise ValueError(f"expected weights of shape {tuple(pred.shape[:2])}, got {tuple(weight.shape)}")
    error = F.mse_loss(at_least_float32(pred), at_least_float32(target), reduction="none").mean((-2, -1))
    return 0.5 * (error * weight).mean()

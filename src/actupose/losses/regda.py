"""RegDA's loss and its maps (METHOD.md section 5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from actupose.geometry import at_least_float32


def heatmap_kl(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean over batch and keypoints of KL(target / sum of target || softmax over pixels of the logits).

    A map that is 0 everywhere is no distribution: it counts in the mean with 0 and gets no gradient. The published code
    divides it by its sum, which is NaN. Computed in float32 or better. Source: METHOD.md section 5.

    Args:
        logits: (B, K, H, W).
        target: (B, K, H, W), not negative; gets no gradient.
        weight: (B, K), 1 where the keypoint counts; None = everywhere.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: A shape does not fit.
    """
    if logits.ndim != 4 or logits.shape != target.shape:
        raise ValueError(f"expected two equal (B, K, H, W), got {tuple(logits.shape)} and {tuple(target.shape)}")
    if weight is not None and weight.shape != logits.shape[:2]:
        raise ValueError(f"expected weights of shape {tuple(logits.shape[:2])}, got {tuple(weight.shape)}")
    log_p = at_least_float32(logits).flatten(2).log_softmax(-1)
    mass = at_least_float32(target).detach().flatten(2)
    total = mass.sum(-1, keepdim=True)
    present = total > 0
    kl = F.kl_div(log_p, mass / torch.where(present, total, torch.ones_like(total)), reduction="none").sum(-1)
    counted = present.squeeze(-1).to(kl.dtype)
    return (kl * (counted if weight is None else counted * weight)).mean()


@torch.no_grad()
def ground_false(truth: Tensor) -> Tensor:
    """Return for each keypoint where all the others are: GF_k = clip(sum of GT_j over j != k, 0, 1).

    Source: METHOD.md section 5.

    Args:
        truth: (B, K, H, W), a Gaussian at each predicted keypoint (`rectify`).

    Returns:
        (B, K, H, W).
    """
    return (truth.sum(1, keepdim=True) - truth).clamp(0, 1)

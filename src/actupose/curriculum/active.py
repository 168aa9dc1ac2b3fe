"""The active score: pose complexity weighted by the student's confidence (Eq. 4)."""

import torch
from torch import Tensor

LEAST_PEAK = 0.05


def mean_peak(peaks: Tensor, visible: Tensor | None = None) -> Tensor:
    """Return each sample's mean heatmap peak, with peaks clamped to [0.05, 1].

    Args:
        peaks: (B, K), the highest value of each heatmap.
        visible: (B, K); where given, only joints above 0 count (ours). None averages all K, as Eq. 4 does.

    Returns:
        (B,); 1 for a sample without a counted joint.
    """
    peaks = peaks.float().clamp(LEAST_PEAK, 1.0)
    if visible is None:
        return peaks.mean(-1)
    counted = (visible > 0).to(peaks.dtype)
    total = counted.sum(-1)
    return torch.where(total > 0, (peaks * counted).sum(-1) / total.clamp(min=1), torch.ones_like(total))


def active_score(score: Tensor, peak_mean: Tensor) -> Tensor:
    """Return Eq. 4: score * K / sum of peaks, which is score / mean peak.

    Args:
        score: (N,), the Pose-VAE's score (METHOD.md section 2), or the last active score where scores compound.
        peak_mean: (N,), mean heatmap peak, clamped to [0.05, 1] here.

    Returns:
        (N,), at least `score`.
    """
    return score / peak_mean.clamp(LEAST_PEAK, 1.0)

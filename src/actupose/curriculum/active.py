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


def self_paced_score(peak_mean: Tensor) -> Tensor:
    """Return the student's loss as self-paced learning ranks by it: 1 - mean peak, what the peaks lack of the label's.

    Source: Kumar et al. 2010 select the samples whose present loss is least. Peaks are collected anyway, the loss of a
    single sample is not; so they stand for it (ours).

    Args:
        peak_mean: (N,), mean heatmap peak, clamped to [0.05, 1] here.

    Returns:
        (N,), in [0, 0.95].
    """
    return 1 - peak_mean.clamp(LEAST_PEAK, 1.0)


def unseen_score(score: Tensor) -> Tensor:
    """Return scores above every `self_paced_score`, in the order of the Pose-VAE's.

    A sample without a loss yet counts as harder than all that have one (ours).

    Args:
        score: (N,), the Pose-VAE's, not negative.

    Returns:
        (N,), at least 1.
    """
    return 1 + score


def active_score(score: Tensor, peak_mean: Tensor) -> Tensor:
    """Return Eq. 4: score * K / sum of peaks, which is score / mean peak.

    Args:
        score: (N,), the Pose-VAE's score (METHOD.md section 2), or the last active score where scores compound.
        peak_mean: (N,), mean heatmap peak, clamped to [0.05, 1] here.

    Returns:
        (N,), at least `score`.
    """
    return score / peak_mean.clamp(LEAST_PEAK, 1.0)

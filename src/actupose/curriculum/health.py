"""Is the pose ranking one to build a curriculum on? Two seeds must agree and hard bins must hold diverse poses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from actupose.curriculum.bins import assign_bins
from actupose.geometry import triplet_angles, wrap_angle
from actupose.skeletons import Skeleton

MIN_RANK_CORRELATION = 0.5
MIN_RISE = 0.5


@dataclass(frozen=True)
class HealthReport:
    """What the health check found (METHOD.md section 1, ours).

    Attributes:
        rank_correlation: Spearman correlation of two seeds' scores.
        angular_difference: Mean angular difference of the pairs in each bin (Fig. 3), radians per keypoint (Eq. 7).
        rise: Spearman correlation of the angular difference with the bin; 1 = it rises all the way.
        reasons: Why the ranking counts as collapsed; empty when it is healthy.
    """

    rank_correlation: float
    angular_difference: tuple[float, ...]
    rise: float
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        bins = " ".join(f"{value:.3f}" for value in self.angular_difference)
        lines = [
            f"rank correlation of two seeds: {self.rank_correlation:.3f} (at least {MIN_RANK_CORRELATION})",
            f"rise of the angular difference over the bins: {self.rise:.3f} (at least {MIN_RISE})",
            f"angular difference per bin, easiest first (rad per keypoint): {bins}",
        ]
        verdict = [f"COLLAPSED: {reason}" for reason in self.reasons] or ["the ranking is healthy"]
        return "\n".join(lines + verdict)


def rank_correlation(scores_a: Tensor, scores_b: Tensor) -> float:
    """Return Spearman's rank correlation of two (N,) scores; NaN where one of them is constant."""
    if float(scores_a.min()) == float(scores_a.max()) or float(scores_b.min()) == float(scores_b.max()):
        return math.nan
    return float(stats.spearmanr(scores_a.cpu().numpy(), scores_b.cpu().numpy()).statistic)


def pair_differences(
    points: Tensor,
    visible: Tensor,
    bin_of: Tensor,
    triplets: Sequence[tuple[int, int, int]],
    num_pairs: int = 2000,
    seed: int = 0,
) -> Tensor:
    """Return the angular difference (Eq. 7) of random pairs of poses within each bin.

    A pair compares the triplets that are labelled in both poses; its difference is rescaled to all triplets.

    Args:
        points: (N, K, 2), any unit.
        visible: (N, K), above 0 where the joint is labelled.
        bin_of: (N,) int64, each pose's bin.
        triplets: T triplets of keypoint indices, the angle at the middle one.
        num_pairs: Pairs drawn per bin.
        seed: Seeds the pairs.

    Returns:
        (number of bins, num_pairs) float64, radians per keypoint; NaN for a pair that shares no triplet, and where a
        bin has less than two poses. Fig. 3 shows its `nanmean` over the pairs.
    """
    bin_of = bin_of.cpu()
    sizes = torch.bincount(bin_of)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(2, len(sizes), num_pairs, generator=generator, dtype=torch.float64)
    first = (draws[0] * sizes.unsqueeze(-1)).long()
    second = first + 1 + (draws[1] * (sizes.unsqueeze(-1) - 1).clamp(min=0)).long()
    second = second % sizes.clamp(min=1).unsqueeze(-1)
    start = (sizes.cumsum(0) - sizes).unsqueeze(-1)
    order = torch.argsort(bin_of, stable=True)
    last = len(order) - 1  # an empty last bin starts one past the end; its pairs are dropped below
    pairs = torch.stack([order[(start + first).clamp(max=last)], order[(start + second).clamp(max=last)]])
    members = torch.as_tensor(triplets, dtype=torch.long)
    poses = points.cpu()[pairs].double()
    both = (visible.cpu() > 0)[pairs][..., members].all(-1).all(0)  # (bins, pairs, T)
    theta = triplet_angles(poses, triplets)
    squared = wrap_angle(theta[0] - theta[1]).square().masked_fill(~both, 0.0).sum(-1)
    common = both.sum(-1)
    distance = (squared * len(triplets) / common.clamp(min=1)).sqrt() / points.shape[1]
    usable = (common > 0) & (sizes > 1).unsqueeze(-1)
    return distance.masked_fill(~usable, torch.nan)


def health_report(
    points: Tensor,
    visible: Tensor,
    skeleton: Skeleton,
    score: Tensor,
    other_score: Tensor,
    n_bins: int = 25,
) -> HealthReport:
    """Check a ranking of poses.

    Args:
        points: (N, K, 2), any unit.
        visible: (N, K), above 0 where the joint is labelled.
        skeleton: The poses' skeleton.
        score: (N,), the scores that the curriculum will use.
        other_score: (N,), the scores of a Pose-VAE fitted with another seed.
        n_bins: Number of bins of Fig. 3; at most N.

    Returns:
        The report; `str()` of it is for printing.
    """
    correlation = rank_correlation(score, other_score)
    _, bin_of = assign_bins(score, min(n_bins, len(score)))
    difference = pair_differences(points, visible, bin_of, skeleton.triplets).nanmean(-1)
    known = ~difference.isnan()
    rise = (
        rank_correlation(difference[known], torch.arange(len(difference))[known]) if int(known.sum()) > 1 else math.nan
    )
    reasons = []
    if not correlation >= MIN_RANK_CORRELATION:
        reasons.append(f"two seeds rank the poses differently (rank correlation {correlation:.3f})")
    if not rise >= MIN_RISE:
        reasons.append(f"harder bins do not hold more diverse poses (rise {rise:.3f})")
    return HealthReport(correlation, tuple(difference.tolist()), rise, tuple(reasons))

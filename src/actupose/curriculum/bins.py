"""Equal-count bins of samples in the order of their scores."""

import torch
from torch import Tensor


def assign_bins(score: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Sort samples by score and split them into bins of equal count (sizes differ by at most one).

    Ties keep the order of the samples, so that every process gets the same bins. Source: paper section 3.1.1.

    Args:
        score: (N,), finite.
        n_bins: Number of bins N_b, from 1 to N.

    Returns:
        order (N,), the sample indices from the least score to the largest, and bin_of (N,), each sample's bin in
        0..N_b-1; both int64 on the CPU.

    Raises:
        ValueError: `score` is not one finite vector, or `n_bins` is out of range.
    """
    if score.ndim != 1 or not bool(torch.isfinite(score).all()):
        raise ValueError(f"expected finite scores (N,), got shape {tuple(score.shape)} or values that are not finite")
    if not 1 <= n_bins <= len(score):
        raise ValueError(f"n_bins must be from 1 to the {len(score)} samples, got {n_bins}")
    order = torch.argsort(score.cpu(), stable=True)
    bin_of = torch.empty_like(order)
    bin_of[order] = torch.arange(n_bins).repeat_interleave(bin_sizes(len(order), n_bins))
    return order, bin_of


def bin_sizes(num_samples: int, n_bins: int) -> Tensor:
    """Return the sizes (n_bins,) of equal-count bins; the first ones take the remainder."""
    sizes = torch.full((n_bins,), num_samples // n_bins)
    sizes[: num_samples % n_bins] += 1
    return sizes


def bin_means(score: Tensor, bin_of: Tensor, n_bins: int) -> Tensor:
    """Return s_j, the mean score of each bin.

    Args:
        score: (N,).
        bin_of: (N,), each sample's bin.
        n_bins: Number of bins.

    Returns:
        (n_bins,) float64; NaN for a bin without samples.
    """
    total = torch.bincount(bin_of, weights=score.double(), minlength=n_bins)
    return total / torch.bincount(bin_of, minlength=n_bins)

"""How much each bin gives in an epoch: unnormalised p_j in [0, 1] per bin."""

import math

import torch
from torch import Tensor


def peak_bin(epoch: int, epochs: int, n_bins: int, pace: float) -> int:
    """Return g of Eq. 3, floor(pace * N_b * epoch / epochs) clamped to the last bin (0-based)."""
    progress = pace * n_bins * epoch / epochs
    return min(math.floor(progress + 1e-9), n_bins - 1)


def gaussian_schedule(
    bin_means: Tensor, epoch: int, epochs: int, pace: float = 2.0, sigma: float = 0.25, floor: float = 0.0
) -> Tensor:
    """Return Eq. 3's share of each bin, a Gaussian around the mean score of the epoch's peak bin.

    The width is sigma * s_j, so a bin's own score sets how far it reaches: on skewed scores late epochs draw from the
    few hardest bins alone. A bin of mean 0 gives 1 where the peak's mean is 0 too, else 0.

    Args:
        bin_means: (N_b,), s_j, not negative.
        epoch: 0-based.
        epochs: Epochs of the whole training.
        pace: Eq. 3's lambda, how many times over the peak would cross all bins.
        sigma: Width relative to s_j.
        floor: Least share of any bin (ours; 0 is the paper).

    Returns:
        (N_b,) float64 in [floor, 1]; 1 at the peak.

    Raises:
        ValueError: `epochs` is not positive or `epoch` is negative.
    """
    if epochs < 1 or epoch < 0:
        raise ValueError(f"expected epoch >= 0 and epochs >= 1, got {epoch} and {epochs}")
    means = bin_means.double()
    offset = means - means[peak_bin(epoch, epochs, len(means), pace)]
    width = sigma * means
    ratio = torch.where(offset == 0, 0.0, offset / width)
    return torch.exp(-0.5 * ratio.square()).clamp(min=floor)


def hard_schedule(n_bins: int, hard_bins: int) -> Tensor:
    """Return 1 for the hardest `hard_bins` bins and 0 for the others, (n_bins,) float64 (VAE-HM)."""
    return (torch.arange(n_bins) >= n_bins - hard_bins).double()


def growing_schedule(n_bins: int, epoch: int, epochs: int, pace: float = 2.0) -> Tensor:
    """Return 1 for the easiest bins up to the epoch's last one, 0 for the harder ones, (n_bins,) float64.

    The last bin is Eq. 3's peak bin g, so all kinds reach the hardest bin in the same epoch. Source: Baby Steps (Bengio
    et al. 2009: easy samples first, harder ones added to them); how fast is ours.

    Args:
        n_bins: N_b.
        epoch: 0-based.
        epochs: Epochs of the whole training.
        pace: How many times over the last bin would be reached.
    """
    return (torch.arange(n_bins) <= peak_bin(epoch, epochs, n_bins, pace)).double()


def uniform_schedule(n_bins: int) -> Tensor:
    """Return 1 for every bin, (n_bins,) float64."""
    return torch.ones(n_bins, dtype=torch.float64)


def effective_bins(p: Tensor) -> float:
    """Return exp of the entropy of p / sum(p): how many bins an epoch draws from in effect, 1 to N_b; p is (N_b,)."""
    share = p.double() / p.double().sum()
    return float(torch.exp(-torch.xlogy(share, share).sum()))

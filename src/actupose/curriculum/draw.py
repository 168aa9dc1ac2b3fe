"""Drawing an epoch's samples from the bins."""

import numpy as np
import torch
from torch import Tensor


def proportional_counts(p: Tensor, num_samples: int) -> Tensor:
    """Split `num_samples` over the bins in proportion to p, rounded by largest remainder.

    Args:
        p: (N_b,), not negative, not all 0.
        num_samples: Samples to draw in total.

    Returns:
        (N_b,) int64 that sums to `num_samples`.

    Raises:
        ValueError: `p` has no positive sum.
    """
    total = float(p.double().sum())
    if not total > 0:
        raise ValueError("the shares of the bins sum to 0: there is nothing to draw from")
    quota = p.double() * (num_samples / total)
    counts = quota.floor().long()
    missing = num_samples - int(counts.sum())
    if missing > 0:
        counts[torch.argsort(quota - counts, descending=True, stable=True)[:missing]] += 1
    return counts


def exact_counts(p: Tensor, sizes: Tensor) -> Tensor:
    """Return the paper's counts p_j N / N_b, rounded, (N_b,) int64; `sizes` (N_b,) are the bins' sizes."""
    return (p.double() * sizes).round().long()


def draw_counts(bin_of: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a given number of samples from each bin, in random order.

    Within a bin nothing repeats before the whole bin is drawn; a count above the bin's size goes round again. No Python
    loop over samples; memory is linear in N.

    Args:
        bin_of: (N,) of any integer type, each sample's bin.
        counts: (N_b,) int64; a bin without samples must have 0.
        generator: CPU generator that fixes the draw.

    Returns:
        (sum of counts,) int64 sample indices.

    Raises:
        ValueError: A bin without samples has a count.
    """
    sizes = torch.bincount(bin_of, minlength=len(counts))
    if bool(((sizes == 0) & (counts > 0)).any()):
        raise ValueError("cannot draw from a bin without samples")
    candidates = (counts > 0)[bin_of.int()].nonzero().squeeze(-1)
    candidates = candidates[torch.randperm(len(candidates), generator=generator)]
    candidates = candidates[_stable_order(bin_of, candidates, len(counts))]  # bin by bin, shuffled within
    sizes = torch.where(counts > 0, sizes, 0)
    slot = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    first = (sizes.cumsum(0) - sizes).repeat_interleave(counts)
    drawn = candidates[first + slot % sizes.repeat_interleave(counts)]
    return drawn[torch.randperm(len(drawn), generator=generator)]


def _stable_order(bin_of: Tensor, candidates: Tensor, n_bins: int) -> Tensor:
    """Return the stable order of the candidates by bin; numpy's radix sort of 16-bit integers is linear in N."""
    if n_bins > np.iinfo(np.int16).max:
        return torch.argsort(bin_of[candidates], stable=True)
    bins = bin_of.to(torch.int16)[candidates]
    return torch.from_numpy(np.argsort(bins.numpy(), kind="stable"))

"""PCK per bin of pose complexity (Fig. 9)."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from actupose.metrics.pck import keypoint_hits
from actupose.skeletons import Skeleton


class PerBinPCK(Metric):
    """Pooled PCK over the skeleton's ``All`` group in each bin.

    Args:
        skeleton: Its group ``All`` names the keypoints scored.
        bin_of: (N,) int64, the bin of each of the N samples.
        n_bins: Number of bins.
        threshold: Share of the image side, strict.

    Raises:
        ValueError: A bin lies outside 0..n_bins-1.
    """

    full_state_update = False
    right: Tensor
    scored: Tensor
    bin_of: Tensor

    def __init__(self, skeleton: Skeleton, bin_of: Tensor, n_bins: int, threshold: float = 0.05) -> None:
        super().__init__()
        if len(bin_of) and not 0 <= int(bin_of.min()) <= int(bin_of.max()) < n_bins:
            raise ValueError(f"bin_of has bins outside 0..{n_bins - 1}")
        self.members = list(skeleton.groups["All"])
        self.threshold = threshold
        self.register_buffer("bin_of", bin_of.long(), persistent=False)
        self.add_state("right", torch.zeros(n_bins), dist_reduce_fx="sum")
        self.add_state("scored", torch.zeros(n_bins), dist_reduce_fx="sum")

    def update(self, index: Tensor, pred_points: Tensor, target: Tensor, visible: Tensor, image_size: float) -> None:
        """Take a batch.

        Args:
            index: (B,) int64, each sample's place in `bin_of`.
            pred_points: (B, K, 2) image pixels.
            target: (B, K, 2) image pixels.
            visible: (B, K), above 0 where the label counts.
            image_size: Side of the image in pixels.

        Raises:
            ValueError: A shape does not fit.
        """
        right, scored = keypoint_hits(pred_points, target, visible, image_size, self.threshold)
        bins = self.bin_of[index.to(self.bin_of.device)]
        self.right.index_add_(0, bins, right[:, self.members].sum(-1))
        self.scored.index_add_(0, bins, scored[:, self.members].sum(-1))

    def compute(self) -> Tensor:
        """Return percent (0 to 100) per bin, (n_bins,); NaN for a bin where nothing was scored."""
        return 100 * self.right / self.scored

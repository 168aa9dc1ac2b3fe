"""Per-sample confidence of the student over an epoch, summed over processes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from actupose.geometry import constant


class SampleConfidence(Metric):
    """Sum of confidences and number of times seen, for each of N samples; feeds Eq. 4.

    The states are dense, so that gathering them is one sum over processes, whatever samples each one saw and however
    often. Memory: 8 bytes a sample.

    Args:
        num_samples: N.
    """

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(num_samples), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(num_samples), dist_reduce_fx="sum")

    def update(self, index: Tensor, confidence: Tensor) -> None:
        """Take a batch; a sample may come more than once.

        Args:
            index: (B,) int64, the samples' places in 0..N-1.
            confidence: (B,), mean heatmap peak of each sample.
        """
        confidence = confidence.to(self.total)
        index = index.to(self.total.device)
        self.total.index_add_(0, index, confidence)
        self.count.index_add_(0, index, constant((1.0,), confidence.device).expand_as(confidence))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return total (N,) and count (N,), as `CurriculumState.update` takes them."""
        return self.total, self.count

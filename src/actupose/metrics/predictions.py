"""What a network predicted of every sample of an evaluation, kept for pictures and tables of single cases."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class KeptPredictions(Metric):
    """Keypoints and peaks of every sample, in the order of the samples; every process has seen all of them."""

    full_state_update = False
    row: list[Tensor]
    points: list[Tensor]
    peaks: list[Tensor]

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        for name in ("row", "points", "peaks"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, row: Tensor, points: Tensor, peaks: Tensor) -> None:
        """Take a batch.

        Args:
            row: (B,) int64, place of each sample in its dataset.
            points: (B, K, 2) image pixels.
            peaks: (B, K) heights of the heatmaps there.
        """
        self.row.append(row)
        self.points.append(points.float())
        self.peaks.append(peaks.float())

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return points (N, K, 2) and peaks (N, K)."""
        order = torch.cat(self.row).argsort()
        return torch.cat(self.points)[order], torch.cat(self.peaks)[order]

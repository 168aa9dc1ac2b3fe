"""What a step receives: a labelled batch, or one that has no labels by type."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LabeledBatch(NamedTuple):
    """Images with keypoints.

    Attributes:
        image: (B, 3, S, S) uint8.
        keypoints: (B, K, 2) float32, pixels of ``image``.
        visible: (B, K) uint8: 0 absent, 1 hidden, 2 visible.
        row: (B,) int64, place of each sample in its dataset.
    """

    image: Tensor
    keypoints: Tensor
    visible: Tensor
    row: Tensor


class UnlabeledBatch(NamedTuple):
    """Images alone: a target batch cannot leak labels because it has no field for them.

    Attributes:
        image: (B, 3, S, S) uint8.
        row: (B,) int64, place of each sample in its dataset.
    """

    image: Tensor
    row: Tensor

"""Samplers of constant length: every rank computes the same epoch's draw and takes its stripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler


class EpochSampler(Sampler[NDArray[np.int64]]):
    """Batches of indices of one epoch, drawn by a function of the epoch alone; for a loader with ``batch_size=None``.

    The length never changes (Lightning caches it), and the draw does not depend on the number of ranks.

    Args:
        draw: epoch -> (samples_per_epoch,) int64 indices.
        samples_per_epoch: global number of samples an epoch.
        batch_size: samples of a batch of this process; the last one may be smaller.
        rank: this process.
        world_size: number of processes; must divide ``samples_per_epoch``.

    Raises:
        ValueError: the samples do not divide among the ranks.
    """

    def __init__(
        self,
        draw: Callable[[int], Tensor],
        samples_per_epoch: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if samples_per_epoch % world_size:
            raise ValueError(f"{samples_per_epoch} samples an epoch do not divide among {world_size} processes")
        self._draw, self._samples, self._rank, self._world = draw, samples_per_epoch, rank, world_size
        self._batch_size = batch_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iterator; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-(self._samples // self._world) // self._batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        drawn = self._draw(self.epoch)[: self._samples].numpy()
        whole = len(drawn) - len(drawn) % self._world  # a short draw too gives every process as many
        stripe = drawn[self._rank : whole : self._world]
        return (stripe[start : start + self._batch_size] for start in range(0, len(stripe), self._batch_size))


def endless_shuffle(num_rows: int, samples_per_epoch: int, seed: int) -> Callable[[int], Tensor]:
    """Draws that walk through one permutation after the other, so that all rows are used equally often.

    Returns:
        epoch -> (samples_per_epoch,) indices; a pure function of the seed and the epoch.
    """

    def permutation(turn: int) -> Tensor:
        """Order of the rows in one turn."""
        return torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed * 1_000_003 + turn))

    def draw(epoch: int) -> Tensor:
        """The epoch's part of the endless stream of turns."""
        start = epoch * samples_per_epoch
        first, last = start // num_rows, (start + samples_per_epoch - 1) // num_rows
        stream = torch.cat([permutation(turn) for turn in range(first, last + 1)])
        return stream[start - first * num_rows :][:samples_per_epoch]

    return draw

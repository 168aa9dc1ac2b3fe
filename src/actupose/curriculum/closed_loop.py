"""The closed loop (ours): how many new samples of each kind of pose a curriculum asks the renderer for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from actupose.curriculum.state import CurriculumState
from actupose.errors import UserError


@dataclass(frozen=True)
class ClosedLoopConfig:
    """Options of the closed loop; off by default.

    Attributes:
        budget: New images each time it renders; 0 = off.
        from_epoch: Epochs of the source as it is before the first new images.
        every: Epochs between two times.
        archetype_temperature: 1 asks in proportion to the difficulty, lower more for the hardest, higher more evenly.
        workers: Rendering processes; 0 = in the training's own, -1 = one a core.
    """

    budget: int = 0
    from_epoch: int = 1
    every: int = 1
    archetype_temperature: float = 0.5
    workers: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: A value is out of its range.
        """
        if self.budget < 0 or self.from_epoch < 1 or self.every < 1:
            raise UserError("data.closed_loop: budget must be 0 or more, from_epoch and every 1 or more.")
        if not self.archetype_temperature > 0:
            raise UserError(
                f"data.closed_loop.archetype_temperature is {self.archetype_temperature}; it must be positive."
            )

    def is_due(self, epochs_done: int, epochs: int) -> bool:
        """Whether new images are made now: never after the last epoch, which nothing would follow."""
        waited = epochs_done - self.from_epoch
        return self.budget > 0 and waited >= 0 and waited % self.every == 0 and epochs_done < epochs


def archetype_shares(
    state: CurriculumState, archetypes: Sequence[str], kinds: Sequence[str], temperature: float
) -> dict[str, float]:
    """Share of each kind of pose among the new samples.

    The difficulty of a kind is the mean place of its samples among the bins, 1 in the hardest and 1 / N_b in the
    easiest; shares go with difficulty ** (1 / temperature). A kind without samples counts as one of mean difficulty.
    Source: ours. It is a function of the state alone, so every process and a resumed run ask for the same.

    Args:
        state: The bins of N samples, sorted by the student's own difficulty.
        archetypes: The kind of each sample, N names.
        kinds: Kinds that the renderer can make.
        temperature: Above 0.

    Returns:
        Kind -> share, to six decimals.
    """
    index = {name: i for i, name in enumerate(kinds)}
    kind_of = torch.tensor([index.get(name, -1) for name in archetypes])
    place = (state.bin_of.double() + 1) / state.n_bins
    known = kind_of >= 0
    total = torch.zeros(len(kinds), dtype=torch.float64).index_add_(0, kind_of[known], place[known])
    count = torch.bincount(kind_of[known], minlength=len(kinds))
    difficulty = torch.where(count > 0, total / count.clamp(min=1), place.mean())
    shares = (difficulty.log() / temperature).softmax(0).tolist()
    return {name: round(share, 6) for name, share in zip(kinds, shares, strict=True)}

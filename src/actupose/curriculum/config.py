"""What a curriculum is made of: its options and its kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from actupose.curriculum.active import active_score, self_paced_score, unseen_score
from actupose.curriculum.schedule import gaussian_schedule, growing_schedule, hard_schedule, uniform_schedule
from actupose.errors import UserError


@dataclass(frozen=True)
class CurriculumConfig:
    """Options of a curriculum; the defaults are the paper's optimum.

    Attributes:
        kind: A key of `KINDS`: ``none`` (uniform), ``gaussian`` (Eq. 3), ``active`` (Eq. 3 and 4), ``hard`` (VAE-HM),
            ``baby_steps`` (the easiest bins, more each epoch), ``self_paced`` (the same, ranked by the student's loss).
        n_bins: Number of equal-count bins N_b.
        pace: Eq. 3's lambda; also how fast ``baby_steps`` and ``self_paced`` reach the last bin.
        sigma: Eq. 3's sigma.
        floor: Least share of any bin in Eq. 3 (ours; 0 is the paper).
        hard_bins: How many of the hardest bins ``hard`` draws from.
        compound: Eq. 4 weights the last active score instead of the Pose-VAE's (the other reading).
        exact: Draw the paper's counts p_j N / N_b; the epoch's length then varies.
    """

    kind: str = "active"
    n_bins: int = 25
    pace: float = 2.0
    sigma: float = 0.25
    floor: float = 0.0
    hard_bins: int = 8
    compound: bool = False
    exact: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: The kind is unknown or a value is out of range.
        """
        if self.kind not in KINDS:
            raise UserError(f"curriculum.kind '{self.kind}' is unknown; choose one of {', '.join(KINDS)}.")
        if self.n_bins < 1:
            raise UserError(f"curriculum.n_bins is {self.n_bins}; it must be 1 or more.")
        if self.kind == "hard" and not 1 <= self.hard_bins <= self.n_bins:
            raise UserError(f"curriculum.hard_bins is {self.hard_bins}; it must be from 1 to n_bins ({self.n_bins}).")
        if not (0 < self.pace < math.inf and 0 < self.sigma < math.inf):
            raise UserError(f"curriculum: pace ({self.pace}) and sigma ({self.sigma}) must be positive.")
        if not 0 <= self.floor <= 1:
            raise UserError(f"curriculum.floor is {self.floor}; it must be from 0 to 1.")


Plan = Callable[[CurriculumConfig, Tensor, int, int], Tensor]
Rescore = Callable[[CurriculumConfig, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class CurriculumKind:
    """One kind of curriculum; adding a kind is adding one entry to `KINDS`.

    Attributes:
        plan: (config, bin means (N_b,), epoch, epochs) -> unnormalised share p_j of each bin (N_b,).
        rescore: (config, Pose-VAE score (n,), last score (n,), mean peak (n,)) -> new score (n,) of the samples seen in
            the epoch that ended; None where scores never change.
        unseen: Pose-VAE score (N,) -> score (N,) of samples that were never seen; None = the Pose-VAE's itself.
    """

    plan: Plan
    rescore: Rescore | None = None
    unseen: Callable[[Tensor], Tensor] | None = None


def _uniform(_config: CurriculumConfig, means: Tensor, _epoch: int, _epochs: int) -> Tensor:
    return uniform_schedule(len(means))


def _gaussian(config: CurriculumConfig, means: Tensor, epoch: int, epochs: int) -> Tensor:
    return gaussian_schedule(means, epoch, epochs, config.pace, config.sigma, config.floor)


def _hard(config: CurriculumConfig, means: Tensor, _epoch: int, _epochs: int) -> Tensor:
    return hard_schedule(len(means), config.hard_bins)


def _growing(config: CurriculumConfig, means: Tensor, epoch: int, epochs: int) -> Tensor:
    return growing_schedule(len(means), epoch, epochs, config.pace)


def _by_loss(_config: CurriculumConfig, _vae: Tensor, _last: Tensor, peak: Tensor) -> Tensor:
    return self_paced_score(peak)


def _weighted_by_peaks(config: CurriculumConfig, vae: Tensor, last: Tensor, peak: Tensor) -> Tensor:
    return active_score(last if config.compound else vae, peak)


KINDS: dict[str, CurriculumKind] = {
    "none": CurriculumKind(_uniform),
    "gaussian": CurriculumKind(_gaussian),
    "active": CurriculumKind(_gaussian, _weighted_by_peaks),
    "hard": CurriculumKind(_hard),
    "baby_steps": CurriculumKind(_growing),
    "self_paced": CurriculumKind(_growing, _by_loss, unseen_score),
}

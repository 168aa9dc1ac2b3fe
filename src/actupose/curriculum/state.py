"""The curriculum's state over a training: scores, bins, and each epoch's draw."""

from __future__ import annotations

import warnings
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor

from actupose.curriculum.bins import assign_bins, bin_means, bin_sizes
from actupose.curriculum.config import KINDS, CurriculumConfig
from actupose.curriculum.draw import draw_counts, exact_counts, proportional_counts
from actupose.curriculum.schedule import effective_bins
from actupose.errors import UserError

_LARGEST_SCORE = 1e200  # compounded scores stop here, far from overflow


class CurriculumStats(TypedDict):
    """One epoch's draw in plain numbers.

    `peak_bin` is the bin with the largest share (0-based), `effective_bins` exp of the shares' entropy, `unique_share`
    the different samples over the samples drawn, `repeats` the samples drawn again, `planned` the unrounded count and
    `drawn` the count of each bin, easiest first, `bin_means` their mean scores. `moved` is how many samples the last
    re-ranking took from each bin (row) to each bin (column); absent before the first.
    """

    epoch: float
    num_drawn: float
    peak_bin: float
    effective_bins: float
    unique_share: float
    repeats: float
    planned: list[float]
    drawn: list[float]
    bin_means: list[float]
    moved: NotRequired[list[list[int]]]


class CurriculumState:
    """Scores and bins of N source samples, and the draw of each epoch.

    The draw depends on the seed, the epoch, the scores and the config alone: every process that holds the same scores
    draws the same list. All tensors live on the CPU. For 6 million samples it holds 84 MB. Source: paper section 3.1.2
    as METHOD.md section 2 reads it.

    Args:
        score_vae: (N,) pose complexity of Eq. 2, finite and not negative; zeros will do for kind ``none``.
        config: The kind and its options.
        epochs: Epochs of the whole training, warm-up included.
        seed: Seeds the draws.

    Attributes:
        score_vae: (N,) float32, the Pose-VAE's score.
        score: (N,) float64, the score that the bins are sorted by.
        bin_of: (N,) int16 (int32 for more than 32,767 bins), each sample's bin, 0 the easiest.
        bin_means: (N_b,) float64, s_j.
        n_bins: N_b; at most N for kind ``none``.
        moved: (N_b, N_b) int64, samples that the last `update` took from each bin (row) to each bin; None before.

    Raises:
        UserError: Fewer samples than bins, or scores that are not finite.
        ValueError: `score_vae` is not a vector, or `epochs` is not positive.
    """

    def __init__(self, score_vae: Tensor, config: CurriculumConfig, epochs: int, seed: int = 0) -> None:
        if score_vae.ndim != 1 or epochs < 1:
            raise ValueError(f"expected scores (N,) and epochs >= 1, got {tuple(score_vae.shape)} and {epochs}")
        if not bool(torch.isfinite(score_vae).all() & (score_vae >= 0).all()):
            raise UserError("the curriculum's scores have NaN, infinite or negative values; score the poses again.")
        self.config = config
        self.epochs = epochs
        self.seed = seed
        self.n_bins = min(config.n_bins, len(score_vae)) if config.kind == "none" else config.n_bins
        if not 1 <= self.n_bins <= len(score_vae):
            raise UserError(f"curriculum.n_bins is {config.n_bins} but there are {len(score_vae)} samples; lower it.")
        self.score_vae = score_vae.detach().cpu().float().clone()
        unseen = KINDS[config.kind].unseen
        self.score = self.score_vae.double() if unseen is None else unseen(self.score_vae.double())
        self._last_length = len(score_vae)
        self._warned = False
        self.moved: Tensor | None = None
        self._sort()

    def __len__(self) -> int:
        return len(self.score)

    def _sort(self) -> None:
        bin_of = assign_bins(self.score, self.n_bins)[1]
        self.bin_means = bin_means(self.score, bin_of, self.n_bins)
        self.bin_of = bin_of.to(torch.int16 if self.n_bins <= torch.iinfo(torch.int16).max else torch.int32)

    def shares(self, epoch: int) -> Tensor:
        """Return p_j, the unnormalised share of each bin in an epoch (0-based), (N_b,) float64."""
        return KINDS[self.config.kind].plan(self.config, self.bin_means, epoch, self.epochs)

    def counts(self, epoch: int, num_samples: int) -> Tensor:
        """Return how many samples each bin gives, (N_b,) int64, summing to `num_samples` unless ``exact``."""
        p = self.shares(epoch)
        if self.config.exact:
            return exact_counts(p, bin_sizes(len(self), self.n_bins))
        return proportional_counts(p, num_samples)

    def draw(self, epoch: int, num_samples: int) -> Tensor:
        """Draw an epoch's samples; warns once when an epoch has to repeat samples.

        Args:
            epoch: 0-based.
            num_samples: Samples of the epoch; not used where ``exact``.

        Returns:
            (num_samples,) int64 indices in random order.
        """
        self._last_length = num_samples
        counts = self.counts(epoch, num_samples)
        self._warn_repeats(epoch, counts)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        return draw_counts(self.bin_of, counts, generator)

    def grow(self, score_vae: Tensor) -> None:
        """Take new samples in, after those there are, and bin again; they count as not seen yet.

        Args:
            score_vae: (M,) pose complexity of Eq. 2 of the new ones.
        """
        new = CurriculumState(torch.cat([self.score_vae, score_vae.detach().cpu().float()]), self.config, self.epochs)
        new.score[: len(self)] = self.score
        self.score_vae, self.score = new.score_vae, new.score
        self._sort()

    def update(self, total: Tensor, count: Tensor) -> None:
        """Take an epoch's confidences, gathered over all processes: rescore, sort and bin again.

        Samples not seen (count 0, or a total that is not finite) keep their last score. Does nothing for kinds whose
        scores never change. Source: Eq. 4; Kumar et al. 2010 for ``self_paced``.

        Args:
            total: (N,), the sum of each sample's mean heatmap peak over the times it was seen.
            count: (N,), how many times it was seen.

        Raises:
            ValueError: A shape is not (N,).
        """
        if total.shape != self.score.shape or count.shape != self.score.shape:
            raise ValueError(f"expected ({len(self)},) twice, got {tuple(total.shape)} and {tuple(count.shape)}")
        rescore = KINDS[self.config.kind].rescore
        if rescore is None:
            return
        total, count = total.detach().cpu(), count.detach().cpu()
        seen = ((count > 0) & torch.isfinite(total)).nonzero().squeeze(-1)
        mean = total[seen].double() / count[seen].double()
        score = rescore(self.config, self.score_vae[seen].double(), self.score[seen], mean)
        self.score[seen] = score.clamp(max=_LARGEST_SCORE)
        before = self.bin_of
        self._sort()
        self.moved = torch.bincount(before * self.n_bins + self.bin_of, minlength=self.n_bins**2).view(self.n_bins, -1)

    def stats(self, epoch: int, num_samples: int | None = None) -> CurriculumStats:
        """Describe an epoch's draw under the present scores; call it before `update` for the epoch that ended.

        Args:
            epoch: 0-based.
            num_samples: Samples of the epoch; None = as many as the last draw (N before any draw).
        """
        p = self.shares(epoch)
        counts = self.counts(epoch, self._last_length if num_samples is None else num_samples)
        sizes = bin_sizes(len(self), self.n_bins)
        length = int(counts.sum())
        repeats = int((counts - sizes).clamp(min=0).sum())
        planned = p * sizes if self.config.exact else p * (length / float(p.sum()))
        stats: CurriculumStats = {
            "epoch": float(epoch),
            "num_drawn": float(length),
            "peak_bin": float(p.argmax()),
            "effective_bins": effective_bins(p),
            "unique_share": (length - repeats) / max(length, 1),
            "repeats": float(repeats),
            "planned": planned.tolist(),
            "drawn": counts.double().tolist(),
            "bin_means": self.bin_means.tolist(),
        }
        if self.moved is not None:
            stats["moved"] = self.moved.tolist()
        return stats

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain numbers that `load_state_dict` takes back (loads with ``weights_only=True``)."""
        state = {"score_vae": self.score_vae.clone(), "score": self.score.clone(), "seed": self.seed}
        return state if self.moved is None else {**state, "moved": self.moved.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore scores and seed, and bin again; draws then equal those of the run that was saved.

        Args:
            state: What `state_dict` returned.

        Raises:
            UserError: The state is of another number of samples.
        """
        if state["score"].shape != self.score.shape:
            raise UserError(
                f"the checkpoint's curriculum has {len(state['score'])} samples, this source has {len(self)}; "
                "resume with the same source data."
            )
        self.score_vae = state["score_vae"].detach().cpu().float().clone()
        self.score = state["score"].detach().cpu().double().clone()
        self.seed = int(state["seed"])
        self.moved = state.get("moved")
        self._sort()

    def _warn_repeats(self, epoch: int, counts: Tensor) -> None:
        repeats = int((counts - bin_sizes(len(self), self.n_bins)).clamp(min=0).sum())
        if repeats and not self._warned:
            self._warned = True
            warnings.warn(
                f"curriculum epoch {epoch} repeats {repeats} of {int(counts.sum())} samples: its bins are too small. "
                "Use more source data, fewer samples per epoch, or a larger curriculum.floor.",
                stacklevel=3,
            )

"""Choosing among the checkpoints of a training by label-free validators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

Record = Mapping[str, float]

# Names of the validators -> +1 where higher is better, -1 where lower is.
VALIDATORS = {
    "agreement": 1,
    "flip": 1,
    "peak": 1,
    "entropy": -1,
    "pose_vae": 1,
    "limbs": 1,
    "snd": 1,
    "source_pck": 1,
}

# The validators whose mean rank chooses a checkpoint: a pair that ranked the epochs of real trainings well by true
# PCK (docs/label_free.md has the table). One asks whether poses are still known at all, one whether predictions follow
# the target's images.
CHOICE = ("source_pck", "flip")
# The validators that say whether an adaptation helped, each with a value for every target image. Two ask whether
# predictions follow the image, two whether they are poses; a network that shows one pose everywhere passes the second
# pair and fails the first. Peak and entropy are left out because self-training raises them by itself, SND because equal
# features maximise it.
BLEND = ("agreement", "flip", "pose_vae", "limbs")


def blend_of_ranks(records: Sequence[Record], names: Sequence[str] = CHOICE) -> list[float]:
    """Mean rank of every epoch among all given, 0 (worst) to 1 (best).

    Args:
        records: values of one epoch each.
        names: validators to blend; those that not all records hold as a number are left out.

    Returns:
        One value an epoch; 0.5 for all where no validator can be used or there is one epoch only.
    """
    columns = [[float(r.get(name, np.nan)) for r in records] for name in names]
    signed = [VALIDATORS[n] * np.asarray(c) for n, c in zip(names, columns, strict=True) if np.isfinite(c).all()]
    if not signed or len(records) < 2:
        return [0.5] * len(records)
    ranks = [(rankdata(column) - 1) / (len(records) - 1) for column in signed]
    return [float(value) for value in np.mean(ranks, axis=0)]


def chosen_epochs(records: Sequence[Record], names: Sequence[str] | None = None) -> list[int]:
    """For every epoch the epoch that was kept as the best when it ended.

    An epoch takes the place of the kept one where its blend, ranked among all epochs so far, is higher. This needs
    no other checkpoint than the kept one, and a resumed run makes the choice again from the log alone.

    Args:
        records: one epoch each, in order, with key ``epoch``.
        names: see `blend_of_ranks`; None = `CHOICE`, or `BLEND` where the training has neither of the two.
    """
    if names is None:
        names = CHOICE if any(name in record for record in records[:1] for name in CHOICE) else BLEND
    kept, out = 0, []
    for last in range(len(records)):
        blend = blend_of_ranks(records[: last + 1], names)
        if blend[last] > blend[kept]:
            kept = last
        out.append(int(records[kept]["epoch"]))
    return out

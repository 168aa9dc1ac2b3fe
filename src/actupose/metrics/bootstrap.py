"""How far a difference between two models could be the test images' doing: the paired bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 95.0  # percent of the draws that an interval holds
_DRAWS = 2000
_BATCH = 100  # draws in memory at a time


@dataclass(frozen=True)
class Difference:
    """A mean difference and how it spreads when the images are drawn anew.

    Attributes:
        value: of the images as they are; NaN without one.
        error: its standard error, the standard deviation over the draws; NaN for fewer than two images.
        low: lower end of the interval that holds the middle 95 % of the draws.
        high: its upper end.
        images: how many count.
    """

    value: float
    error: float
    low: float
    high: float
    images: int


def paired_difference(gain: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> Difference:
    """Mean difference of two models on the same images, which are drawn anew with replacement.

    2000 draws of a fixed seed; both models see the same images in each draw, so what makes an image hard for both falls
    out. It tells how far the images could mislead, not what another training would change. Source: Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13; `scipy.stats.bootstrap` draws.

    Args:
        gain: (N,) what the second model has more than the first on each image, e.g. keypoints that are right; an image
            with NaN does not count.
        weight: (N,) what an image counts, e.g. its labelled keypoints: the value is the sum of gains over the sum of
            weights. An image with 0 does not count. None = 1 each.

    Returns:
        The difference; its interval is (0, 0) without an image.
    """
    weight = np.ones(len(gain)) if weight is None else weight
    kept = np.isfinite(gain) & (weight > 0)
    parts = (gain[kept].astype(np.float64), weight[kept].astype(np.float64))
    count = int(kept.sum())
    if count < 2:
        value = float(_pooled(*parts)) if count else math.nan
        return Difference(value, math.nan, *((value, value) if count else (0.0, 0.0)), count)
    drawn = stats.bootstrap(
        parts,
        _pooled,
        paired=True,
        vectorized=True,
        n_resamples=_DRAWS,
        batch=_BATCH,
        confidence_level=LEVEL / 100,
        method="percentile",
        random_state=np.random.default_rng(0),  # `rng` from SciPy 1.15 on; 1.14 is allowed
    )
    ends = drawn.confidence_interval
    return Difference(float(_pooled(*parts)), float(drawn.standard_error), float(ends.low), float(ends.high), count)


def _pooled(gain: NDArray[np.float64], weight: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    return np.asarray(gain.sum(axis) / weight.sum(axis))

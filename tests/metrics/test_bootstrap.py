"""The paired bootstrap against what is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from actupose.metrics import paired_difference

RNG = np.random.default_rng(3)


def test_the_error_of_a_mean_difference_is_the_deviation_over_the_root_of_n() -> None:
    gain = RNG.normal(2.0, 3.0, 800)
    found = paired_difference(gain)
    assert found.value == pytest.approx(gain.mean())
    assert found.error == pytest.approx(gain.std() / math.sqrt(800), rel=0.05)
    assert (found.low, found.high) == pytest.approx(
        (gain.mean() - 1.96 * found.error, gain.mean() + 1.96 * found.error), abs=0.2 * found.error
    )


def test_weights_make_it_a_ratio_of_sums() -> None:
    """The delta method: the deviation of gain - ratio * weight, over the root of n and the mean weight."""
    weight = RNG.integers(1, 13, 1000).astype(np.float64)
    gain = 0.3 * weight + RNG.normal(0, 2.0, 1000)
    ratio = gain.sum() / weight.sum()
    found = paired_difference(gain, weight)
    assert found.value == pytest.approx(ratio)
    wanted = (gain - ratio * weight).std() / math.sqrt(1000) / weight.mean()
    assert found.error == pytest.approx(wanted, rel=0.06)


def test_what_makes_an_image_hard_for_both_falls_out() -> None:
    hard = RNG.normal(50, 30, 400)
    before, after = hard + RNG.normal(0, 1, 400), hard + 1 + RNG.normal(0, 1, 400)
    assert paired_difference(after - before).error < 0.1 < paired_difference(after).error


def test_images_that_say_nothing_do_not_count() -> None:
    gain = RNG.normal(0, 1, 50)
    padded, weight = np.append(gain, [np.nan, 90.0]), np.append(np.ones(51), 0.0)
    assert paired_difference(padded, weight) == paired_difference(gain)
    one = paired_difference(np.array([4.0]))
    assert (one.value, one.low, one.high, one.images) == (4.0, 4.0, 4.0, 1)
    assert math.isnan(one.error)
    assert math.isnan(paired_difference(np.zeros(0)).value)

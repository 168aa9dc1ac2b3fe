"""Calibrated confidence against slow loops and another optimiser, and what it must keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from actupose.metrics import Calibration, PeakHits, calibration_error, fit_calibration
from actupose.metrics.calibration import CalibrationKind

RNG = np.random.default_rng(0)


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Peaks, some of them equal, and hits whose probability is the square of the peak."""
    peaks = RNG.uniform(0, 1, n).round(2)
    return peaks, (RNG.uniform(0, 1, n) < peaks**2).astype(float)


def pool_adjacent_violators(peaks: np.ndarray, right: np.ndarray) -> dict[float, float]:
    """Peak -> level, by merging neighbours that fall until none does."""
    blocks = [[[p], list(right[peaks == p])] for p in np.unique(peaks)]
    while True:
        means = [sum(hits) / len(hits) for _, hits in blocks]
        fall = next((i for i in range(len(blocks) - 1) if means[i] > means[i + 1]), None)
        if fall is None:
            return {p: mean for (ps, _), mean in zip(blocks, means, strict=True) for p in ps}
        (pa, ha), (pb, hb) = blocks[fall : fall + 2]
        blocks[fall : fall + 2] = [[pa + pb, ha + hb]]


def test_isotonic_is_pool_adjacent_violators() -> None:
    peaks, right = sample(400)
    found = fit_calibration(peaks, right)
    assert found is not None
    assert found.fitted_on == 400
    for peak, level in pool_adjacent_violators(peaks, right).items():
        assert float(found(np.array(peak))) == pytest.approx(level, abs=1e-9)
    assert len(found.peaks) < len(np.unique(peaks))


def test_platt_is_the_logistic_function_of_greatest_likelihood() -> None:
    peaks, right = sample(600)
    count = right.sum()
    goal = np.where(right > 0, (count + 1) / (count + 2), 1 / (600 - count + 2))

    def loss(beta: np.ndarray) -> float:
        z = beta[0] * peaks + beta[1]
        return float((np.logaddexp(0, z) - goal * z).sum())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
    found = fit_calibration(peaks, right, "platt")
    assert found is not None
    asked = np.linspace(0.05, 0.95, 7)
    np.testing.assert_allclose(found(asked), 1 / (1 + np.exp(-(best[0] * asked + best[1]))), atol=2e-3)


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_a_map_rises_stays_in_0_to_1_and_calibrates_what_it_has_not_seen(kind: str) -> None:
    found = fit_calibration(*sample(3000), kind)  # type: ignore[arg-type]
    assert found is not None
    grid = found(np.linspace(-1, 3, 200))
    assert (np.diff(grid) >= 0).all()
    assert 0 <= grid.min() <= grid.max() <= 1
    peaks, right = (torch.from_numpy(v) for v in sample(3000))
    after = calibration_error(torch.from_numpy(found(peaks.numpy())), right)
    assert after < 0.5 * calibration_error(peaks, right)
    held = found.to_dict()
    assert Calibration.from_dict(held) == found


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_peaks_that_part_right_from_wrong_and_equal_peaks_give_finite_maps(kind: str) -> None:
    peaks = np.linspace(0, 1, 100)
    for x, y in ((peaks, (peaks > 0.5).astype(float)), (np.full(100, 0.3), peaks.round()), (peaks, np.zeros(100))):
        found = fit_calibration(x, y, kind)  # type: ignore[arg-type]
        assert found is not None
        assert np.isfinite(found(peaks)).all()
    assert float(found(np.array(0.9))) < 0.05


def test_too_few_keypoints_give_no_map_and_broken_peaks_are_left_out() -> None:
    assert fit_calibration(np.ones(49), np.ones(49)) is None
    peaks, right = sample(60)
    peaks[:20] = np.nan
    assert fit_calibration(peaks, right) is None


def test_calibration_error_by_a_slow_loop() -> None:
    confidence, right = torch.rand(500) * 1.2, (torch.rand(500) > 0.5).float()
    bins: dict[int, list[tuple[float, float]]] = {}
    for c, r in zip(confidence.clamp(0, 1).tolist(), right.tolist(), strict=True):
        bins.setdefault(min(math.ceil(c * 15), 15), []).append((c, r))
    slow = sum(len(b) / 500 * abs(sum(c for c, _ in b) / len(b) - sum(r for _, r in b) / len(b)) for b in bins.values())
    assert calibration_error(confidence, right) == pytest.approx(100 * slow, rel=1e-3)
    assert math.isnan(calibration_error(torch.zeros(0), torch.zeros(0)))
    assert calibration_error(torch.full((9,), 0.8), torch.zeros(9)) == pytest.approx(80, rel=1e-4)


def test_hits_are_those_of_labelled_keypoints() -> None:
    metric = PeakHits()
    target = torch.zeros(2, 3, 2)
    points, visible = target.clone(), torch.tensor([[2, 0, 1], [1, 1, 0]])
    points[0, 2] = 5.0  # of 100 pixels: the threshold is strict
    points[1, 0, 0] = 4.9
    peaks = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    for i in range(2):
        metric.update(peaks[i : i + 1], points[i : i + 1], target[i : i + 1], visible[i : i + 1], 100)
    found, right = metric.compute()
    assert found.tolist() == pytest.approx([0.1, 0.3, 0.4, 0.5])
    assert right.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_the_least_peak_parts_as_the_probabilities_do(kind: CalibrationKind) -> None:
    found = fit_calibration(*sample(300), kind)
    assert found is not None
    peaks = RNG.uniform(-0.1, 1.1, 2000)
    for probability in (0.0, 0.013, 0.31, 0.5, 0.77, 1.0):
        wanted = found(peaks) >= probability
        near = np.abs(found(peaks) - probability) < 1e-9  # on the line itself rounding decides
        assert ((peaks >= found.least_peak(probability)) == wanted)[~near].all()
    assert found.least_peak(0.0) == -math.inf
    assert found.least_peak(1.1) == math.inf

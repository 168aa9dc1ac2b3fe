"""From the height of a heatmap's peak to the probability that its keypoint is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_calibration_error

from actupose.metrics.pck import keypoint_hits

CalibrationKind = Literal["isotonic", "platt"]
_LEAST = 50  # keypoints; fewer say too little about probabilities
_BINS = 15
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Calibration:
    """A rising map from peak height to the probability of being within PCK@0.05.

    Attributes:
        kind: how it was fitted.
        peaks: (P,) rising knots.
        probabilities: (P,) values at the knots, between which the map is linear; beyond them it is level.
        fitted_on: number of keypoints it was fitted on.
    """

    kind: CalibrationKind
    peaks: tuple[float, ...]
    probabilities: tuple[float, ...]
    fitted_on: int

    def __call__(self, peaks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Probabilities of peaks of any shape."""
        return np.asarray(np.interp(peaks, self.peaks, self.probabilities), np.float64)

    def least_peak(self, probability: float) -> float:
        """The lowest peak of at least a probability; infinite where none has it, minus infinity where all have.

        A comparison with it is a comparison of probabilities, because the map rises, and needs no map on the device.
        """
        reached = int(np.searchsorted(self.probabilities, probability))  # the first knot that has it
        if reached == 0:
            return -math.inf
        if reached == len(self.peaks):
            return math.inf
        (x0, x1), (p0, p1) = self.peaks[reached - 1 : reached + 1], self.probabilities[reached - 1 : reached + 1]
        return x0 + (x1 - x0) * (probability - p0) / (p1 - p0)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `Calibration.from_dict` reads back; safe in a checkpoint."""
        return {
            "kind": self.kind,
            "peaks": list(self.peaks),
            "probabilities": list(self.probabilities),
            "fitted_on": self.fitted_on,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Build from plain data."""
        peaks, probabilities = (tuple(float(v) for v in data[key]) for key in ("peaks", "probabilities"))
        return cls(data["kind"], peaks, probabilities, int(data["fitted_on"]))


def fit_calibration(
    peaks: NDArray[np.floating[Any]], right: NDArray[np.floating[Any]], kind: CalibrationKind = "isotonic"
) -> Calibration | None:
    """Fit probabilities to what was right.

    Isotonic: the rising function of least squares (pool adjacent violators). Platt: a logistic function of the peak by
    maximum likelihood, for few keypoints.

    Args:
        peaks: (N,) heights; those that are not finite are left out.
        right: (N,) 1 where the keypoint was within PCK@0.05, else 0.
        kind: which of the two.

    Returns:
        The map; None for fewer than 50 keypoints.
    """
    finite = np.isfinite(peaks)
    x, y = np.asarray(peaks, np.float64)[finite], np.asarray(right, np.float64)[finite]
    if len(x) < _LEAST:
        return None
    knots, values = _isotonic(x, y) if kind == "isotonic" else _platt(x, y)
    return Calibration(kind, tuple(knots.tolist()), tuple(values.tolist()), len(x))


def _isotonic(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots at both ends of every level stretch."""
    distinct, place, count = np.unique(x, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=y) / count
    level = np.asarray(isotonic_regression(mean, weights=count).x).clip(0, 1)
    step = np.diff(level) > 0
    ends = np.concatenate([[True], step]) | np.concatenate([step, [True]])
    return distinct[ends], level[ends]


def _platt(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Newton's method on sigmoid(a x + b), drawn as a polygon over the peaks seen.

    Platt's targets, not quite 0 and 1, keep the slope finite where the peaks part right from wrong.
    """
    count = y.sum()
    goal = np.where(y > 0, (count + 1) / (count + 2), 1 / (len(y) - count + 2))
    design = np.stack([x, np.ones_like(x)], 1)
    beta = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-design @ beta))
        curvature = (design.T * (p * (1 - p))) @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (goal - p))
        beta += step.clip(-5, 5)
        if np.abs(step).max() < 1e-9:
            break
    knots = np.linspace(x.min(), max(x.max(), x.min() + 1e-6), 64)
    return knots, 1 / (1 + np.exp(-(max(beta[0], 0.0) * knots + beta[1])))


class PeakHits(Metric):
    """Peaks of labelled keypoints and whether they were right: what a calibration is fitted to and judged by."""

    full_state_update = False
    peaks: list[Tensor]
    right: list[Tensor]

    def __init__(self, threshold: float = 0.05) -> None:
        super().__init__()
        self.threshold = threshold
        self.add_state("peaks", [], dist_reduce_fx="cat")
        self.add_state("right", [], dist_reduce_fx="cat")

    def update(self, peaks: Tensor, points: Tensor, target: Tensor, visible: Tensor, image_size: float) -> None:
        """Take a batch.

        Args:
            peaks: (B, K) heights.
            points: (B, K, 2) predictions in image pixels.
            target: (B, K, 2) labels in image pixels.
            visible: (B, K), above 0 where the label counts.
            image_size: side of the image in pixels.
        """
        right, scored = keypoint_hits(points, target, visible, image_size, self.threshold)
        self.peaks.append(peaks[scored > 0].float())
        self.right.append(right[scored > 0])

    def compute(self) -> tuple[Tensor, Tensor]:
        """(N,) peaks and (N,) 1 where right, else 0; on the CPU."""
        if not len(self.peaks):
            return torch.zeros(0), torch.zeros(0)
        # Reduced over processes the states are tensors, else lists of them.
        parts = [torch.cat(list(s)) if isinstance(s, list) else s for s in (self.peaks, self.right)]
        return parts[0].cpu(), parts[1].cpu()


def calibration_error(confidence: Tensor, right: Tensor) -> float:
    """Expected calibration error in percent: |confidence - share right|, averaged over 15 bins by their count.

    Args:
        confidence: (N,), clipped to 0..1.
        right: (N,) 1 where right, else 0.

    Returns:
        0 to 100; NaN without keypoints.
    """
    if not len(confidence):
        return float("nan")
    clipped = confidence.float().clamp(0, 1)
    return 100 * float(binary_calibration_error(clipped, right.long(), n_bins=_BINS, norm="l1"))

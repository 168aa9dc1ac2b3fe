"""Metrics: PCK in two protocols and per bin, EvalPose score, per-sample confidence, label-free validators."""

from actupose.metrics.bootstrap import Difference, paired_difference
from actupose.metrics.calibration import Calibration, CalibrationKind, PeakHits, calibration_error, fit_calibration
from actupose.metrics.choice import BLEND, CHOICE, VALIDATORS, blend_of_ranks, chosen_epochs
from actupose.metrics.confidence import SampleConfidence
from actupose.metrics.evalpose import EvalPoseScore
from actupose.metrics.label_free import (
    Agreement,
    HeatmapEntropy,
    HeatmapPeak,
    LimbPlausibility,
    PoseVAEPlausibility,
    SoftNeighborhoodDensity,
)
from actupose.metrics.pck import PCK
from actupose.metrics.per_bin import PerBinPCK
from actupose.metrics.predictions import KeptPredictions

__all__ = [
    "BLEND",
    "CHOICE",
    "PCK",
    "VALIDATORS",
    "Agreement",
    "Calibration",
    "CalibrationKind",
    "Difference",
    "EvalPoseScore",
    "HeatmapEntropy",
    "HeatmapPeak",
    "KeptPredictions",
    "LimbPlausibility",
    "PeakHits",
    "PerBinPCK",
    "PoseVAEPlausibility",
    "SampleConfidence",
    "SoftNeighborhoodDensity",
    "blend_of_ranks",
    "calibration_error",
    "chosen_epochs",
    "fit_calibration",
    "paired_difference",
]

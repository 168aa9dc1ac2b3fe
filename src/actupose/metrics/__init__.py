"""Metrics: PCK in both protocols, per bin, the EvalPose score, and per-sample confidence."""

from actupose.metrics.confidence import SampleConfidence
from actupose.metrics.evalpose import EvalPoseScore
from actupose.metrics.pck import PCK
from actupose.metrics.per_bin import PerBinPCK

__all__ = ["PCK", "EvalPoseScore", "PerBinPCK", "SampleConfidence"]

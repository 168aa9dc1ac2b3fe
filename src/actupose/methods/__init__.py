"""Methods: thin LightningModules that state their losses; adding one is one file and one config."""

from actupose.methods.actupose import ACTUPose
from actupose.methods.base import PoseMethod
from actupose.methods.config import (
    AlignmentConfig,
    GatingConfig,
    LossWeights,
    ScheduleConfig,
    SGDConfig,
    SkeletonLossConfig,
    TeacherConfig,
)
from actupose.methods.hkfa import HKFA
from actupose.methods.regda import RegDA
from actupose.methods.source_only import Oracle, SourceOnly
from actupose.methods.udape import UDAPE

METHODS: dict[str, type[PoseMethod]] = {
    "source_only": SourceOnly,
    "oracle": Oracle,
    "udape": UDAPE,
    "actupose": ACTUPose,
    "regda": RegDA,
    "hkfa": HKFA,
}

__all__ = [
    "HKFA",
    "METHODS",
    "UDAPE",
    "ACTUPose",
    "AlignmentConfig",
    "GatingConfig",
    "LossWeights",
    "Oracle",
    "PoseMethod",
    "RegDA",
    "SGDConfig",
    "ScheduleConfig",
    "SkeletonLossConfig",
    "SourceOnly",
    "TeacherConfig",
]

"""Methods: thin LightningModules that state their losses; adding one is one file and one config."""

from actupose.methods.actupose import ACTUPose
from actupose.methods.base import PoseMethod
from actupose.methods.config import LossWeights, ScheduleConfig, SkeletonLossConfig, TeacherConfig
from actupose.methods.source_only import Oracle, SourceOnly
from actupose.methods.udape import UDAPE

METHODS: dict[str, type[PoseMethod]] = {
    "source_only": SourceOnly,
    "oracle": Oracle,
    "udape": UDAPE,
    "actupose": ACTUPose,
}

__all__ = [
    "METHODS",
    "UDAPE",
    "ACTUPose",
    "LossWeights",
    "Oracle",
    "PoseMethod",
    "ScheduleConfig",
    "SkeletonLossConfig",
    "SourceOnly",
    "TeacherConfig",
]

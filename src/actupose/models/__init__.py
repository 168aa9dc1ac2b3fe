"""Networks: backbones, heads, the pose network, its mean teacher, and style transfer; plain modules."""

from actupose.models.backbones import build_backbone
from actupose.models.gradient import scale_gradient
from actupose.models.heads import build_head, regressor
from actupose.models.pose_net import NetConfig, PoseNet, PoseOutput
from actupose.models.style import FourierStyle, StyleConfig, build_style
from actupose.models.teacher import MeanTeacher

__all__ = [
    "FourierStyle",
    "MeanTeacher",
    "NetConfig",
    "PoseNet",
    "PoseOutput",
    "StyleConfig",
    "build_backbone",
    "build_head",
    "build_style",
    "regressor",
    "scale_gradient",
]

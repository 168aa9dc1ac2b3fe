"""Networks: backbones, heads, the pose network, its mean teacher, and style transfer; plain modules."""

from actupose.models.adain import AdaINStyle, StyleDecoder, StyleEncoder, style_losses
from actupose.models.backbones import build_backbone
from actupose.models.decoder_file import load_style, save_decoder
from actupose.models.discriminator import DomainDiscriminator
from actupose.models.gradient import scale_gradient
from actupose.models.heads import build_head, regressor
from actupose.models.pose_net import NetConfig, PoseNet, PoseOutput
from actupose.models.style import FourierStyle, StyleConfig, StyleDraw, StyleTransfer, build_style
from actupose.models.teacher import MeanTeacher

__all__ = [
    "AdaINStyle",
    "DomainDiscriminator",
    "FourierStyle",
    "MeanTeacher",
    "NetConfig",
    "PoseNet",
    "PoseOutput",
    "StyleConfig",
    "StyleDecoder",
    "StyleDraw",
    "StyleEncoder",
    "StyleTransfer",
    "build_backbone",
    "build_head",
    "build_style",
    "load_style",
    "regressor",
    "save_decoder",
    "scale_gradient",
    "style_losses",
]

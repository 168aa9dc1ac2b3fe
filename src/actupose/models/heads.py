"""Heads: from feature maps to heatmaps at a quarter of the image side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

HeadKind = Literal["deconv", "fpn"]
_INIT_STD = 0.001


def build_head(kind: HeadKind, channels: Sequence[int], num_keypoints: int, width: int) -> nn.Module:
    """A head over feature maps of strides 4, 8, 16, 32.

    Args:
        kind: ``deconv`` (SimpleBaseline) or ``fpn`` (light, for small networks and CPUs).
        channels: channels of the four maps, finest first.
        num_keypoints: K.
        width: channels inside the head; 256 for SimpleBaseline.
    """
    if kind == "deconv":
        return DeconvHead(channels[-1], num_keypoints, width)
    return FPNHead(channels, num_keypoints, width)


def _final_conv(width: int, num_keypoints: int) -> nn.Conv2d:
    conv = nn.Conv2d(width, num_keypoints, 1)
    nn.init.normal_(conv.weight, std=_INIT_STD)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class DeconvHead(nn.Module):
    """SimpleBaseline (Xiao et al. 2018): three deconvolutions of kernel 4, then a 1x1 convolution, from stride 32.

    Weights start from N(0, 0.001), as METHOD section 4 says.

    Args:
        in_channels: channels of the stride-32 map.
        num_keypoints: K.
        width: channels of the deconvolutions.
    """

    def __init__(self, in_channels: int, num_keypoints: int, width: int = 256) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(3):
            deconv = nn.ConvTranspose2d(in_channels if i == 0 else width, width, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(deconv.weight, std=_INIT_STD)
            layers += [deconv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.upsample = nn.Sequential(*layers)
        self.final = _final_conv(width, num_keypoints)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, K, S/4, S/4)."""
        heatmaps: Tensor = self.final(self.upsample(features[-1]))
        return heatmaps


class FPNHead(nn.Module):
    """A light feature pyramid: 1x1 laterals, bilinear upsampling, one depthwise 3x3 a level; ours.

    On small networks it trains 1.5 to 2 times faster than three wide deconvolutions.

    Args:
        channels: channels of the four maps, finest first.
        num_keypoints: K.
        width: channels of the pyramid.
    """

    def __init__(self, channels: Sequence[int], num_keypoints: int, width: int = 96) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        self.smooth = nn.ModuleList(self._smooth(width) for _ in channels)
        self.final = _final_conv(width, num_keypoints)

    @staticmethod
    def _smooth(width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, K, S/4, S/4)."""
        levels = list(zip(features, self.lateral, self.smooth, strict=True))
        coarsest, lateral, smooth = levels[-1]
        x = smooth(lateral(coarsest))
        for feature, lateral, smooth in reversed(levels[:-1]):
            up = F.interpolate(x, size=feature.shape[-2:], mode="bilinear", align_corners=False)
            x = smooth(up + lateral(feature))
        heatmaps: Tensor = self.final(x)
        return heatmaps

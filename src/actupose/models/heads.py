"""Heads: from feature maps to heatmaps at a quarter of the image side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

HeadKind = Literal["deconv", "fpn"]
_INIT_STD = 0.001


class Head(nn.Module):
    """From feature maps to heatmaps: a map of the same resolution, and the regressor ``final`` on it."""

    final: nn.Module

    def map(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, width, S/4, S/4)."""
        raise NotImplementedError

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, K, S/4, S/4)."""
        heatmaps: Tensor = self.final(self.map(features))
        return heatmaps


def build_head(kind: HeadKind, channels: Sequence[int], num_keypoints: int, width: int, final_layers: int = 1) -> Head:
    """A head over feature maps of strides 4, 8, 16, 32.

    Args:
        kind: ``deconv`` (SimpleBaseline) or ``fpn`` (light, for small networks and CPUs).
        channels: channels of the four maps, finest first.
        num_keypoints: K.
        width: channels inside the head; 256 for SimpleBaseline.
        final_layers: convolutions of the regressor, see `regressor`.
    """
    if kind == "deconv":
        return DeconvHead(channels[-1], num_keypoints, width, final_layers)
    return FPNHead(channels, num_keypoints, width, final_layers)


def regressor(width: int, num_keypoints: int, layers: int = 1) -> nn.Module:
    """The last layers of a head: a 1x1 convolution, with 3x3 convolution, BatchNorm and ReLU before it.

    Convolutions start from N(0, 0.001) with bias 0.

    Args:
        width: channels in.
        num_keypoints: K, channels out.
        layers: convolutions; 1 in SimpleBaseline, 2 in RegDA (METHOD section 5).
    """
    hidden: list[nn.Module] = []
    for _ in range(layers - 1):
        hidden += [_small(nn.Conv2d(width, width, 3, padding=1)), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    last = _small(nn.Conv2d(width, num_keypoints, 1))
    return nn.Sequential(*hidden, last) if hidden else last


def _small(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.normal_(conv.weight, std=_INIT_STD)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class DeconvHead(Head):
    """SimpleBaseline (Xiao et al. 2018): three deconvolutions of kernel 4, then a 1x1 convolution, from stride 32.

    Weights start from N(0, 0.001), as METHOD section 4 says.

    Args:
        in_channels: channels of the stride-32 map.
        num_keypoints: K.
        width: channels of the deconvolutions.
        final_layers: convolutions of the regressor.
    """

    def __init__(self, in_channels: int, num_keypoints: int, width: int = 256, final_layers: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(3):
            deconv = nn.ConvTranspose2d(in_channels if i == 0 else width, width, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(deconv.weight, std=_INIT_STD)
            layers += [deconv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.upsample = nn.Sequential(*layers)
        self.final = regressor(width, num_keypoints, final_layers)

    def map(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, width, S/4, S/4)."""
        upsampled: Tensor = self.upsample(features[-1])
        return upsampled


class FPNHead(Head):
    """A light feature pyramid: 1x1 laterals, bilinear upsampling, one depthwise 3x3 a level; ours.

    On small networks it trains 1.5 to 2 times faster than three wide deconvolutions.

    Args:
        channels: channels of the four maps, finest first.
        num_keypoints: K.
        width: channels of the pyramid.
        final_layers: convolutions of the regressor.
    """

    def __init__(self, channels: Sequence[int], num_keypoints: int, width: int = 96, final_layers: int = 1) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        self.smooth = nn.ModuleList(self._smooth(width) for _ in channels)
        self.final = regressor(width, num_keypoints, final_layers)

    @staticmethod
    def _smooth(width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def map(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> (B, width, S/4, S/4)."""
        levels = list(zip(features, self.lateral, self.smooth, strict=True))
        coarsest, lateral, smooth = levels[-1]
        x: Tensor = smooth(lateral(coarsest))
        for feature, lateral, smooth in reversed(levels[:-1]):
            up = F.interpolate(x, size=feature.shape[-2:], mode="bilinear", align_corners=False)
            x = smooth(up + lateral(feature))
        return x

"""The pose network: normalise, backbone, head."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from actupose.codecs import subpixel, to_image
from actupose.models.backbones import Weights, build_backbone
from actupose.models.heads import HeadKind, build_head

STRIDE = 4
SIGMA_AT_64 = 2.0  # of the label Gaussians on heatmaps of side 64


@dataclass(frozen=True)
class NetConfig:
    """Which network; the defaults are the paper's.

    Attributes:
        backbone: any timm name with feature maps at strides 4 to 32.
        weights: ``imagenet`` or ``random``.
        head: ``deconv`` (SimpleBaseline) or ``fpn`` (light).
        width: channels inside the head.
        final_layers: convolutions of the head's last part, see `regressor`; RegDA sets 2.
        output: ``linear`` (trained towards Gaussians of peak 1) or ``softmax`` (trained as a distribution over pixels);
            RegDA sets the second.
    """

    backbone: str = "resnet101"
    weights: Weights = "imagenet"
    head: HeadKind = "deconv"
    width: int = 256
    final_layers: int = 1
    output: Literal["linear", "softmax"] = "linear"


class PoseOutput(NamedTuple):
    """What the network gives.

    Attributes:
        heatmaps: (B, K, S/4, S/4), trained towards Gaussians of peak 1.
        feature: (B, C), globally pooled last backbone map (the f of Eq. 6).
        map: (B, width, S/4, S/4), the head's map before its last part.
        raw: (B, K, S/4, S/4), what the last layer gives: the heatmaps, or with ``softmax`` the logits over pixels.
    """

    heatmaps: Tensor
    feature: Tensor
    map: Tensor
    raw: Tensor


def softmax_heatmaps(logits: Tensor) -> Tensor:
    """Distributions over pixels, scaled so that one as sharp as a label's Gaussian peaks at 1; ours.

    So decoding, confidence and curriculum read them as they read heatmaps trained towards Gaussians.

    Args:
        logits: (B, K, H, W).
    """
    sigma = SIGMA_AT_64 * logits.shape[-1] / 64
    return logits.flatten(2).softmax(-1).reshape(logits.shape) * (2 * math.pi * sigma**2)


class PoseNet(nn.Module):
    """Images in [0, 1] to heatmaps; the normalisation of the weights is inside.

    Args:
        config: which network.
        num_keypoints: K.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetConfig, num_keypoints: int) -> None:
        super().__init__()
        backbone = build_backbone(config.backbone, config.weights)
        self.backbone = backbone.net
        self.num_features = backbone.channels[-1]  # C of the pooled feature
        self.head = build_head(config.head, backbone.channels, num_keypoints, config.width, config.final_layers)
        self.softmax = config.output == "softmax"
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)
        # Convolutions are faster in this layout: measured 1.7 times for training EfficientNet-Lite0 on a CPU core.
        self.to(memory_format=torch.channels_last)
        self._compiled: Callable[[Tensor], PoseOutput] | None = None

    def compile_training(self, **options: Any) -> None:  # noqa: ANN401 - arguments of torch.compile
        """Compile what runs in train mode; evaluation, whose batches differ in size, runs as it is.

        Args:
            **options: of `torch.compile`.
        """
        self._compiled = torch.compile(self._run, **options)

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) in [0, 1] -> heatmaps, features and what they came from."""
        run = self._compiled if self.training and self._compiled is not None else self._run
        return run(images)

    def _run(self, images: Tensor) -> PoseOutput:
        x = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        features = self.backbone(x)[-4:]
        head_map = self.head.map(features)
        raw: Tensor = self.head.final(head_map)
        return PoseOutput(softmax_heatmaps(raw) if self.softmax else raw, features[-1].mean((2, 3)), head_map, raw)

    @torch.no_grad()
    def locate(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints of images.

        Args:
            images: (B, 3, S, S) in [0, 1].

        Returns:
            (B, K, 2) image pixels, sub-pixel decoded, and (B, K) peak heights.
        """
        points, peaks = subpixel(self(images).heatmaps.float())
        return to_image(points, STRIDE), peaks

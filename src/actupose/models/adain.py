"""AdaIN style transfer (Huang & Belongie 2017): a fixed encoder, feature statistics, a trained decoder."""

from __future__ import annotations

import hashlib
import itertools
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from actupose.errors import UserError
from actupose.geometry import at_least_float32
from actupose.models.backbones import lite0_stages

EncoderName = Literal["vgg19", "lite0"]
ENCODERS: tuple[str, ...] = get_args(EncoderName)
_EPS = 1e-5
_RELUS = (2, 7, 12, 21)  # relu1_1, relu2_1, relu3_1, relu4_1 are the last layers of these slices of VGG-19
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Design(NamedTuple):
    """Which map of an encoder is transferred, its channels, and the decoder's layers: one tuple a resolution."""

    content: int
    channels: int
    layers: tuple[tuple[int, ...], ...]


_DESIGNS = {
    "vgg19": _Design(3, 512, ((256,), (256, 256, 256, 128), (128, 64), (64,))),
    "lite0": _Design(0, 32, ((48, 24), (16,))),
}


def channel_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of each image.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, 1, 1) twice, in float32 or better; 1e-5 is added to the (biased) variance.
    """
    variance, mean = torch.var_mean(at_least_float32(features), (2, 3), correction=0, keepdim=True)
    return mean, (variance + _EPS).sqrt()


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Content features with the channel statistics of the style features (Eq. 8 of Huang & Belongie).

    Args:
        content: (B, C, H, W).
        style: (B, C, h, w).

    Returns:
        (B, C, H, W).
    """
    mean, std = channel_statistics(content)
    style_mean, style_std = channel_statistics(style)
    return style_std * (at_least_float32(content) - mean) / std + style_mean


class StyleEncoder(nn.Module):
    """A network that is never trained: images in [0, 1] to feature maps, finest first.

    Args:
        name: ``vgg19``: relu1_1 to relu4_1 of torchvision's VGG-19 with reflected borders, of which the last is
            transferred, as Huang & Belongie; or ``lite0``: maps of strides 2, 4 and 8 of EfficientNet-Lite0, whose
            weights are installed. Of these the first is transferred: the deeper ones hold too little of the picture
            to be inverted (ours).

    Raises:
        UserError: an unknown name, or weights that cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in ENCODERS:
            raise UserError(f"style encoder '{name}' is unknown; choose one of {', '.join(ENCODERS)}.")
        self.name = name
        stages, (mean, std) = _vgg19() if name == "vgg19" else lite0_stages()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).train()

    def train(self, mode: bool = True) -> StyleEncoder:  # noqa: ARG002 - always in evaluation mode
        """Stay in evaluation mode: the statistics of BatchNorm are part of the encoder."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1] -> feature maps, finest first."""
        return self._maps(images, len(self.stages))

    def content(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> the map that is transferred."""
        return self._maps(images, self.content_index + 1)[-1]

    @property
    def content_index(self) -> int:
        """Which of the maps is transferred."""
        return _DESIGNS[self.name].content

    def _maps(self, images: Tensor, count: int) -> list[Tensor]:
        maps, x = [], (images - self.mean) / self.std
        for stage in self.stages[:count]:
            x = stage(x)
            maps.append(x)
        return maps

    def fingerprint(self) -> str:
        """Hash of the weights: a decoder fits the encoder it was trained with and no other."""
        digest = hashlib.sha256(self.name.encode())
        for value in self.stages.state_dict().values():
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


def _vgg19() -> tuple[list[nn.Module], tuple[tuple[float, ...], tuple[float, ...]]]:
    from torchvision.models import VGG19_Weights, vgg19

    try:
        state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # no network, or a file that is not the published one
        raise UserError(
            f"style encoder 'vgg19': its ImageNet weights cannot be had here ({error}); use the encoder 'lite0' "
            "(its weights are installed)."
        ) from error
    net = vgg19()
    net.load_state_dict(state)
    layers = [_reflected(layer) for layer in net.features[: _RELUS[-1]]]
    bounds = (0, *_RELUS)
    return [nn.Sequential(*layers[a:b]) for a, b in itertools.pairwise(bounds)], _IMAGENET


def _reflected(layer: nn.Module) -> nn.Module:
    """The same layer with reflected borders; a ReLU that leaves its input alone, since the maps are kept."""
    if isinstance(layer, nn.ReLU):
        return nn.ReLU()
    if not isinstance(layer, nn.Conv2d):
        return layer
    conv = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, padding_mode="reflect")
    conv.load_state_dict(layer.state_dict())
    return conv


class StyleDecoder(nn.Module):
    """From an encoder's last map back to images: reflected 3x3 convolutions and nearest upsampling, no normalisation.

    Args:
        encoder: name of the encoder whose maps it reads; its layers mirror that encoder's.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__()
        _, channels, stages = _DESIGNS[encoder]
        layers: list[nn.Module] = []
        for i, stage in enumerate(stages):
            if i:
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1, padding_mode="reflect"), nn.ReLU(inplace=True)]
                channels = width
        layers.append(nn.Conv2d(channels, 3, 3, padding=1, padding_mode="reflect"))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, S/8, S/8), for ``lite0`` (B, C, S/2, S/2) -> (B, 3, S, S), not clamped."""
        images: Tensor = self.layers(features)
        return images


class AdaINStyle(nn.Module):
    """Style transfer by feature statistics, with a strength per image.

    Args:
        encoder: gives the features.
        decoder: trained for this encoder.
    """

    def __init__(self, encoder: StyleEncoder, decoder: StyleDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, content: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Content images in the look of the style images: g((1 - alpha) f(c) + alpha AdaIN(f(c), f(s))).

        Args:
            content: (B, 3, S, S) in [0, 1], S a multiple of 8.
            style: (B, 3, S, S) in [0, 1].
            alpha: (B,) strength; 0 still goes through the decoder.

        Returns:
            (B, 3, S, S), clamped to [0, 1].
        """
        features = self.encoder.content(content)
        wanted = adain(features, self.encoder.content(style))
        mixed = torch.lerp(at_least_float32(features), wanted, alpha.view(-1, 1, 1, 1).to(wanted))
        restyled: Tensor = self.decoder(mixed).clamp(0, 1).to(content.dtype)
        return restyled


def style_losses(encoder: StyleEncoder, decoder: StyleDecoder, content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """What the decoder learns by (Eq. 12 and 13 of Huang & Belongie), at full strength.

    Content: mean squared difference between the features of the restyled image and the features asked for. Style: for
    each map, mean squared difference of channel means plus that of channel standard deviations, summed over the maps.

    Args:
        encoder: gives the features.
        decoder: in training.
        content: (B, 3, S, S) in [0, 1].
        style: (B, 3, S, S) in [0, 1].

    Returns:
        Content loss and style loss, scalars; only the decoder gets a gradient.
    """
    with torch.no_grad():
        style_maps = encoder(style)
        wanted = adain(encoder.content(content), style_maps[encoder.content_index])
    maps = encoder(decoder(wanted))
    content_loss = (at_least_float32(maps[encoder.content_index]) - wanted).square().mean()
    terms = []
    for ours, theirs in zip(maps, style_maps, strict=True):
        pairs = zip(channel_statistics(ours), channel_statistics(theirs), strict=True)
        terms += [(a - b).square().mean() for a, b in pairs]
    return content_loss, torch.stack(terms).sum()


__all__ = [
    "ENCODERS",
    "AdaINStyle",
    "EncoderName",
    "StyleDecoder",
    "StyleEncoder",
    "adain",
    "channel_statistics",
    "style_losses",
]

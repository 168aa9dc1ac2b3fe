"""The batched rooms never make the host wait for the device.

On the meta device no tensor has values, so reading one (`.item()`, a shape that depends on values) raises. With CUDA
PyTorch's own detector also catches copies that block.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache

import pytest
import torch
from torch import nn

from actupose import codecs, geometry, losses, models, views
from actupose.data.image_cache import ImageCache

LIMBS = [(0, 1), (1, 2), (2, 3)]
TRIPLETS = [(0, 1, 2), (1, 2, 3)]


def geometry_calls(device: str) -> None:
    m = geometry.about(torch.zeros(2, device=device), geometry.scaling(torch.rand(2, device=device) + 1))
    m = geometry.compose(m, geometry.flip_horizontal(2, 16, device), geometry.identity(2, device))
    geometry.warp(torch.rand(2, 3, 16, 16, device=device), geometry.to_heatmap_grid(geometry.invert(m), 4), (4, 4))
    points = geometry.warp_points(torch.rand(2, 4, 2, device=device), m)
    geometry.wrap_angle(geometry.triplet_angles(points, TRIPLETS))


def codec_calls(device: str) -> None:
    points, visible = torch.rand(2, 4, 2, device=device), torch.ones(2, 4, device=device)
    heat, _ = codecs.encode(codecs.to_heat(codecs.to_image(points, 4), 4), visible, (16, 16), snap=True)
    codecs.argmax(heat)
    codecs.subpixel(heat)
    codecs.soft_argmax(heat, 15.0)


def loss_calls(device: str) -> None:
    heat = torch.rand(2, 4, 16, 16, device=device, requires_grad=True)
    points, peak = codecs.argmax(heat.detach())
    mask = losses.quantile_mask(peak, among=losses.rising(peak))
    region = torch.ones(2, 1, 16, 16, device=device)
    angles = geometry.triplet_angles(points, TRIPLETS)
    valid = torch.ones(2, 2, device=device)
    dist, ok = losses.pair_distance(angles, valid, angles, valid, 4)
    total = losses.consistency_loss(heat, losses.rectify(heat), mask, region)
    total = total + losses.heatmap_mse(heat, heat.detach(), mask)
    total = total + losses.evalpose_loss(codecs.soft_argmax(heat, 15.0), points, LIMBS, mask)
    total = total + losses.cross_domain_loss(heat.mean(-1).mean(-1), peak, dist, ok, 0.1)[0]
    total = total + losses.heatmap_kl(heat, losses.ground_false(losses.rectify(heat)), mask)
    total = total + alignment_calls(heat, points.new_ones(2, 4))
    total = total + models.scale_gradient(heat, -1.0).mean()
    total.backward()  # type: ignore[no-untyped-call]


def alignment_calls(heat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    features = losses.keypoint_features(heat, heat)
    seen = weight[0] > 0
    count = weight.sum(0)
    known = losses.moved_prototypes(features.detach()[0], seen, features.detach().sum(0), count, 0.9)
    total = losses.weighted_mmd(features, weight, features.flip(0), weight)
    total = total + losses.prototype_nce(features, weight, known, seen, 0.1)
    total = total + losses.structure_loss(features, weight, known, seen, LIMBS)
    return total + losses.domain_loss(weight[0], weight[1])


def view_calls(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    crop = views.sample_crop(2, 64, (0.6, 1.0), generator)
    m = geometry.compose(views.sample_affine(2, 64, views.AffineConfig(), generator), crop)
    images = views.color_jitter(torch.rand(2, 3, 64, 64, device=device), views.sample_jitter(2, 0.25, generator))
    points = geometry.warp_points(torch.rand(2, 4, 2, device=device), m)
    images = views.mask_blocks(images, torch.zeros(1, 3, 1, 1, device=device), generator=generator)
    drawn = views.sample_occlusion(2, 4, 64, 0.5, 20, generator)
    views.adaptive_occlusion(geometry.warp(images, m), points, torch.ones(2, 4, device=device), drawn)


@lru_cache
def adain(device: str) -> nn.Module:
    """The network of a training: on the device before its first step."""
    return models.AdaINStyle(models.StyleEncoder("lite0"), models.StyleDecoder("lite0")).to(device)


def style_calls(device: str) -> None:
    images = torch.rand(4, 3, 64, 64, device=device)
    for net in (adain(device), models.FourierStyle()):
        transfer = models.StyleTransfer(models.StyleConfig(prob=0.5, per="image")).to(device)
        transfer.net = net
        drawn = transfer.draw(4, torch.Generator().manual_seed(0))
        assert drawn is not None
        transfer(images, images[:3], drawn)


def gate_calls(device: str) -> None:
    gradient = torch.rand(4, 8, device=device)
    losses.gate_gradient(gradient, -gradient, torch.rand(4, device=device), 2.0, gradient + 1)


def cache_calls(device: str) -> None:
    cache = ImageCache(torch.zeros(5, 3, 8, 8, dtype=torch.uint8, device=device))
    index = torch.zeros(4, dtype=torch.int64, device=device)
    cache.select(index)
    cache.extend(torch.zeros(2, 3, 8, 8, dtype=torch.uint8, device=device))
    cache.select(index)


CALLS = [cache_calls, geometry_calls, codec_calls, loss_calls, view_calls, style_calls, gate_calls]


@pytest.mark.parametrize("calls", CALLS)
def test_no_value_is_read_by_the_host(calls: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda **_: nullcontext())  # autocast does not know the meta device
    calls("meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("calls", CALLS)
def test_no_copy_blocks_the_host(calls: Callable[[str], None]) -> None:
    calls("cuda")  # the kept index tensors are made here, once
    torch.cuda.set_sync_debug_mode("error")
    try:
        calls("cuda")
    finally:
        torch.cuda.set_sync_debug_mode("default")

"""Heatmap decoding: known Gaussians, brute force, gradients."""

import math

import pytest
import torch

from actupose.codecs import argmax, encode, soft_argmax, subpixel, to_heat, to_image


def random_points(n: int, height: int, width: int, margin: float = -0.5) -> torch.Tensor:
    gen = torch.Generator().manual_seed(0)
    span = torch.tensor([width, height]) - 1 - 2 * margin
    return torch.rand(n, 3, 2, generator=gen) * span * 0.999 + margin


def test_argmax_by_slow_loop() -> None:
    heat = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    points, peak = argmax(heat)
    for b in range(2):
        for k in range(3):
            best = max((heat[b, k, r, c].item(), c, r) for r in range(5) for c in range(7))
            assert (peak[b, k].item(), *points[b, k].tolist()) == best


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_subpixel_recovers_our_gaussians_up_to_the_border(sigma: float) -> None:
    points = random_points(100, 40, 64)
    heat, _ = encode(points, torch.ones(100, 3), (40, 64), sigma)
    got, peak = subpixel(heat)
    torch.testing.assert_close(got, points, rtol=0, atol=0.002)
    torch.testing.assert_close(peak, heat.flatten(2).amax(-1))
    assert (argmax(heat)[0] - points).abs().max() > 0.45


def test_subpixel_of_a_scaled_and_rotated_gaussian() -> None:
    x, y = torch.arange(32.0), torch.arange(32.0).unsqueeze(-1)
    u, v = x - 14.3, y - 17.8
    heat = 1e-3 * torch.exp(-(0.2 * u**2 + 0.15 * u * v + 0.1 * v**2))
    got, _ = subpixel(heat[None, None])
    assert got.flatten().tolist() == pytest.approx([14.3, 17.8], abs=0.002)


def test_subpixel_error_under_noise_beats_argmax() -> None:
    points = random_points(100, 64, 64, margin=4)
    heat, _ = encode(points, torch.ones(100, 3), (64, 64))
    noisy = heat + 0.01 * torch.randn(heat.shape, generator=torch.Generator().manual_seed(1))
    error = (subpixel(noisy)[0] - points).norm(dim=-1).mean()
    assert error < 0.2
    assert error < 0.6 * (argmax(noisy)[0] - points).norm(dim=-1).mean()


@pytest.mark.parametrize("value", [0.0, -1.0, 0.5])
def test_subpixel_of_a_flat_map_is_the_argmax(value: float) -> None:
    heat = torch.full((1, 2, 6, 6), value)
    torch.testing.assert_close(subpixel(heat)[0], argmax(heat)[0])


def test_subpixel_stays_within_half_a_pixel_of_the_peak() -> None:
    heat = torch.randn(50, 4, 9, 9, generator=torch.Generator().manual_seed(2))
    refined, _ = subpixel(heat)
    assert torch.isfinite(refined).all()
    assert (refined - argmax(heat)[0]).abs().max() <= 0.5


def test_subpixel_of_a_single_bright_pixel() -> None:
    heat = torch.zeros(1, 1, 8, 8)
    heat[0, 0, 7, 3] = 1
    assert (subpixel(heat)[0] - torch.tensor([3.0, 7.0])).abs().max() <= 0.5
    heat = torch.zeros(1, 1, 8, 8)
    heat[0, 0, 4, 3] = 1
    assert subpixel(heat)[0].flatten().tolist() == pytest.approx([3, 4], abs=1e-5)


def test_soft_argmax_by_slow_loop() -> None:
    heat = torch.randn(2, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    got = soft_argmax(heat, 3.0)
    for b in range(2):
        for k in range(2):
            mass = [[math.exp(3 * heat[b, k, r, c].item()) for c in range(5)] for r in range(4)]
            total = sum(map(sum, mass))
            x = sum(mass[r][c] * c for r in range(4) for c in range(5)) / total
            y = sum(mass[r][c] * r for r in range(4) for c in range(5)) / total
            assert got[b, k].tolist() == pytest.approx([x, y], abs=1e-4)


@pytest.mark.parametrize(
    ("temperature", "low", "high"), [(10, 0.7, 1.3), (15, 0.0, 0.03), (20, 0.02, 0.04), (50, 0.1, 0.2)]
)
def test_soft_argmax_bias_is_as_the_docstring_says(temperature: float, low: float, high: float) -> None:
    points = random_points(100, 64, 64)
    heat, _ = encode(points, torch.ones(100, 3), (64, 64))
    assert low < (soft_argmax(heat, temperature) - points).abs().mean() < high


def test_soft_argmax_gradient_and_large_values() -> None:
    heat = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: soft_argmax(h, 5.0), heat)
    huge = torch.zeros(1, 1, 4, 4)
    huge[0, 0, 2, 1] = 1e4
    assert soft_argmax(huge, 100.0).flatten().tolist() == [1, 2]


def test_soft_argmax_of_half_precision_works_in_float32() -> None:
    heat, _ = encode(torch.tensor([[[50.3, 40.6]]]), torch.ones(1, 1), (64, 64))
    got = soft_argmax(heat.bfloat16(), 20.0)
    assert got.dtype == torch.float32
    assert got.flatten().tolist() == pytest.approx([50.3, 40.6], abs=0.1)


def test_grids() -> None:
    image = torch.tensor([[0.0, 3.0], [1.5, 255.0]])
    assert to_heat(image, 4).tolist() == [[-0.375, 0.375], [0.0, 63.375]]
    torch.testing.assert_close(to_image(to_heat(image, 4), 4), image)


@pytest.mark.parametrize("decode", [argmax, subpixel, lambda h: soft_argmax(h, 1.0)])
@pytest.mark.parametrize("heat", [torch.zeros(2, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.long)])
def test_wrong_input_is_refused(decode: object, heat: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="expected"):
        decode(heat)  # type: ignore[operator]


def test_small_map_and_cold_softmax_are_refused() -> None:
    with pytest.raises(ValueError, match="3x3"):
        subpixel(torch.zeros(1, 1, 2, 8))
    with pytest.raises(ValueError, match="temperature"):
        soft_argmax(torch.zeros(1, 1, 4, 4), 0.0)

"""Warps against kornia, inverses, and a blob whose centre is known."""

import kornia
import pytest
import torch

from actupose import geometry as geo
from actupose.data.crop import crop_matrix
from geometry.plain import rotation, shear, translation


def views(n: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    gen = torch.Generator().manual_seed(seed)

    def between(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=gen)

    linear = geo.compose(rotation(between(-60, 60)), shear(between(-30, 30, 2)), geo.scaling(between(0.7, 1.3, 2)))
    center = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    return geo.compose(translation(between(-3, 3, 2)), geo.about(center, linear))


def blob(points: torch.Tensor, height: int, width: int, sigma: float = 2.5) -> torch.Tensor:
    """One channel per point, (B, N, H, W), smooth and without a window."""
    x, y = torch.arange(width), torch.arange(height).unsqueeze(-1)
    px, py = points[..., 0, None, None], points[..., 1, None, None]
    return torch.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))


def centroid(x: torch.Tensor) -> torch.Tensor:
    total = x.sum((-2, -1))
    cx = (x.sum(-2) * torch.arange(x.shape[-1])).sum(-1) / total
    cy = (x.sum(-1) * torch.arange(x.shape[-2])).sum(-1) / total
    return torch.stack([cx, cy], -1)


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("size", [None, (40, 52), (33, 61), (9, 70)])
def test_equals_kornia(padding: str, size: tuple[int, int] | None) -> None:
    x = torch.rand(6, 3, 40, 52, generator=torch.Generator().manual_seed(1)).double()
    m = views(6, 40, 52).double()
    expected = kornia.geometry.warp_affine(x, m[:, :2], size or (40, 52), padding_mode=padding)
    torch.testing.assert_close(geo.warp(x, m, size, padding), expected, rtol=0, atol=1e-9)  # type: ignore[arg-type]
    single = geo.warp(x.float(), m.float(), size, padding)  # type: ignore[arg-type]
    torch.testing.assert_close(single, expected.float(), rtol=0, atol=2e-5)


def test_whole_pixel_shift_moves_pixels_and_pads() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    shift = translation(torch.tensor([[1.0, -1.0]]))
    assert geo.warp(x, shift)[0, 0].tolist() == [[0, 4, 5, 6], [0, 8, 9, 10], [0, 0, 0, 0]]
    assert geo.warp(x, shift, padding="border")[0, 0].tolist() == [[4, 4, 5, 6], [8, 8, 9, 10], [8, 8, 9, 10]]


def test_flip_mirrors_columns() -> None:
    x = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(geo.warp(x, geo.flip_horizontal(2, 7)), x.flip(-1), rtol=0, atol=1e-5)


def test_points_move_with_the_image() -> None:
    points = torch.tensor([[[30.2, 26.0], [22.0, 33.7], [35.0, 35.0]]]).repeat(8, 1, 1)
    m = views(8, 64, 64, seed=4)
    moved = geo.warp_points(points, m)
    assert ((moved > 8) & (moved < 56)).all(), "the blobs must stay inside for the centroid to be exact"
    warped = geo.warp(blob(points, 64, 64), m)
    torch.testing.assert_close(centroid(warped), moved, rtol=0, atol=0.02)
    peak = warped.flatten(2).argmax(-1)
    nearest = torch.stack([peak % 64, peak // 64], -1)
    assert ((nearest - moved).abs() <= 1.0).all()


def test_heatmap_grid_matrix_moves_a_heatmap_as_the_image_moves() -> None:
    stride, points = 4, torch.tensor([[[120.0, 130.0]], [[140.0, 110.0]]])
    m = views(2, 256, 256, seed=3)
    heat = blob((points + 0.5) / stride - 0.5, 64, 64)
    moved = (geo.warp_points(points, m) + 0.5) / stride - 0.5
    got = centroid(geo.warp(heat, geo.to_heatmap_grid(m, stride)))
    torch.testing.assert_close(got, moved, rtol=0, atol=0.02)


def test_crop_moves_points_with_the_image() -> None:
    points = torch.tensor([[[60.0, 45.0]]])
    m = geo.identity(1)
    m[0, :2] = torch.from_numpy(crop_matrix((50, 30, 80, 60), 90, 1.5))
    warped = geo.warp(blob(points, 100, 120), m, (90, 90))
    torch.testing.assert_close(centroid(warped), geo.warp_points(points, m), rtol=0, atol=0.02)


def test_warp_then_inverse_returns_the_inside() -> None:
    smooth = blob(torch.tensor([[[31.0, 30.0], [27.0, 33.0]]]).repeat(4, 1, 1), 64, 64, sigma=4)
    m = views(4, 64, 64, seed=7)
    back = geo.warp(geo.warp(smooth, m), geo.invert(m))
    assert (back - smooth).abs().max() < 0.06
    assert (geo.warp(smooth, m) - smooth).abs().max() > 0.2


def test_composed_warp_equals_two_warps_on_a_smooth_image() -> None:
    smooth = blob(torch.tensor([[[31.0, 30.0]]]).repeat(4, 1, 1), 64, 64, sigma=4)
    first, second = views(4, 64, 64, seed=8), views(4, 64, 64, seed=9)
    twice = geo.warp(geo.warp(smooth, first), second)
    assert (geo.warp(smooth, geo.compose(second, first)) - twice).abs().max() < 0.06
    points = torch.rand(4, 5, 2) * 64
    torch.testing.assert_close(
        geo.warp_points(points, geo.compose(second, first)),
        geo.warp_points(geo.warp_points(points, first), second),
        rtol=0,
        atol=1e-3,
    )


def test_points_by_slow_loop() -> None:
    m, points = views(3, 20, 20), torch.rand(3, 4, 2) * 20
    moved = geo.warp_points(points, m)
    for b in range(3):
        for i in range(4):
            x, y = points[b, i].tolist()
            for axis in range(2):
                row = m[b, axis].tolist()
                assert moved[b, i, axis].item() == pytest.approx(row[0] * x + row[1] * y + row[2], abs=1e-4)


def test_half_precision_and_autocast_work_in_float32() -> None:
    x, m = torch.rand(2, 3, 16, 16), views(2, 16, 16)
    assert geo.warp(x.bfloat16(), m).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(geo.warp(x, m), geo.warp(x, m.clone()), rtol=0, atol=0)
        inside = geo.warp(x, m)
    torch.testing.assert_close(inside, geo.warp(x, m), rtol=0, atol=1e-6)
    assert geo.warp_points(torch.rand(2, 3, 2).half(), m).dtype == torch.float32


def test_gradients() -> None:
    x = torch.rand(1, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    points = torch.rand(1, 3, 2, dtype=torch.float64, requires_grad=True)
    m = views(1, 5, 5).double()
    assert torch.autograd.gradcheck(lambda a: geo.warp(a, m), x)
    assert torch.autograd.gradcheck(lambda a: geo.warp_points(a, m), points)


@pytest.mark.parametrize(
    "call",
    [
        lambda: geo.warp(torch.zeros(3, 8, 8), geo.identity(1)),
        lambda: geo.warp(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), geo.identity(1)),
        lambda: geo.warp(torch.zeros(2, 3, 8, 8), geo.identity(1)),
        lambda: geo.warp(torch.zeros(1, 3, 8, 8), geo.identity(1), padding="reflect"),  # type: ignore[arg-type]
        lambda: geo.warp_points(torch.zeros(3, 2), geo.identity(1)),
        lambda: geo.warp_points(torch.zeros(2, 3, 2), geo.identity(1)),
    ],
)
def test_wrong_input_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"expected|padding"):
        call()  # type: ignore[operator]

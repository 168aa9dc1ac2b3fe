"""Heatmap encoding against the formula pixel by pixel."""

import math

import pytest
import torch

from actupose.codecs import encode


def slow_map(x: float, y: float, height: int, width: int, sigma: float) -> torch.Tensor:
    out = torch.zeros(height, width)
    for r in range(height):
        for c in range(width):
            if abs(c - x) <= 3 * sigma and abs(r - y) <= 3 * sigma:
                out[r, c] = math.exp(-((c - x) ** 2 + (r - y) ** 2) / (2 * sigma**2))
    return out


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_slow_loop(sigma: float) -> None:
    points = torch.tensor([[[7.3, 4.6], [0.0, 11.0]], [[-0.4, 2.2], [15.4, 11.4]]])
    heat, weight = encode(points, torch.full((2, 2), 2), (12, 16), sigma)
    assert weight.tolist() == [[1, 1], [1, 1]]
    for b in range(2):
        for k in range(2):
            expected = slow_map(*points[b, k].tolist(), 12, 16, sigma)
            torch.testing.assert_close(heat[b, k], expected, rtol=0, atol=1e-6)


def test_peak_is_one_on_a_pixel_and_zero_outside_the_window() -> None:
    heat, _ = encode(torch.tensor([[[20.0, 30.0]]]), torch.ones(1, 1), (64, 64))
    assert heat[0, 0, 30, 20] == 1
    assert heat[0, 0, 30, 26] > 0
    assert heat[0, 0, 30, 27] == 0
    assert heat[0, 0, 37, 20] == 0


@pytest.mark.parametrize(("x", "column"), [(10.4, 10), (10.5, 11), (10.6, 11), (-0.5, 0), (15.49, 15)])
def test_snap_centres_on_the_nearest_pixel(x: float, column: int) -> None:
    heat, _ = encode(torch.tensor([[[x, 5.0]]]), torch.ones(1, 1), (16, 16), snap=True)
    assert heat[0, 0, 5, column] == 1


def test_weight_needs_a_visible_point_inside() -> None:
    points = torch.tensor(
        [[[3.0, 3.0], [3.0, 3.0], [-0.51, 3.0], [-0.5, 3.0], [7.5, 3.0], [7.49, 3.0], [3.0, 5.5], [3.0, -0.6]]]
    )
    visible = torch.tensor([[1, 0, 2, 2, 2, 2, 2, 2]], dtype=torch.uint8)
    heat, weight = encode(points, visible, (6, 8))
    assert weight.tolist() == [[1, 0, 0, 1, 0, 1, 0, 0]]
    assert ((heat.flatten(2).amax(-1) > 0) == (weight > 0)).all()


def test_coordinates_of_an_invisible_point_do_not_matter() -> None:
    heat, weight = encode(torch.full((1, 1, 2), math.nan), torch.zeros(1, 1), (8, 8))
    assert heat.abs().sum() == 0
    assert weight.item() == 0


def test_half_precision_points_are_drawn_in_float32() -> None:
    heat, weight = encode(torch.ones(1, 1, 2).half(), torch.ones(1, 1, dtype=torch.bool), (8, 8))
    assert heat.dtype == weight.dtype == torch.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda: encode(torch.zeros(3, 2), torch.ones(3), (8, 8)),
        lambda: encode(torch.zeros(1, 3, 2), torch.ones(1, 2), (8, 8)),
        lambda: encode(torch.zeros(1, 3, 2), torch.ones(1, 3), (8, 8), sigma=0),
    ],
)
def test_wrong_input_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"expected|sigma"):
        call()  # type: ignore[operator]

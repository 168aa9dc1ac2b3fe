"""Affine matrices against hand-computed values, numpy products and each other."""

import math

import numpy as np
import pytest
import torch

from actupose import geometry as geo
from geometry.plain import rotation, shear, translation


def random_affine(n: int, seed: int = 0) -> torch.Tensor:
    gen = torch.Generator().manual_seed(seed)
    m = torch.eye(3).repeat(n, 1, 1)
    m[:, :2] += torch.randn(n, 2, 3, generator=gen) * torch.tensor([0.3, 0.3, 9.0])
    return m


def apply(m: torch.Tensor, x: float, y: float) -> list[float]:
    out = m.double().numpy() @ np.array([x, y, 1.0])
    return [float(v) for v in out[:2]]


def test_identity_is_a_writable_batch() -> None:
    m = geo.identity(2)
    m[0, 0, 0] = 5
    assert m[1].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("m", "point", "expected"),
    [
        (translation(torch.tensor([[3.0, -2.0]])), (1, 1), (4, -1)),
        (geo.scaling(torch.tensor([2.0])), (3, 5), (6, 10)),
        (geo.scaling(torch.tensor([[2.0, 3.0]])), (3, 5), (6, 15)),
        (rotation(torch.tensor([90.0])), (1, 0), (0, 1)),
        (rotation(torch.tensor([30.0])), (2, 0), (math.sqrt(3), 1)),
        (shear(torch.tensor([[45.0, 0.0]])), (1, 2), (3, 2)),
        (shear(torch.tensor([[0.0, 45.0]])), (1, 2), (1, 3)),
        (geo.flip_horizontal(1, 8), (0, 3), (7, 3)),
        (geo.flip_horizontal(1, 8), (3.5, 3), (3.5, 3)),
    ],
)
def test_hand_computed(m: torch.Tensor, point: tuple[float, float], expected: tuple[float, float]) -> None:
    assert apply(m[0], *point) == pytest.approx(expected, abs=1e-5)


def test_compose_is_the_matrix_product_and_the_first_is_applied_last() -> None:
    a, b, c = (random_affine(5, seed) for seed in (1, 2, 3))
    expected = a.double().numpy() @ b.double().numpy() @ c.double().numpy()
    np.testing.assert_allclose(geo.compose(a, b, c).numpy(), expected, atol=1e-4)
    move, grow = translation(torch.tensor([[10.0, 0.0]])), geo.scaling(torch.tensor([2.0]))
    assert apply(geo.compose(move, grow)[0], 1, 1) == [12, 2]


def test_compose_broadcasts_a_batch_of_one() -> None:
    assert geo.compose(geo.identity(1), random_affine(4)).shape == (4, 3, 3)


def test_compose_is_not_coarsened_by_autocast() -> None:
    a, b = random_affine(5, 1), random_affine(5, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = geo.compose(a, b)
    assert product.dtype == torch.float32
    torch.testing.assert_close(product, geo.compose(a, b), rtol=0, atol=0)


def test_invert_agrees_with_lapack() -> None:
    m = random_affine(50)
    np.testing.assert_allclose(geo.invert(m).numpy(), np.linalg.inv(m.double().numpy()), rtol=1e-3, atol=1e-3)


def test_invert_can_be_differentiated() -> None:
    m = random_affine(2).double().requires_grad_()
    assert torch.autograd.gradcheck(geo.invert, m)


@pytest.mark.parametrize("center", [torch.tensor([4.0, 7.0]), torch.tensor([[4.0, 7.0], [1.0, 2.0]])])
def test_about_leaves_the_centre_in_place(center: torch.Tensor) -> None:
    m = geo.about(center, rotation(torch.tensor([33.0, -70.0])))
    for matrix, c in zip(m, center.expand(2, 2), strict=True):
        assert apply(matrix, *c.tolist()) == pytest.approx(c.tolist(), abs=1e-5)


def test_about_keeps_the_linear_part() -> None:
    m = random_affine(3)
    torch.testing.assert_close(geo.about(torch.tensor([4.0, 7.0]), m)[:, :2, :2], m[:, :2, :2])


@pytest.mark.parametrize("stride", [1, 2, 4, 3.5])
def test_to_heatmap_grid_commutes_with_the_change_of_grid(stride: float) -> None:
    m = random_affine(4)
    heat = geo.to_heatmap_grid(m, stride)
    for i in range(4):
        x, y = apply(m[i], 20, 31)
        got = apply(heat[i], (20 + 0.5) / stride - 0.5, (31 + 0.5) / stride - 0.5)
        assert got == pytest.approx([(x + 0.5) / stride - 0.5, (y + 0.5) / stride - 0.5], abs=1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: geo.scaling(torch.zeros(2, 3)),
        lambda: geo.compose(),
        lambda: geo.compose(torch.eye(3)),
        lambda: geo.invert(torch.zeros(1, 2, 3)),
        lambda: geo.about(torch.zeros(3), geo.identity(1)),
        lambda: geo.to_heatmap_grid(geo.identity(1), 0),
    ],
)
def test_wrong_input_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"expected|needs|must"):
        call()  # type: ignore[operator]

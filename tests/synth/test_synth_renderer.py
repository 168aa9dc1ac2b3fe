from __future__ import annotations

import numpy as np
import pytest
import torch

from actupose.synth.renderer import Fragments, Grids, rasterize, take, unit_rows

WIDTH, HEIGHT = 37, 29


def brute_force(
    points: np.ndarray, faces: np.ndarray, cull: bool
) -> dict[int, tuple[int, float, tuple[float, float, float]]]:
    """Pixel -> (face, depth, barycentric), by looping over pixels and triangles in float64."""
    hits: dict[int, tuple[int, float, tuple[float, float, float]]] = {}
    for row in range(HEIGHT):
        for column in range(WIDTH):
            for k, (a, b, c) in enumerate(points[faces]):
                if min(a[2], b[2], c[2]) <= 0.05:
                    continue
                area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
                if cull and area >= 0:
                    continue
                x, y = column + 0.5, row + 0.5
                w0 = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area
                w1 = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area
                w2 = 1 - w0 - w1
                if min(w0, w1, w2) < 0:
                    continue
                inverse = w0 / a[2] + w1 / b[2] + w2 / c[2]
                pixel = row * WIDTH + column
                if pixel not in hits or 1 / inverse < hits[pixel][1]:
                    weights = (w0 / a[2] / inverse, w1 / b[2] / inverse, w2 / c[2] / inverse)
                    hits[pixel] = (k, 1 / inverse, weights)
    return hits


def drawn(points: torch.Tensor, faces: torch.Tensor, width: int, height: int, cull: bool = True) -> Fragments:
    """One mesh (V, 3) on one grid."""
    return rasterize(points[:, None], faces, Grids([(width, height)]), cull)


def random_mesh(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = np.column_stack(
        [rng.uniform(-8, WIDTH + 8, 24), rng.uniform(-8, HEIGHT + 8, 24), rng.uniform(0.3, 4.0, 24)]
    )
    points[0, 2] = 0.01  # a corner in front of the near plane
    faces = np.stack([rng.permutation(24)[:3] for _ in range(30)])
    return points.astype(np.float32).astype(np.float64), faces


@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_rasterizer_equals_a_loop_over_pixels(seed: int, cull: bool) -> None:
    points, faces = random_mesh(seed)
    expected = brute_force(points, faces, cull)
    result = drawn(torch.from_numpy(points).float(), torch.from_numpy(faces), WIDTH, HEIGHT, cull)
    pixels = result.pixel.tolist()
    assert len(set(pixels) ^ set(expected)) <= 2  # a pixel centre on an edge may fall either way in float32
    assert pixels == sorted(pixels)
    same = 0
    for pixel, face, weights, depth in zip(
        pixels, result.face.tolist(), result.barycentric.tolist(), result.depth.tolist(), strict=True
    ):
        if pixel in expected and expected[pixel][0] == face:
            same += 1
            assert depth == pytest.approx(expected[pixel][1], rel=1e-3)
            assert weights == pytest.approx(expected[pixel][2], abs=2e-3)
    assert same >= len(expected) - 3
    assert len(expected) > 300


def test_nearer_triangle_wins_whatever_the_order() -> None:
    far = [(1.0, 1.0, 2.0), (1.0, 9.0, 2.0), (9.0, 1.0, 2.0)]
    near = [(1.0, 1.0, 1.0), (1.0, 9.0, 1.0), (9.0, 1.0, 1.0)]
    for first, second, winner in ((far, near, 1), (near, far, 0), (near, near, 0)):
        points = torch.tensor(first + second)
        result = drawn(points, torch.tensor([[0, 1, 2], [3, 4, 5]]), 10, 10)
        assert set(result.face.tolist()) == {winner}
        assert len(result.pixel) > 20


def test_a_box_wider_than_one_row_keeps_its_columns() -> None:
    size = 300
    points = torch.tensor([[0.0, 0.0, 1.0], [0.0, 600.0, 1.0], [600.0, 0.0, 1.0]])
    result = drawn(points, torch.tensor([[0, 1, 2]]), size, size)
    assert torch.equal(result.pixel, torch.arange(size * size))


def test_nothing_in_view_gives_no_fragments() -> None:
    points = torch.tensor([[-5.0, -5.0, 1.0], [-5.0, -1.0, 1.0], [-1.0, -5.0, 1.0]])
    assert len(drawn(points, torch.tensor([[0, 1, 2]]), 8, 8).pixel) == 0


def test_meshes_drawn_together_are_drawn_as_if_alone() -> None:
    """Three meshes of the same triangles on grids of different sizes, one of them out of its grid."""
    meshes, faces = [random_mesh(seed)[0] for seed in range(3)], torch.from_numpy(random_mesh(0)[1])
    meshes[1] = meshes[1] + [1000.0, 0, 0]
    points = torch.from_numpy(np.stack(meshes, 1)).float()
    sizes = [(WIDTH, HEIGHT), (4, 9), (HEIGHT, 2 * WIDTH)]
    together = rasterize(points, faces, Grids(sizes))
    start = 0
    assert together.owner is not None
    for k, (width, height) in enumerate(sizes):
        alone, own = drawn(points[:, k], faces, width, height), together.owner == k
        assert len(alone.pixel) == int(own.sum()) > (0 if k != 1 else -1)
        assert torch.equal(together.pixel[own] - start, alone.pixel)
        for name in ("face", "depth", "barycentric"):
            assert torch.equal(getattr(together, name)[own], getattr(alone, name)), name
        start += width * height


def test_pixels_of_the_largest_pictures_keep_their_places() -> None:
    """2048 pixels with four samples each way have more samples than float32 counts exactly."""
    side = 8192
    corner = side - 3.0
    points = torch.tensor([[corner, corner, 1.0], [corner, corner + 9, 1.0], [corner + 9, corner, 1.0]])
    result = drawn(points, torch.tensor([[0, 1, 2]]), side, side)
    expected = [(side - 3 + row) * side + side - 3 + column for row in range(3) for column in range(3)]
    assert result.pixel.tolist() == expected


def test_small_helpers() -> None:
    table = torch.randn(5, 3)
    index = torch.tensor([4, 0, 4])
    assert torch.equal(take(table, index), table[index])
    torch.testing.assert_close(unit_rows(table), table / table.norm(dim=1, keepdim=True))
    assert torch.equal(unit_rows(torch.zeros(2, 3)), torch.zeros(2, 3))

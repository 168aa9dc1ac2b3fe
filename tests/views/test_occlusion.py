"""Adaptive occlusion: every changed pixel is accounted for by a search in the same image."""

import math

import pytest
import torch

from actupose.views import adaptive_occlusion, sample_occlusion

SIZE, SIDE = 64, 5  # 20 px at 256


def scene(n: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images whose pixels are all different, so that a copied square tells where it came from."""
    images = torch.arange(n * 3 * SIZE * SIZE, dtype=torch.float32).reshape(n, 3, SIZE, SIZE)
    gen = torch.Generator().manual_seed(0)
    return images, torch.rand(n, 4, 2, generator=gen) * (SIZE - 1), torch.rand(n, 4, generator=gen)


def changed_box(before: torch.Tensor, after: torch.Tensor) -> tuple[int, int, int, int]:
    rows, columns = torch.nonzero((before != after).any(0), as_tuple=True)
    return columns.min().item(), rows.min().item(), columns.max().item(), rows.max().item()  # type: ignore[return-value]


def run(*args: torch.Tensor, seed: int = 0, prob: float = 1.0, threshold: float = 0.5) -> torch.Tensor:
    images, _, peaks = args
    drawn = sample_occlusion(*peaks.shape, images.shape[-1], prob, 20, torch.Generator().manual_seed(seed))
    return adaptive_occlusion(*args, drawn, threshold)


@pytest.mark.parametrize("seed", range(8))
def test_a_confident_joint_is_covered_by_a_square_from_elsewhere(seed: int) -> None:
    images, points, peaks = scene()
    out = run(images, points, peaks, seed=seed)
    for b in range(len(images)):
        confident = [points[b, k].tolist() for k in range(4) if peaks[b, k] >= 0.5]
        if not confident:
            assert torch.equal(out[b], images[b])
            continue
        left, top, right, bottom = changed_box(images[b], out[b])
        assert (right - left + 1, bottom - top + 1) == (SIDE, SIDE)
        assert any(left - 0.5 <= x <= right + 0.5 and top - 0.5 <= y <= bottom + 0.5 for x, y in confident)
        square = out[b, :, top : bottom + 1, left : right + 1]
        origin = int(square[0, 0, 0].item()) - b * 3 * SIZE * SIZE
        row, column = divmod(origin, SIZE)
        assert torch.equal(square, images[b, :, row : row + SIDE, column : column + SIDE])
        assert abs(column - left) >= SIDE, "the source overlaps the covered square"


def test_the_covered_joint_varies_over_the_confident_ones() -> None:
    images, _, _ = scene(1)
    points = torch.tensor([[[10.0, 10.0], [50.0, 10.0], [10.0, 50.0], [50.0, 50.0]]])
    peaks = torch.tensor([[0.95, 0.95, 0.1, 0.95]])
    hits = [0, 0, 0, 0]
    for seed in range(60):
        left, top, _, _ = changed_box(images[0], run(images, points, peaks, seed=seed)[0])
        hits[(left > 30) + 2 * (top > 30)] += 1
    assert hits[2] == 0
    assert min(hits[0], hits[1], hits[3]) >= 10


def test_share_of_images_follows_the_probability() -> None:
    images = torch.arange(400.0 * SIZE * SIZE).reshape(400, 1, SIZE, SIZE)
    points, peaks = torch.full((400, 1, 2), 30.0), torch.ones(400, 1)
    share = (run(images, points, peaks, prob=0.3) != images).flatten(1).any(1).float().mean().item()
    assert abs(share - 0.3) < 0.07
    two = torch.tensor([[10.0, 30.0], [50.0, 30.0]]).expand(400, -1, -1)
    covered = (run(images, two, torch.ones(400, 2), prob=0.3) != images).flatten(1, 2).any(1)
    left, right = covered[:, :20].any(1).sum().item(), covered[:, 45:].any(1).sum().item()
    assert 0.35 < left / (left + right) < 0.65, "the choice of the image leaks into the choice of the joint"
    assert torch.equal(run(images, points, peaks, prob=0.0), images)
    assert (run(images, points, peaks) != images).flatten(1).any(1).all()


@pytest.mark.parametrize("corner", [(0.0, 0.0), (SIZE - 0.6, 0.0), (-0.4, SIZE - 0.6), (SIZE - 1.0, SIZE - 1.0)])
def test_a_joint_at_the_border_is_covered_whole(corner: tuple[float, float]) -> None:
    images, _, _ = scene(1)
    left, top, right, bottom = changed_box(images[0], run(images, torch.tensor([[corner]]), torch.ones(1, 1))[0])
    assert (right - left + 1, bottom - top + 1) == (SIDE, SIDE)
    assert left - 0.5 <= corner[0] <= right + 0.5
    assert top - 0.5 <= corner[1] <= bottom + 0.5


def test_joints_outside_or_unsure_are_never_covered() -> None:
    images, _, _ = scene(4)
    points = torch.tensor([[[-0.6, 5.0]], [[5.0, SIZE - 0.4]], [[5.0, 5.0]], [[math.nan, 5.0]]])
    peaks = torch.tensor([[1.0], [1.0], [0.89], [1.0]])
    assert torch.equal(run(images, points, peaks, threshold=0.9), images)


def test_patch_scales_with_the_image() -> None:
    image = torch.arange(128.0 * 128).reshape(1, 1, 128, 128)
    out = run(image, torch.full((1, 1, 2), 60.0), torch.ones(1, 1))
    assert (out != image).sum() == 100


def test_same_seed_same_draw() -> None:
    images, points, peaks = scene()
    assert torch.equal(run(images, points, peaks), run(images, points, peaks))
    assert not torch.equal(run(images, points, peaks), run(images, points, peaks, seed=1))


DRAWN = torch.zeros(1, 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: adaptive_occlusion(torch.zeros(1, 3, 8, 9), torch.zeros(1, 2, 2), torch.zeros(1, 2), DRAWN),
        lambda: adaptive_occlusion(torch.zeros(2, 3, 64, 64), torch.zeros(1, 2, 2), torch.zeros(1, 2), DRAWN),
        lambda: adaptive_occlusion(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 2), torch.zeros(1, 2), DRAWN),
        lambda: adaptive_occlusion(torch.zeros(1, 3, 64, 64), torch.zeros(1, 2, 2), torch.zeros(1, 2), DRAWN[:, 1:]),
        lambda: adaptive_occlusion(torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 2), torch.zeros(1, 2), DRAWN),
        lambda: sample_occlusion(1, 2, 64, 2, 20),
        lambda: sample_occlusion(1, 2, 64, 0.5, 100),
    ],
)
def test_wrong_input_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"expected|prob|patch"):
        call()  # type: ignore[operator]

"""Random crops and affines: ranges, invariants, and the same draw from the same seed."""

import math

import numpy as np
import pytest
import torch

from actupose.geometry import warp, warp_points
from actupose.views import AffineConfig, sample_affine, sample_crop

SIZE = 128


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_crop_is_a_square_inside_the_image_with_the_area_asked_for() -> None:
    m = sample_crop(2000, SIZE, (0.6, 1.0), seeded()).double().numpy()
    corners = np.array([[-0.5, -0.5, 1], [SIZE - 0.5, SIZE - 0.5, 1]])
    back = np.einsum("bij,nj->bni", np.linalg.inv(m), corners)[..., :2]
    side = back[:, 1] - back[:, 0]
    np.testing.assert_allclose(side[:, 0], side[:, 1], atol=1e-2)
    area = side[:, 0] ** 2 / SIZE**2
    assert area.min() > 0.599
    assert area.min() < 0.62
    assert area.max() < 1.001
    assert area.max() > 0.98
    assert abs(area.mean() - 0.8) < 0.01
    assert back.min() > -0.51
    assert back.max() < SIZE - 0.49
    slack = SIZE - side[:, 0]
    wide = slack > 5
    place = (back[wide, 0] + 0.5) / slack[wide, None]
    assert np.all(np.abs(place.mean(0) - 0.5) < 0.03)
    assert np.all(place.std(0) > 0.25)


def test_crop_of_the_whole_area_is_the_identity() -> None:
    m = sample_crop(3, SIZE, (1.0, 1.0), seeded())
    torch.testing.assert_close(m, torch.eye(3).repeat(3, 1, 1), rtol=0, atol=1e-4)


def linear_parts(m: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotation (degrees), shear along x (degrees) and scale by QR-like decomposition: A = R [[s, s tan], [0, s]]."""
    a = m[:, :2, :2].double().numpy()
    turn = np.degrees(np.arctan2(a[:, 1, 0], a[:, 0, 0]))
    scale = np.hypot(a[:, 0, 0], a[:, 1, 0])
    slant = (a[:, 0, 0] * a[:, 0, 1] + a[:, 1, 0] * a[:, 1, 1]) / scale**2
    np.testing.assert_allclose(np.linalg.det(a), scale**2, rtol=1e-4)  # no shear along y, one scale
    return turn, np.degrees(np.arctan(slant)), scale


def test_affine_draws_fill_their_ranges() -> None:
    m = sample_affine(4000, SIZE, AffineConfig(), seeded())
    turn, slant, scale = linear_parts(m)
    center = torch.full((4000, 1, 2), (SIZE - 1) / 2)
    shift = (warp_points(center, m) - center).squeeze(1).numpy() / SIZE
    for values, low, high in (
        (turn, -60, 60),
        (slant, -30, 30),
        (scale, 0.6, 1.3),
        (shift[:, 0], -0.05, 0.05),
        (shift[:, 1], -0.05, 0.05),
    ):
        span = high - low
        assert low - 1e-3 * span <= values.min() < low + 0.01 * span
        assert high - 0.01 * span < values.max() <= high + 1e-3 * span
        assert abs(values.mean() - (low + high) / 2) < 0.03 * span
    drawn = np.stack([turn, slant, scale, shift[:, 0], shift[:, 1]])
    assert np.abs(np.corrcoef(drawn) - np.eye(5)).max() < 0.07


def test_still_config_is_the_identity() -> None:
    still = AffineConfig(rotation=0, shear=0, translate=0, scale=(1, 1))
    m = sample_affine(3, SIZE, still, seeded())
    torch.testing.assert_close(m, torch.eye(3).repeat(3, 1, 1), rtol=0, atol=1e-4)


def test_same_seed_same_draw_and_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    first = sample_affine(4, SIZE, AffineConfig(), seeded(5))
    assert torch.equal(first, sample_affine(4, SIZE, AffineConfig(), seeded(5)))
    assert not torch.equal(first, sample_affine(4, SIZE, AffineConfig(), seeded(6)))
    assert torch.equal(state, torch.get_rng_state())


def test_a_view_moves_a_blob_with_its_point() -> None:
    m = sample_affine(6, SIZE, AffineConfig(), seeded(1))
    point = torch.tensor([70.0, 60.0])
    x, y = torch.arange(SIZE), torch.arange(SIZE).unsqueeze(-1)
    blob = torch.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 32).expand(6, 1, -1, -1)
    seen = warp(blob, m)
    peak = seen.flatten(2).argmax(-1).squeeze(1)
    moved = warp_points(point.expand(6, 1, 2), m).squeeze(1)
    assert (torch.stack([peak % SIZE, peak // SIZE], -1) - moved).abs().max() <= 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotation": -1.0},
        {"shear": 90.0},
        {"translate": -0.1},
        {"scale": (1.3, 0.6)},
        {"scale": (0.0, 1.0)},
        {"crop_area": (0.0, 1.0)},
        {"crop_area": (0.5, math.inf)},
    ],
)
def test_wrong_config_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        AffineConfig(**wrong)  # type: ignore[arg-type]


def test_wrong_area_is_refused() -> None:
    with pytest.raises(ValueError, match="area"):
        sample_crop(1, SIZE, (0.5, 1.5), None)


def test_a_milder_augmentation_has_a_share_of_the_strength_and_the_same_crops() -> None:
    config = AffineConfig()
    assert config.milder(1.0) == config
    still = config.milder(0.0)
    torch.testing.assert_close(sample_affine(8, SIZE, still, seeded()), torch.eye(3).expand(8, 3, 3))
    half = config.milder(0.5)
    assert (half.rotation, half.shear, half.crop_area) == (30.0, 15.0, config.crop_area)
    turned = sample_affine(4000, SIZE, half, seeded())[:, :2, :2]
    sizes = torch.linalg.det(turned).sqrt()
    assert 0.6**0.5 - 1e-3 <= float(sizes.min()) < 0.8
    assert 1.1 < float(sizes.max()) <= 1.3**0.5 + 1e-3

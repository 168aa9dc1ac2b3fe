"""Colour jitter against kornia's one-factor operations, and its range."""

import kornia
import pytest
import torch

from actupose.views import color_jitter, sample_jitter


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 9, 8, generator=torch.Generator().manual_seed(1))


def jittered(x: torch.Tensor, strength: float) -> torch.Tensor:
    return color_jitter(x, sample_jitter(len(x), strength, torch.Generator().manual_seed(0)))


def test_each_sample_by_the_formula() -> None:
    x = pictures(5)
    got = jittered(x, 0.25)
    factors = 0.75 + 0.5 * torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    for b in range(5):
        bright, contrast, saturation = factors[b].tolist()
        image = kornia.enhance.adjust_brightness_accumulative(x[b : b + 1], bright)
        image = kornia.enhance.adjust_contrast_with_mean_subtraction(image, contrast)
        image = kornia.enhance.adjust_saturation_with_gray_subtraction(image, saturation)
        torch.testing.assert_close(got[b : b + 1], image, rtol=0, atol=1e-5)


def test_zero_strength_changes_nothing() -> None:
    x = pictures(3)
    torch.testing.assert_close(jittered(x, 0.0), x, rtol=0, atol=1e-6)


def test_range_and_difference_between_samples() -> None:
    x = pictures(1).repeat(6, 1, 1, 1)
    got = jittered(x, 1.0)
    assert got.min() >= 0
    assert got.max() <= 1
    assert all((got[i] - got[j]).abs().max() > 0.01 for i in range(6) for j in range(i))


def test_grey_stays_grey() -> None:
    x = pictures(4)[:, :1].expand(-1, 3, -1, -1)
    got = jittered(x, 0.5)
    torch.testing.assert_close(got[:, 0], got[:, 2], rtol=0, atol=1e-5)


def test_input_is_left_alone_and_dtype_kept() -> None:
    x = pictures(2).half()
    before = x.clone()
    assert jittered(x, 0.25).dtype == torch.float16
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("x", "strength"),
    [
        (torch.zeros(3, 8, 8), 0.25),
        (torch.zeros(1, 4, 8, 8), 0.25),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 0.25),
        (torch.zeros(1, 3, 8, 8), 1.5),
    ],
)
def test_wrong_input_is_refused(x: torch.Tensor, strength: float) -> None:
    with pytest.raises(ValueError, match=r"expected|strength"):
        jittered(x, strength)


def test_factors_are_a_row_a_sample() -> None:
    with pytest.raises(ValueError, match=r"factors of shape \(3, 3\)"):
        color_jitter(pictures(3), torch.ones(2, 3))

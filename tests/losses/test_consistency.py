"""Mean-teacher consistency against slow loops."""

import math

import numpy as np
import pytest
import torch

from actupose.losses import consistency_loss, quantile_mask, rectify, rising


def maps(seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(seed), dtype=dtype)


MASK = torch.tensor([[True, False, True], [False, True, True]])


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_rectify_by_slow_loop(sigma: float) -> None:
    heat = maps(0).requires_grad_()
    got = rectify(heat, sigma)
    assert not got.requires_grad
    for b in range(2):
        for k in range(3):
            values = {(r, c): heat[b, k, r, c].item() for r in range(6) for c in range(7)}
            top, left = max(values, key=lambda place: values[place])
            for r in range(6):
                for c in range(7):
                    inside = max(abs(r - top), abs(c - left)) <= 3 * sigma
                    square = (r - top) ** 2 + (c - left) ** 2
                    expected = math.exp(-square / (2 * sigma**2)) if inside else 0.0
                    assert got[b, k, r, c].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_quantile_mask_by_numpy(ratio: float) -> None:
    peak = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))
    ordered = np.sort(peak.double().numpy().ravel())
    place = ratio * (len(ordered) - 1)
    low = math.floor(place)
    threshold = ordered[low] + (place - low) * (ordered[min(low + 1, 34)] - ordered[low])
    expected = peak.double().numpy() >= threshold - 1e-7
    assert quantile_mask(peak, ratio).tolist() == expected.tolist()


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5])
def test_quantile_mask_of_each_keypoint_by_numpy(ratio: float) -> None:
    peak = torch.rand(16, 5, generator=torch.Generator().manual_seed(4)) * torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    expected = np.stack([column >= np.quantile(column, ratio) for column in peak.double().numpy().T], axis=1)
    assert quantile_mask(peak, ratio, per_keypoint=True).tolist() == expected.tolist()
    assert (quantile_mask(peak, 0.5, per_keypoint=True).sum(0) == 8).all()


@pytest.mark.parametrize("per_keypoint", [False, True])
def test_quantile_mask_among_the_peaks_of_others(per_keypoint: bool) -> None:
    """Of the whole batch, half of it keeps what the whole keeps there."""
    peak = torch.rand(16, 4, generator=torch.Generator().manual_seed(0))
    among = rising(peak, per_keypoint=per_keypoint)
    assert among.tolist() == np.sort(peak if per_keypoint else peak.flatten(), axis=0).tolist()
    kept = [quantile_mask(part, 0.3, per_keypoint=per_keypoint, among=among) for part in peak.chunk(2)]
    assert torch.equal(torch.cat(kept), quantile_mask(peak, 0.3, per_keypoint=per_keypoint))
    assert not torch.equal(kept[0], quantile_mask(peak[:8], 0.3, per_keypoint=per_keypoint))


def test_quantile_mask_is_taken_over_the_whole_batch() -> None:
    peak = torch.tensor([[0.1, 0.2], [0.8, 0.9]])
    assert quantile_mask(peak).tolist() == [[False, False], [True, True]]


def test_loss_by_slow_loop() -> None:
    student, pseudo = maps(1), maps(2)
    region = torch.rand(2, 1, 6, 7, generator=torch.Generator().manual_seed(3)).round()
    plain, limited = 0.0, 0.0
    for b in range(2):
        for r in range(6):
            for c in range(7):
                over_joints = [
                    (student[b, k, r, c] - pseudo[b, k, r, c]).item() ** 2 if MASK[b, k] else 0.0 for k in range(3)
                ]
                plain += sum(over_joints) / 3
                limited += region[b, 0, r, c].item() * sum(over_joints) / 3
    assert consistency_loss(student, pseudo, MASK).item() == pytest.approx(plain / 84, rel=1e-5)
    assert consistency_loss(student, pseudo, MASK, region).item() == pytest.approx(limited / 84, rel=1e-5)
    assert limited < 0.9 * plain


def test_all_masked_gives_zero_and_a_zero_gradient() -> None:
    student = maps(1).requires_grad_()
    loss = consistency_loss(student, maps(2), torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert student.grad is not None
    assert (student.grad == 0).all()


def test_gradient_reaches_the_student_and_not_the_pseudo_label() -> None:
    student, pseudo = maps(1, torch.float64).requires_grad_(), maps(2, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: consistency_loss(s, pseudo, MASK), student)
    consistency_loss(student, pseudo, MASK).backward()
    assert pseudo.grad is None


def test_half_precision_is_summed_in_float32() -> None:
    assert consistency_loss(maps(1).bfloat16(), maps(2).bfloat16(), MASK).dtype == torch.float32


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        rectify(torch.zeros(3, 6, 7))
    with pytest.raises(ValueError, match="expected"):
        quantile_mask(torch.zeros(3))
    with pytest.raises(ValueError, match="ratio"):
        quantile_mask(torch.zeros(1, 3), 1.5)
    with pytest.raises(ValueError, match="equal"):
        consistency_loss(maps(1), maps(2)[:1], MASK)
    with pytest.raises(ValueError, match="mask"):
        consistency_loss(maps(1), maps(2), MASK[:1])
    with pytest.raises(ValueError, match="region"):
        consistency_loss(maps(1), maps(2), MASK, torch.ones(2, 3, 6, 7))

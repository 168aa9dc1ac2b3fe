"""EvalPose (Eq. 5) against hand-computed cosines, a slow loop and gradcheck."""

import math

import pytest
import torch

from actupose.losses import evalpose_loss, limb_cosines

LIMBS = [(0, 1), (1, 2), (3, 1)]


def example(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(0)
    points = torch.rand(4, 4, 2, generator=gen, dtype=dtype) * 60
    reference = torch.rand(4, 4, 2, generator=gen, dtype=dtype) * 60
    valid = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]], dtype=torch.bool)
    return points, reference, valid


def test_hand_computed() -> None:
    points = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])
    reference = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    cosine, mask = limb_cosines(points, reference, [(0, 1), (1, 2)], torch.ones(1, 3))
    assert mask.tolist() == [[True, True]]
    assert cosine[0].tolist() == pytest.approx([math.sqrt(0.5), -math.sqrt(0.5)], abs=1e-5)


def test_slow_loop() -> None:
    points, reference, valid = example()
    cosine, mask = limb_cosines(points, reference, LIMBS, valid)
    total = 0.0
    for b in range(4):
        for n, (i, j) in enumerate(LIMBS):
            takes_part = bool(valid[b, i]) and bool(valid[b, j])
            assert mask[b, n].item() == takes_part
            if takes_part:
                v, w = (points[b, j] - points[b, i]).tolist(), (reference[b, j] - reference[b, i]).tolist()
                cos = (v[0] * w[0] + v[1] * w[1]) / (math.hypot(*v) * math.hypot(*w))
                assert cosine[b, n].item() == pytest.approx(cos, abs=1e-5)
                total += cos
            else:
                assert cosine[b, n].item() == 0
    assert evalpose_loss(points, reference, LIMBS, valid).item() == pytest.approx(-total / 4, abs=1e-5)


def test_perfect_pose_scores_minus_the_number_of_limbs_at_any_scale() -> None:
    points, _, _ = example()
    loss = evalpose_loss(points * 0.5 + 7, points, LIMBS, torch.ones(4, 4))
    assert loss.item() == pytest.approx(-3, abs=1e-5)


def test_limb_order_does_not_matter_but_direction_does() -> None:
    points, reference, valid = example()
    swapped = [(j, i) for i, j in LIMBS]
    torch.testing.assert_close(
        limb_cosines(points, reference, LIMBS, valid)[0], limb_cosines(points, reference, swapped, valid)[0]
    )
    flipped = limb_cosines(-points, reference, LIMBS, valid)[0]
    torch.testing.assert_close(flipped, -limb_cosines(points, reference, LIMBS, valid)[0])


def test_zero_length_prediction_takes_part_with_cosine_zero() -> None:
    points = torch.zeros(1, 4, 2, requires_grad=True)
    _, reference, _ = example()
    cosine, mask = limb_cosines(points, reference[:1], LIMBS, torch.ones(1, 4))
    assert mask.all()
    assert (cosine == 0).all()
    evalpose_loss(points, reference[:1], LIMBS, torch.ones(1, 4)).backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_zero_length_reference_is_left_out() -> None:
    points, reference, _ = example()
    points.requires_grad_()
    reference = reference.clone()
    reference[:, 1] = reference[:, 0]
    cosine, mask = limb_cosines(points, reference, LIMBS, torch.ones(4, 4))
    assert mask.tolist() == [[False, True, True]] * 4
    cosine[:, 0].sum().backward()
    assert points.grad is not None
    assert (points.grad == 0).all()


def test_invalid_ends_may_hold_anything() -> None:
    points, reference, valid = example()
    clean = evalpose_loss(points, reference, LIMBS, valid)
    points = points.masked_fill(~valid.unsqueeze(-1), math.nan).requires_grad_()
    reference = reference.masked_fill(~valid.unsqueeze(-1), math.inf)
    loss = evalpose_loss(points, reference, LIMBS, valid)
    loss.backward()
    assert loss.item() == pytest.approx(clean.item())
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert (points.grad[3] == 0).all()


@pytest.mark.parametrize("batch", [0, 3])
def test_nothing_valid_gives_zero_with_a_zero_gradient(batch: int) -> None:
    points = torch.rand(batch, 4, 2, requires_grad=True)
    loss = evalpose_loss(points, torch.rand(batch, 4, 2), LIMBS, torch.zeros(batch, 4))
    loss.backward()
    assert loss.item() == 0
    assert points.grad is not None
    assert (points.grad == 0).all()


def test_no_limbs_gives_zero() -> None:
    points, reference, valid = example()
    assert evalpose_loss(points, reference, [], valid).item() == 0


def test_gradient_reaches_the_points_and_not_the_reference() -> None:
    points, reference, valid = example(torch.float64)
    points.requires_grad_()
    reference.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: evalpose_loss(p, reference, LIMBS, valid), points)
    evalpose_loss(points, reference, LIMBS, valid).backward()
    assert reference.grad is None


def test_half_precision_and_autocast_work_in_float32() -> None:
    points, reference, valid = example()
    assert evalpose_loss(points.half(), reference, LIMBS, valid).dtype == torch.float32
    plain = evalpose_loss(points, reference, LIMBS, valid)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(evalpose_loss(points, reference, LIMBS, valid), plain, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("points", "reference", "limbs", "valid"),
    [
        ((4, 2), (4, 2), LIMBS, (4,)),
        ((1, 4, 2), (2, 4, 2), LIMBS, (1, 4)),
        ((1, 4, 2), (1, 4, 2), LIMBS, (1, 3)),
        ((1, 4, 2), (1, 4, 2), [(0, 4)], (1, 4)),
        ((1, 4, 2), (1, 4, 2), [(-1, 0)], (1, 4)),
    ],
)
def test_wrong_input_is_refused(
    points: tuple[int, ...], reference: tuple[int, ...], limbs: list[tuple[int, int]], valid: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected|outside"):
        limb_cosines(torch.zeros(points), torch.zeros(reference), limbs, torch.ones(valid))

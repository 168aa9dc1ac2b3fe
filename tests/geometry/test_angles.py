"""Joint angles against hand-computed values and a slow loop."""

import math

import pytest
import torch

from actupose.geometry import index_tensor, triplet_angles, warp_points, wrap_angle
from geometry.plain import rotation


@pytest.mark.parametrize(
    ("last", "expected"),
    [((2, 0), 0), ((0, 3), math.pi / 2), ((0, -3), -math.pi / 2), ((-1, 0), math.pi), ((1, 1), math.pi / 4)],
)
def test_hand_computed(last: tuple[float, float], expected: float) -> None:
    pose = torch.tensor([[1.0, 0.0], [0.0, 0.0], list(map(float, last))])
    assert triplet_angles(pose, [(0, 1, 2)]).tolist() == pytest.approx([expected])


def test_straight_joint_is_plus_pi_whatever_the_sign_of_zero() -> None:
    pose = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, -1.0]])
    both = triplet_angles(pose, [(0, 1, 2), (2, 1, 0)])
    assert both.tolist() == pytest.approx([math.pi, math.pi])


def test_slow_loop_and_leading_dimensions() -> None:
    pose = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0))
    triplets = [(0, 1, 2), (4, 2, 0), (3, 0, 4)]
    got = triplet_angles(pose, triplets)
    assert got.shape == (2, 3, 3)
    for b in range(2):
        for n in range(3):
            for t, (i, j, k) in enumerate(triplets):
                u, v = (pose[b, n, i] - pose[b, n, j]).tolist(), (pose[b, n, k] - pose[b, n, j]).tolist()
                turn = math.atan2(v[1], v[0]) - math.atan2(u[1], u[0])
                turn = math.atan2(math.sin(turn), math.cos(turn))
                assert got[b, n, t].item() == pytest.approx(turn, abs=1e-4)


def test_unchanged_by_rotation_and_negated_by_mirror() -> None:
    pose = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(0))
    triplets = [(0, 1, 2), (3, 4, 5)]
    turned = warp_points(pose, rotation(torch.tensor([77.0])))
    torch.testing.assert_close(triplet_angles(turned, triplets), triplet_angles(pose, triplets), rtol=0, atol=1e-4)
    mirrored = pose * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(triplet_angles(mirrored, triplets), -triplet_angles(pose, triplets), rtol=0, atol=1e-4)


def test_coincident_points_give_zero_and_a_finite_gradient() -> None:
    pose = torch.zeros(1, 3, 2, requires_grad=True)
    angles = triplet_angles(pose, [(0, 1, 2)])
    angles.sum().backward()
    assert angles.tolist() == [[0.0]]
    assert pose.grad is not None
    assert torch.isfinite(pose.grad).all()


def test_gradient() -> None:
    pose = torch.randn(2, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: triplet_angles(p, [(0, 1, 2), (1, 2, 3)]), pose)


def test_no_triplets() -> None:
    assert triplet_angles(torch.zeros(2, 4, 2), []).shape == (2, 0)


def test_wrap_angle() -> None:
    x = torch.tensor([0.0, 1.0, 4.0, -4.0, 9.0, math.pi, -math.pi, 3 * math.pi], dtype=torch.float64)
    expected = [0, 1, 4 - 2 * math.pi, 2 * math.pi - 4, 9 - 2 * math.pi, math.pi, math.pi, math.pi]
    assert wrap_angle(x).tolist() == pytest.approx(expected)
    assert torch.autograd.gradcheck(wrap_angle, x[:5].clone().requires_grad_())


def test_index_made_under_inference_serves_training() -> None:
    indices = (3, 1, 2, 0, 3, 1)  # not used by another test, so that it is made here
    with torch.inference_mode():
        first = index_tensor(indices, torch.device("cpu"))
    assert index_tensor(indices, torch.device("cpu")) is first
    pose = torch.randn(1, 4, 2, requires_grad=True)
    pose.index_select(1, first).sum().backward()
    assert pose.grad is not None
    assert pose.grad[0, :, 0].tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("shape", "triplets"), [((3, 3), [(0, 1, 2)]), ((2,), [(0, 1, 2)]), ((3, 2), [(0, 1, 3)]), ((3, 2), [(0, -1, 2)])]
)
def test_wrong_input_is_refused(shape: tuple[int, ...], triplets: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match=r"expected|outside"):
        triplet_angles(torch.zeros(shape), triplets)

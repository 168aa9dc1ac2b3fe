"""Cross-domain loss (Eq. 6, 7) against slow loops, and its empty cases."""

import math

import pytest
import torch
import torch.nn.functional as F

from actupose.losses import cross_domain_loss, pair_distance


def poses() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(0)
    angles_s, angles_t = ((torch.rand(n, 6, generator=gen) * 2 - 1) * math.pi for n in (5, 4))
    valid_s, valid_t = (torch.rand(n, 6, generator=gen) < 0.7 for n in (5, 4))
    return angles_s, valid_s, angles_t, valid_t


def features(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(1)
    return torch.randn(5, 8, generator=gen, dtype=dtype), torch.randn(4, 8, generator=gen, dtype=dtype)


@pytest.mark.parametrize("min_common", [None, 1, 2, 4])
def test_distance_by_slow_loop(min_common: int | None) -> None:
    angles_s, valid_s, angles_t, valid_t = poses()
    dist, ok = pair_distance(angles_s, valid_s, angles_t, valid_t, 16, min_common)
    needed = 3 if min_common is None else min_common
    seen = set()
    for s in range(5):
        for n in range(4):
            squares, common = 0.0, 0
            for t in range(6):
                if valid_s[s, t] and valid_t[n, t]:
                    turn = abs(angles_s[s, t].item() - angles_t[n, t].item())
                    squares += min(turn, 2 * math.pi - turn) ** 2
                    common += 1
            assert ok[s, n].item() == (common >= needed)
            seen.add(bool(ok[s, n]))
            expected = math.sqrt(squares * 6 / common) / 16 if common >= needed else math.inf
            assert dist[s, n].item() == pytest.approx(expected, abs=1e-5)
    assert min_common in (1, 2) or seen == {True, False}


def test_distance_of_full_poses_is_the_papers() -> None:
    angles = torch.tensor([[0.1, 0.2, -0.4]])
    other = torch.tensor([[0.4, 0.2, 0.0]])
    dist, ok = pair_distance(angles, torch.ones(1, 3), other, torch.ones(1, 3), 10)
    assert ok.all()
    assert dist.item() == pytest.approx(math.hypot(0.3, 0.4) / 10)


def test_difference_is_wrapped() -> None:
    near, far = torch.tensor([[math.pi - 0.1]]), torch.tensor([[-math.pi + 0.1]])
    dist, _ = pair_distance(near, torch.ones(1, 1), far, torch.ones(1, 1), 1)
    assert dist.item() == pytest.approx(0.2, abs=1e-5)


def test_angles_of_invalid_triplets_may_be_anything() -> None:
    angles_s, valid_s, angles_t, valid_t = poses()
    expected, _ = pair_distance(angles_s, valid_s, angles_t, valid_t, 16)
    got, _ = pair_distance(angles_s.masked_fill(~valid_s, math.nan), valid_s, angles_t, valid_t, 16)
    torch.testing.assert_close(got, expected)


def test_nothing_in_common_is_no_pair() -> None:
    angles_s, _, angles_t, valid_t = poses()
    dist, ok = pair_distance(angles_s, torch.zeros(5, 6), angles_t, valid_t, 16, min_common=1)
    assert not ok.any()
    assert torch.isinf(dist).all()


def test_loss_by_slow_loop() -> None:
    angles_s, valid_s, angles_t, valid_t = poses()
    feat_s, feat_t = features()
    dist, ok = pair_distance(angles_s, valid_s, angles_t, valid_t, 16, 2)
    gamma = dist[ok].median().item() + 1e-4
    loss, count = cross_domain_loss(feat_s, feat_t, dist, ok, gamma)
    cosines = [
        F.cosine_similarity(feat_s[s], feat_t[n], dim=0).item()
        for s in range(5)
        for n in range(4)
        if ok[s, n] and dist[s, n] < gamma
    ]
    assert 1 < len(cosines) < 20
    assert count.item() == len(cosines)
    assert loss.item() == pytest.approx(-sum(cosines) / len(cosines), abs=1e-5)


def test_threshold_is_strict_and_ok_is_obeyed() -> None:
    feat_s, feat_t = features()
    dist = torch.full((5, 4), 0.5)
    ok = torch.ones(5, 4, dtype=torch.bool)
    assert cross_domain_loss(feat_s, feat_t, dist, ok, 0.5)[1].item() == 0
    ok[0, 0] = False
    assert cross_domain_loss(feat_s, feat_t, dist, ok, 0.51)[1].item() == 19


def test_empty_set_gives_zero_and_a_zero_gradient() -> None:
    feat_s, feat_t = features()
    feat_s.requires_grad_()
    dist, ok = torch.full((5, 4), math.inf), torch.zeros(5, 4, dtype=torch.bool)
    loss, count = cross_domain_loss(feat_s, feat_t, dist, ok, 0.1)
    loss.backward()
    assert (loss.item(), count.item()) == (0, 0)
    assert feat_s.grad is not None
    assert (feat_s.grad == 0).all()


def test_zero_feature_has_a_finite_gradient() -> None:
    feat_s = torch.zeros(5, 8, requires_grad=True)
    _, feat_t = features()
    loss, _ = cross_domain_loss(feat_s, feat_t, torch.zeros(5, 4), torch.ones(5, 4, dtype=torch.bool), 0.1)
    loss.backward()
    assert loss.item() == 0
    assert feat_s.grad is not None
    assert torch.isfinite(feat_s.grad).all()


def test_gradient_reaches_the_source_and_not_the_teacher() -> None:
    feat_s, feat_t = (f.requires_grad_() for f in features(torch.float64))
    dist = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    ok = torch.ones(5, 4, dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda f: cross_domain_loss(f, feat_t, dist, ok, 0.5)[0], feat_s)
    cross_domain_loss(feat_s, feat_t, dist, ok, 0.5)[0].backward()
    assert feat_t.grad is None


def test_autocast_and_mixed_precision_work_in_float32() -> None:
    feat_s, feat_t = features()
    dist, ok = torch.zeros(5, 4), torch.ones(5, 4, dtype=torch.bool)
    plain, _ = cross_domain_loss(feat_s, feat_t, dist, ok, 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast, _ = cross_domain_loss(feat_s, feat_t, dist, ok, 0.1)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)
    mixed, _ = cross_domain_loss(feat_s.bfloat16(), feat_t, dist, ok, 0.1)
    assert mixed.dtype == torch.float32


def test_wrong_input_is_refused() -> None:
    angles_s, valid_s, angles_t, valid_t = poses()
    feat_s, feat_t = features()
    dist, ok = torch.zeros(5, 4), torch.ones(5, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match="expected"):
        pair_distance(angles_s, valid_s, angles_t[:, :3], valid_t[:, :3], 16)
    with pytest.raises(ValueError, match="validity"):
        pair_distance(angles_s, valid_s[:, :3], angles_t, valid_t, 16)
    with pytest.raises(ValueError, match="at least 1"):
        pair_distance(angles_s, valid_s, angles_t, valid_t, 16, min_common=0)
    with pytest.raises(ValueError, match="expected"):
        cross_domain_loss(feat_s, feat_t[:, :3], dist, ok, 0.1)
    with pytest.raises(ValueError, match="expected"):
        cross_domain_loss(feat_s, feat_t, dist.T, ok, 0.1)

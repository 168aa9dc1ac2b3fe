import math

import pytest
import torch

from actupose.curriculum import (
    active_score,
    assign_bins,
    bin_means,
    effective_bins,
    gaussian_schedule,
    growing_schedule,
    hard_schedule,
    mean_peak,
    self_paced_score,
    uniform_schedule,
    unseen_score,
)
from actupose.curriculum.schedule import peak_bin

MEANS = [1.0, 2.0, 4.0, 8.0, 16.0]

# p_j of Eq. 3 for MEANS, sigma 0.25, written out with p = exp(-(s_j - mu_g)^2 / (2 (0.25 s_j)^2)), whose exponent
# is -8 (1 - mu_g / s_j)^2: a bin of twice the peak's mean gets exp(-2), of four times exp(-4.5), of half exp(-8).
GOLDEN = {
    0: [1.0, 1.353352832366127e-01, 1.1108996538242306e-02, 2.187491118182885e-03, 8.838263069350e-04],
    1: [3.3546262790251185e-04, 1.0, 1.353352832366127e-01, 1.1108996538242306e-02, 2.187491118182885e-03],
    2: [5.380186160021138e-32, 3.3546262790251185e-04, 1.0, 1.353352832366127e-01, 1.1108996538242306e-02],
    3: [5.8e-171, 5.380186160021138e-32, 3.3546262790251185e-04, 1.0, 1.353352832366127e-01],
    4: [0.0, 5.8e-171, 5.380186160021138e-32, 3.3546262790251185e-04, 1.0],
}


@pytest.mark.parametrize(("epoch", "peak"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (9, 4)])
def test_gaussian_schedule_matches_the_golden_table(epoch: int, peak: int) -> None:
    p = gaussian_schedule(torch.tensor(MEANS), epoch, epochs=10, pace=2.0, sigma=0.25)
    torch.testing.assert_close(p, torch.tensor(GOLDEN[peak], dtype=torch.float64), atol=1e-12, rtol=1e-6)


def test_gaussian_schedule_matches_eq_3_in_plain_floats() -> None:
    means = [0.01 * 1.3**j for j in range(25)]
    for epoch in range(70):
        g = min(int(1.5 * 25 * epoch // 70), 24)
        expected = [math.exp(-((s - means[g]) ** 2) / (2 * (0.4 * s) ** 2)) for s in means]
        p = gaussian_schedule(torch.tensor(means, dtype=torch.float64), epoch, 70, pace=1.5, sigma=0.4)
        torch.testing.assert_close(p, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-300)


def test_peak_bin_walks_to_the_last_bin_and_stays() -> None:
    walk = [peak_bin(epoch, 70, 25, 2.0) for epoch in range(70)]
    assert walk[0] == 0
    assert walk[7] == 5  # 2 * 25 * 7 / 70 = 5 exactly
    assert walk[34] == 24
    assert walk[35:] == [24] * 35
    assert walk == sorted(walk)
    assert peak_bin(3, 10, 10, 0.3) == 0  # 0.9
    assert peak_bin(4, 10, 25, 2.3) == 23  # exactly, though 2.3 * 25 * 4 / 10 rounds to a little less
    assert peak_bin(7, 70, 10, 1.1 * 10) == 9  # clamped


def test_floor_lifts_every_bin_and_leaves_the_peak() -> None:
    p = gaussian_schedule(torch.tensor(MEANS), 4, epochs=10, floor=0.05)
    torch.testing.assert_close(p, torch.tensor([0.05, 0.05, 0.05, 0.05, 1.0], dtype=torch.float64))


def test_bins_of_score_zero_are_safe() -> None:
    p = gaussian_schedule(torch.tensor([0.0, 0.0, 1.0]), 0, epochs=3, pace=1.0)
    assert p.tolist() == pytest.approx([1.0, 1.0, math.exp(-8)])
    assert gaussian_schedule(torch.tensor([0.0, 0.0, 1.0]), 2, epochs=3, pace=1.0).tolist() == [0.0, 0.0, 1.0]


def test_schedule_rejects_a_negative_epoch() -> None:
    with pytest.raises(ValueError, match="epoch"):
        gaussian_schedule(torch.tensor(MEANS), -1, 10)


def test_hard_takes_the_last_bins_and_uniform_all() -> None:
    assert hard_schedule(5, 2).tolist() == [0, 0, 0, 1, 1]
    assert uniform_schedule(3).tolist() == [1, 1, 1]


def test_growing_reaches_the_bins_in_order_and_keeps_them() -> None:
    for epoch in range(10):
        reached = min(int(2.0 * 5 * epoch / 10), 4)  # Eq. 3's g
        assert growing_schedule(5, epoch, 10, 2.0).tolist() == [1.0 if j <= reached else 0.0 for j in range(5)]


def test_a_loss_is_always_below_what_was_never_seen() -> None:
    peaks = torch.tensor([-1.0, 0.05, 0.4, 1.0, 7.0])
    assert self_paced_score(peaks).tolist() == pytest.approx([0.95, 0.95, 0.6, 0.0, 0.0])
    assert float(unseen_score(torch.tensor([0.0, 3.0])).min()) > float(self_paced_score(peaks).max())


def test_effective_bins_counts_equal_shares() -> None:
    assert effective_bins(torch.tensor([0.3, 0.3, 0.0, 0.3])) == pytest.approx(3.0)
    assert effective_bins(torch.tensor([1.0, 0.0])) == pytest.approx(1.0)
    skew = [0.75, 0.25]
    assert effective_bins(torch.tensor([3.0, 1.0])) == pytest.approx(math.exp(-sum(q * math.log(q) for q in skew)))


def test_active_score_is_eq_4_by_hand() -> None:
    peaks = torch.tensor([[0.5, 0.25, 0.75, 0.5], [1.0, 1.0, 1.0, 1.0]])
    score = active_score(torch.tensor([0.3, 0.3]), mean_peak(peaks))
    assert score.tolist() == pytest.approx([0.3 * 4 / (0.5 + 0.25 + 0.75 + 0.5), 0.3])


def test_peaks_are_clamped_one_by_one() -> None:
    assert mean_peak(torch.tensor([[1.8, -0.2]])).item() == pytest.approx((1.0 + 0.05) / 2)
    assert active_score(torch.tensor([2.0, 2.0]), torch.tensor([0.001, 3.0])).tolist() == pytest.approx([40.0, 2.0])


def test_mean_peak_can_leave_out_hidden_joints() -> None:
    peaks = torch.tensor([[0.4, 0.8, 0.1], [0.2, 0.2, 0.2]])
    assert mean_peak(peaks, torch.tensor([[2, 1, 0], [0, 0, 0]])).tolist() == pytest.approx([0.6, 1.0])


@pytest.mark.parametrize(("num", "n_bins"), [(100, 25), (103, 25), (7, 7), (5, 1)])
def test_bins_have_equal_counts_and_ascend(num: int, n_bins: int) -> None:
    score = torch.rand(num, generator=torch.Generator().manual_seed(num))
    order, bin_of = assign_bins(score, n_bins)
    ranked = sorted(range(num), key=lambda i: float(score[i]))
    assert order.tolist() == ranked
    sizes = [int((bin_of == j).sum()) for j in range(n_bins)]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == num
    walk = bin_of[torch.tensor(ranked)].tolist()
    assert walk == sorted(walk)


def test_ties_keep_the_order_of_the_samples() -> None:
    order, bin_of = assign_bins(torch.tensor([1.0, 0.0, 1.0, 0.0]), 2)
    assert order.tolist() == [1, 3, 0, 2]
    assert bin_of.tolist() == [1, 0, 1, 0]


def test_bin_means_by_hand() -> None:
    means = bin_means(torch.tensor([1.0, 3.0, 10.0]), torch.tensor([0, 0, 2]), 3)
    assert means[0] == 2
    assert means[2] == 10
    assert means[1].isnan()


@pytest.mark.parametrize("score", [torch.tensor([0.0, torch.nan]), torch.zeros(2, 2)])
def test_assign_bins_rejects_what_is_no_finite_vector(score: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="finite"):
        assign_bins(score, 1)


def test_assign_bins_rejects_more_bins_than_samples() -> None:
    with pytest.raises(ValueError, match="n_bins"):
        assign_bins(torch.rand(3), 4)

from collections import Counter

import pytest
import torch
from scipy import stats

from actupose.curriculum.draw import draw_counts, exact_counts, proportional_counts


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_counts_are_proportional_with_largest_remainder() -> None:
    # quotas 5.5, 3.3, 2.2: floors 5, 3, 2; the one left goes to the remainder .5
    assert proportional_counts(torch.tensor([0.5, 0.3, 0.2]), 11).tolist() == [6, 3, 2]
    # quotas 2.5 and 7.5: the tie goes to the first
    assert proportional_counts(torch.tensor([1.0, 3.0]), 10).tolist() == [3, 7]
    assert proportional_counts(torch.tensor([0.0, 1e-300, 0.0], dtype=torch.float64), 4).tolist() == [0, 4, 0]


def test_counts_add_up_for_any_shares() -> None:
    for seed in range(30):
        p = torch.rand(25, generator=_generator(seed)) ** 8
        counts = proportional_counts(p, 997)
        assert counts.sum() == 997
        assert ((counts - p.double() * 997 / p.double().sum()).abs() < 1).all()


def test_no_share_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to 0"):
        proportional_counts(torch.zeros(3), 5)


def test_exact_counts_are_the_papers() -> None:
    # p_j N / N_b with N = 100, N_b = 4
    p = torch.tensor([0.09, 1.0, 0.5, 0.018])
    assert exact_counts(p, torch.full((4,), 25)).tolist() == [2, 25, 12, 0]


def test_draw_is_without_replacement_with_the_planned_counts() -> None:
    bin_of = torch.randint(0, 4, (400,), generator=_generator(5))
    counts = torch.tensor([10, 0, 30, 60])
    drawn = draw_counts(bin_of, counts, _generator()).tolist()
    assert len(set(drawn)) == len(drawn) == 100
    assert Counter(bin_of[drawn].tolist()) == {0: 10, 2: 30, 3: 60}


def test_draw_order_mixes_the_bins() -> None:
    bin_of = torch.arange(1000) // 500
    drawn = draw_counts(bin_of, torch.tensor([400, 400]), _generator())
    first_half = bin_of[drawn[:400]].float().mean().item()
    assert 0.4 < first_half < 0.6


def test_an_exhausted_bin_goes_round_evenly() -> None:
    drawn = draw_counts(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 8]), _generator())
    times = Counter(drawn.tolist())
    assert set(times) == {1, 2, 3}
    assert sorted(times.values()) == [2, 3, 3]


def test_each_sample_of_a_bin_is_as_likely() -> None:
    bin_of = torch.arange(20) // 10
    times = torch.zeros(20)
    for seed in range(1500):
        times[draw_counts(bin_of, torch.tensor([3, 5]), _generator(seed))] += 1
    assert stats.chisquare(times[:10].numpy()).pvalue > 1e-3
    assert stats.chisquare(times[10:].numpy()).pvalue > 1e-3
    assert times[:10].sum() == 4500


def test_an_empty_bin_with_a_count_is_refused() -> None:
    with pytest.raises(ValueError, match="without samples"):
        draw_counts(torch.tensor([0, 2]), torch.tensor([1, 1, 1]), _generator())


def test_an_epoch_in_both_modes() -> None:
    bin_of = torch.arange(100) // 25
    p = torch.tensor([0.2, 1.0, 0.4, 0.0])
    drawn = draw_counts(bin_of, proportional_counts(p, 32), _generator())
    assert torch.bincount(bin_of[drawn], minlength=4).tolist() == [4, 20, 8, 0]
    exact = draw_counts(bin_of, exact_counts(p, torch.bincount(bin_of)), _generator())
    assert torch.bincount(bin_of[exact], minlength=4).tolist() == [5, 25, 10, 0]
    assert len(set(exact.tolist())) == 40

import math

import pytest
import torch
from stick_figures import stick_figures

from actupose.curriculum import PoseVAEConfig, fit_pose_vae, health_report, pair_differences, rank_correlation
from actupose.curriculum import score_poses as score
from actupose.skeletons import load_skeleton

BODY = load_skeleton("body16")


def test_rank_correlation_by_hand() -> None:
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(a, a.exp()) == pytest.approx(1.0)
    assert rank_correlation(a, -a) == pytest.approx(-1.0)
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with d = 1, 1, 0, 0
    assert rank_correlation(a, torch.tensor([2.0, 1.0, 3.0, 4.0])) == pytest.approx(1 - 6 * 2 / 60)
    assert math.isnan(rank_correlation(a, torch.zeros(4)))


def _elbow(degrees: float) -> list[list[float]]:
    turn = math.radians(degrees)
    return [[1.0, 0.0], [0.0, 0.0], [math.cos(turn), math.sin(turn)]]


def test_angular_difference_by_hand() -> None:
    # bin 0: the two poses differ by 20 degrees across the wrap (170 against -170); bin 1: by 90 degrees
    points = torch.tensor([_elbow(170), _elbow(0), _elbow(-170), _elbow(90)])
    difference = pair_differences(points, torch.full((4, 3), 2), torch.tensor([0, 1, 0, 1]), [(0, 1, 2)]).nanmean(-1)
    assert difference.tolist() == pytest.approx([math.radians(20) / 3, math.radians(90) / 3], rel=1e-4)


def test_angular_difference_compares_common_triplets_rescaled_to_all() -> None:
    points = torch.tensor([[*_elbow(10), [5.0, 5.0]], [*_elbow(50), [-9.0, 4.0]]])
    visible = torch.tensor([[2, 2, 2, 0], [2, 2, 1, 2]])
    difference = pair_differences(points, visible, torch.tensor([0, 0]), [(0, 1, 2), (0, 1, 3)]).nanmean(-1)
    assert difference.item() == pytest.approx(math.radians(40) * math.sqrt(2) / 4, rel=1e-4)


def test_bins_without_a_pair_are_nan() -> None:
    points = torch.tensor([_elbow(0), _elbow(10), _elbow(20)])
    visible = torch.tensor([[2, 2, 2], [2, 2, 0], [2, 2, 2]])
    assert pair_differences(points, visible, torch.tensor([0, 0, 2]), [(0, 1, 2)]).nanmean(-1).isnan().all()


def test_mean_over_pairs_approaches_all_pairs() -> None:
    points = stick_figures(40, 30.0, seed=2)
    visible, bin_of = torch.full((40, 16), 2), torch.arange(40) % 2
    got = pair_differences(points, visible, bin_of, BODY.triplets, num_pairs=20_000).nanmean(-1)

    def angle(pose: torch.Tensor, a: int, b: int, c: int) -> float:
        u, v = (pose[a] - pose[b]).tolist(), (pose[c] - pose[b]).tolist()
        return math.atan2(v[1], v[0]) - math.atan2(u[1], u[0])

    theta = [[angle(pose, *t) for t in BODY.triplets] for pose in points]
    for j in range(2):
        members = [i for i in range(40) if i % 2 == j]
        pairs = [(a, b) for a in members for b in members if a < b]
        total = 0.0
        for a, b in pairs:
            gaps = [math.remainder(x - y, 2 * math.pi) for x, y in zip(theta[a], theta[b], strict=True)]
            total += math.sqrt(sum(g * g for g in gaps)) / 16
        assert float(got[j]) == pytest.approx(total / len(pairs), rel=0.02)


def test_a_fitted_ranking_is_healthy() -> None:
    spread = torch.linspace(3.0, 40.0, 1500)
    points, visible = stick_figures(1500, spread, seed=0), torch.full((1500, 16), 2)
    scores = [
        score(fit_pose_vae(points, visible, BODY, PoseVAEConfig(steps=150, seed=seed)), points, visible, BODY)
        for seed in (0, 1)
    ]
    report = health_report(points, visible, BODY, scores[0], scores[1], n_bins=10)
    assert not report.reasons
    assert report.rank_correlation > 0.8
    assert report.angular_difference[-1] > 2 * report.angular_difference[0]
    assert "healthy" in str(report)


def test_a_random_ranking_is_reported_as_collapsed() -> None:
    points, visible = stick_figures(1000, 20.0, seed=0), torch.full((1000, 16), 2)
    noise = torch.rand(2, 1000, generator=torch.Generator().manual_seed(3))
    report = health_report(points, visible, BODY, noise[0], noise[1])
    assert "two seeds" in report.reasons[0]
    assert "COLLAPSED" in str(report)


def test_falling_diversity_is_reported_as_collapsed() -> None:
    spread = torch.linspace(40.0, 3.0, 1000)
    points, visible = stick_figures(1000, spread, seed=0), torch.full((1000, 16), 2)
    ranking = torch.arange(1000.0)
    report = health_report(points, visible, BODY, ranking, ranking)
    assert report.rank_correlation == pytest.approx(1.0)
    assert len(report.reasons) == 1
    assert "diverse" in report.reasons[0]


def test_constant_scores_are_reported_as_collapsed() -> None:
    points, visible = stick_figures(100, 20.0, seed=0), torch.full((100, 16), 2)
    report = health_report(points, visible, BODY, torch.ones(100), torch.ones(100), n_bins=5)
    assert "two seeds" in report.reasons[0]

"""Label-free validators against slow loops, and the properties that make them validators."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from actupose.metrics import (
    Agreement,
    HeatmapEntropy,
    HeatmapPeak,
    LimbPlausibility,
    PoseVAEPlausibility,
    SoftNeighborhoodDensity,
)
from actupose.skeletons import load_skeleton

BODY = load_skeleton("body16")
GENERATOR = torch.Generator().manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=GENERATOR)


def people(n: int, spread: float = 2.0) -> Tensor:
    """(n, 16, 2) poses: one figure, moved, scaled and shaken a little."""
    figure = torch.rand(16, 2, generator=torch.Generator().manual_seed(3)) * 100
    return figure * (0.5 + rand(n, 1, 1)) + rand(n, 1, 2) * 50 + spread * torch.randn(n, 16, 2, generator=GENERATOR)


def test_agreement_is_the_share_of_seen_keypoints_that_are_near() -> None:
    a, seen = rand(5, 16, 2) * 100, (rand(5, 16) > 0.3).float()
    seen[4] = 0
    b = a + torch.randn(5, 16, 2, generator=GENERATOR) * 4
    metric = Agreement()
    metric.update(a[:2], b[:2], seen[:2], 100)
    metric.update(a[2:], b[2:], seen[2:], 100)
    slow = []
    for i in range(4):
        near = [math.dist(a[i, k].tolist(), b[i, k].tolist()) < 5 for k in range(16) if seen[i, k] > 0]
        slow.append(100 * sum(near) / len(near))
    assert metric.per_image()[:4].tolist() == pytest.approx(slow)
    assert bool(metric.per_image()[4].isnan())
    assert float(metric.compute()) == pytest.approx(sum(slow) / 4)
    assert 0 < float(metric.compute()) < 100


def test_noise_lowers_agreement() -> None:
    points = rand(50, 16, 2) * 100
    values = []
    for noise in (0.0, 2.0, 5.0, 20.0):
        metric = Agreement()
        moved = points + noise * torch.randn(50, 16, 2, generator=GENERATOR)
        metric.update(points, moved, torch.ones(50, 16), 100)
        values.append(float(metric.compute()))
    assert values[0] == 100
    assert values == sorted(values, reverse=True)


def test_peak_and_entropy_by_a_slow_loop() -> None:
    heat = torch.randn(3, 4, 6, 5, generator=GENERATOR)
    heat[2, 0] = -1.0  # nothing above zero: as flat as can be
    peak, entropy = HeatmapPeak(), HeatmapEntropy()
    peak.update(heat)
    entropy.update(heat)
    for i in range(3):
        tops, flats = [], []
        for joint in heat[i]:
            pixels = [max(float(v), 0.0) for v in joint.flatten()]
            total = sum(pixels)
            shares = [v / total for v in pixels] if total else [1 / 30] * 30
            tops.append(float(joint.max()))
            flats.append(-sum(p * math.log(p) for p in shares if p > 0) / math.log(30))
        assert float(peak.per_image()[i]) == pytest.approx(sum(tops) / 4, rel=1e-5)
        assert float(entropy.per_image()[i]) == pytest.approx(sum(flats) / 4, rel=1e-5)


def test_entropy_is_0_for_one_pixel_and_grows_with_the_width() -> None:
    grid = (torch.arange(32.0) - 16).square()
    values = []
    for sigma in (0.1, 1.0, 3.0, 100.0):
        metric = HeatmapEntropy()
        metric.update(torch.exp(-(grid[:, None] + grid) / (2 * sigma**2)).expand(1, 2, 32, 32))
        values.append(float(metric.compute()))
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1, abs=0.01)


def test_pose_vae_plausibility_counts_the_source_poses_at_least_as_odd() -> None:
    source = rand(40)
    asked = torch.cat([rand(6), source[:2], torch.tensor([9.0])])
    known = torch.ones(16)
    known[7] = 0
    told = []

    def score(points: Tensor, visible: Tensor) -> Tensor:
        told.append(visible)
        return points[:, 0, 0]

    metric = PoseVAEPlausibility(score, source, known)
    metric.update(asked[:, None, None].expand(-1, 16, 2))
    slow = [100 * sum(float(s) >= float(a) for s in source) / 40 for a in asked]
    assert metric.per_image().tolist() == pytest.approx(slow)
    assert slow[-1] == 0
    assert not told[0][:, 7].any()
    assert bool(told[0][:, :7].all())


def test_noise_in_predictions_lowers_the_plausibility_of_a_real_pose_vae() -> None:
    from actupose.curriculum import PoseVAEConfig, fit_pose_vae, score_poses

    source, whole = people(400), torch.ones(400, 16)
    vae = fit_pose_vae(source, whole, BODY, PoseVAEConfig(epochs=300, hidden=(64,), latent=4))
    values: dict[str, list[float]] = {"vae": [], "limbs": []}
    clean = people(100)
    for noise in (0.0, 5.0, 15.0, 60.0):
        shaken = clean + noise * torch.randn(100, 16, 2, generator=GENERATOR)
        by_vae = PoseVAEPlausibility(
            lambda p, v: score_poses(vae, p, v, BODY), score_poses(vae, source, whole, BODY), whole[0]
        )
        by_limbs = LimbPlausibility(BODY, source, whole)
        for name, metric in (("vae", by_vae), ("limbs", by_limbs)):
            metric.update(shaken)
            values[name].append(float(metric.compute()))
    for found in values.values():
        assert found == sorted(found, reverse=True)
        assert found[0] > 2 * found[-1]


def test_limb_plausibility_by_a_slow_loop() -> None:
    source, visible, asked = people(30), (rand(30, 16) > 0.2).float(), people(4, 10.0)
    visible[:, 15] = 0  # a keypoint that the source never labels

    def ratios(pose: Tensor, seen: list[float]) -> list[float]:
        lengths = [
            math.dist(pose[a].tolist(), pose[b].tolist()) if seen[a] > 0 and seen[b] > 0 else math.nan
            for a, b in BODY.limbs
        ]
        held = [v for v in lengths if not math.isnan(v)]
        return [math.log(max(v / (sum(held) / len(held)), 0.01)) if not math.isnan(v) else v for v in lengths]

    known = [ratios(p, v.tolist()) for p, v in zip(source, visible, strict=True)]
    columns = [[v for v in column if not math.isnan(v)] for column in zip(*known, strict=True)]
    metric = LimbPlausibility(BODY, source, visible)
    metric.update(asked)
    for i, pose in enumerate(asked):
        usual = []
        for value, column in zip(ratios(pose, [1.0] * 16), columns, strict=True):
            if column:
                mean = sum(column) / len(column)
                var = sum((v - mean) ** 2 for v in column) / len(column)
                usual.append(math.exp(-0.5 * (value - mean) ** 2 / var))
        assert len(usual) < len(BODY.limbs)
        assert float(metric.per_image()[i]) == pytest.approx(100 * sum(usual) / len(usual), rel=1e-3)


def test_limb_plausibility_does_not_see_place_size_and_turn() -> None:
    metric = LimbPlausibility(BODY, people(50), torch.ones(50, 16))
    pose = people(3)
    turned = (pose * 3 + 40) @ torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    metric.update(pose)
    metric.update(turned)
    assert metric.per_image()[:3].tolist() == pytest.approx(metric.per_image()[3:].tolist(), rel=1e-3)


def test_soft_neighborhood_density_by_a_slow_loop() -> None:
    features = rand(7, 5) - 0.3
    metric = SoftNeighborhoodDensity()
    metric.update(features[:3])
    metric.update(features[3:])
    unit = [[float(v) / math.hypot(*row.tolist()) for v in row] for row in features]
    for i in range(7):
        near = [math.exp(sum(a * b for a, b in zip(unit[i], unit[j], strict=True)) / 0.05) for j in range(7) if j != i]
        shares = [v / sum(near) for v in near]
        entropy = -sum(p * math.log(p) for p in shares if p > 0) / math.log(6)
        assert float(metric.per_image()[i]) == pytest.approx(entropy, abs=1e-5)


def test_density_is_highest_for_equal_features_and_low_for_pairs() -> None:
    equal, pairs, few = SoftNeighborhoodDensity(), SoftNeighborhoodDensity(), SoftNeighborhoodDensity()
    equal.update(torch.ones(10, 4))
    pairs.update(torch.eye(5).repeat(2, 1))
    few.update(torch.ones(2, 4))
    assert float(equal.compute()) == pytest.approx(1)
    assert float(pairs.compute()) < 0.01
    assert math.isnan(float(few.compute()))

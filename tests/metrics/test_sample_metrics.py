import math

import pytest
import torch

from actupose.metrics import EvalPoseScore, PerBinPCK, SampleConfidence
from actupose.skeletons import load_skeleton

BODY = load_skeleton("body16")


def test_confidence_sums_repeats_and_leaves_the_unseen_at_zero() -> None:
    metric = SampleConfidence(5)
    metric.update(torch.tensor([1, 3, 1]), torch.tensor([0.5, 0.25, 0.75]))
    metric.update(torch.tensor([3]), torch.tensor([0.5], dtype=torch.float16))
    total, count = metric.compute()
    assert total.tolist() == [0, 1.25, 0, 0.75, 0]
    assert count.tolist() == [0, 2, 0, 2, 0]
    metric.reset()
    metric.update(torch.tensor([0]), torch.tensor([1.0], requires_grad=True))
    total, count = metric.compute()
    assert count.tolist() == [1, 0, 0, 0, 0]
    assert not total.requires_grad


def test_confidence_of_two_processes_is_summed() -> None:
    parts = [SampleConfidence(3), SampleConfidence(3)]
    parts[0].update(torch.tensor([0, 1]), torch.tensor([0.5, 0.5]))
    parts[1].update(torch.tensor([1]), torch.tensor([0.25]))
    for name in ("total", "count"):
        reduce = parts[0]._reductions[name]
        merged = reduce(torch.stack([getattr(part, name) for part in parts]))  # type: ignore[operator, misc]
        assert merged.tolist() == ([0.5, 0.75, 0.0] if name == "total" else [1, 2, 0])


def test_pck_per_bin_by_hand() -> None:
    metric = PerBinPCK(BODY, bin_of=torch.tensor([0, 2, 0, 2, 1]), n_bins=4)
    target, visible = torch.zeros(3, 16, 2), torch.ones(3, 16)
    pred = target.clone()
    pred[0, [10, 15]] = 50.0  # sample 2 (bin 0): 2 of 12 wrong
    pred[0, 7] = 50.0  # the thorax is not in `All`
    pred[1, 0] = 50.0  # sample 1 (bin 2): 1 of 11 labelled wrong
    visible[1, 5] = 0
    metric.update(torch.tensor([2, 1, 0]), pred, target, visible, image_size=256)
    metric.update(torch.tensor([3]), target[:1], target[:1], visible[:1], image_size=256)
    values = metric.compute().tolist()
    assert values[0] == pytest.approx(100 * 22 / 24)
    assert values[2] == pytest.approx(100 * 22 / 23)
    assert math.isnan(values[1])
    assert math.isnan(values[3])


def test_bins_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        PerBinPCK(BODY, torch.tensor([0, 3]), n_bins=3)


def test_evalpose_score_is_the_mean_over_images_of_mean_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    pred, target = torch.rand(2, 3, 16, 2, generator=generator) * 100
    visible = torch.full((3, 16), 2)
    visible[1, [0, 1, 7]] = 0
    visible[2] = 0  # an image without a limb does not count
    images = []
    for i in range(2):
        cosines = []
        for a, b in BODY.limbs:
            if visible[i, a] > 0 and visible[i, b] > 0:
                u, v = (pred[i, b] - pred[i, a]).tolist(), (target[i, b] - target[i, a]).tolist()
                cosines.append((u[0] * v[0] + u[1] * v[1]) / (math.hypot(*u) * math.hypot(*v)))
        images.append(100 * sum(cosines) / len(cosines))
    assert len(images) == 2
    metric = EvalPoseScore(BODY)
    metric.update(pred[:1], target[:1], visible[:1])
    metric.update(pred[1:], target[1:], visible[1:])
    assert float(metric.compute()) == pytest.approx(sum(images) / 2, rel=1e-4)


def test_evalpose_score_of_equal_and_opposite_poses() -> None:
    target = torch.rand(2, 16, 2) * 100
    for pred, expected in ((target * 3 + 5, 100.0), (-target, -100.0)):
        metric = EvalPoseScore(BODY)
        metric.update(pred, target, torch.ones(2, 16))
        assert float(metric.compute()) == pytest.approx(expected, abs=1e-3)


def test_evalpose_score_without_a_limb_is_nan() -> None:
    metric = EvalPoseScore(BODY)
    metric.update(torch.full((1, 16, 2), torch.nan), torch.zeros(1, 16, 2), torch.zeros(1, 16))
    assert math.isnan(float(metric.compute()))

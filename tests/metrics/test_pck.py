import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from actupose.codecs import encode
from actupose.metrics import PCK
from actupose.skeletons import load_skeleton

BODY, HAND = load_skeleton("body16"), load_skeleton("hand21")


def _values(metric: PCK) -> dict[str, float]:
    return {name: float(value) for name, value in metric.compute().items()}


def test_groups_of_the_body_by_hand() -> None:
    target = torch.full((2, 16, 2), 100.0)
    pred, visible = target.clone(), torch.full((2, 16), 2)
    pred[0, 12] += 50.0  # right shoulder of the first image
    pred[:, [11, 14], 0] += 50.0  # all elbows
    pred[1, 10, 1] -= 50.0
    visible[0, 15] = 0  # wrists: one of three wrong
    visible[:, [2, 3]] = 0  # no hip at all
    pred[:, [6, 7, 8, 9]] += 50.0  # trunk joints are in no group
    metric = PCK(BODY)
    metric.update(pred, target, visible, image_size=256)
    values = _values(metric)
    assert values["Sld"] == 75
    assert values["Elb"] == 0
    assert values["Wrist"] == pytest.approx(100 * 2 / 3)
    assert math.isnan(values["Hip"])
    assert values["Knee"] == values["Ankle"] == 100
    assert values["All"] == pytest.approx(100 * (3 + 0 + 2 + 4 + 4) / (4 + 4 + 3 + 4 + 4))


def test_groups_of_the_hand_by_hand() -> None:
    target = torch.full((1, 21, 2), 80.0)
    pred = target.clone()
    pred[0, [0, 4, 8]] += 99.0  # the wrist and two fingertips
    metric = PCK(HAND)
    metric.update(pred, target, torch.ones(1, 21), image_size=256)
    values = _values(metric)
    assert list(values) == ["MCP", "PIP", "DIP", "Fingertip", "All"]
    assert values["Fingertip"] == pytest.approx(60)
    assert values["MCP"] == values["PIP"] == values["DIP"] == 100
    assert values["All"] == pytest.approx(100 * 18 / 21)


def test_the_distance_must_stay_below_the_threshold() -> None:
    target = torch.zeros(1, 16, 2)
    visible = torch.zeros(1, 16)
    visible[0, [0, 5]] = 1
    pred = target.clone()
    pred[0, 0] = torch.tensor([3.0, 4.0])  # 5 px = 0.05 of 100 px exactly: wrong
    pred[0, 5] = torch.tensor([3.0, 3.99])
    metric = PCK(BODY)
    metric.update(pred, target, visible, image_size=100)
    assert _values(metric)["Ankle"] == 50
    wider = PCK(BODY, threshold=0.06)
    wider.update(pred, target, visible, image_size=100)
    assert _values(wider)["Ankle"] == 100


def test_predictions_that_are_not_finite_are_wrong_and_hidden_labels_may_be_nan() -> None:
    target, visible = torch.zeros(1, 16, 2), torch.full((1, 16), 2)
    pred = target.clone()
    pred[0, 0] = torch.nan
    target[0, 5] = torch.nan
    visible[0, 5] = 0
    metric = PCK(BODY)
    metric.update(pred, target, visible, image_size=64)
    values = _values(metric)
    assert values["Ankle"] == 0
    assert values["Knee"] == 100


def _batches(count: int = 5, side: int = 40) -> list[tuple[Tensor, Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    batches = []
    for i in range(count):
        num = 3 + i % 3
        target = torch.rand(num, 16, 2, generator=generator) * (side - 1)
        target[:, 3] = torch.rand(num, 2, generator=generator) * 3  # often at the border
        visible = (torch.rand(num, 16, generator=generator) > 0.3).long() * 2
        if i == 1:
            visible[:, 0] = 0  # a joint never scored in this batch
        heat, _ = encode(target + torch.randn(num, 16, 2, generator=generator), torch.ones(num, 16), (side, side))
        heat += 0.05 * torch.rand(heat.shape, generator=generator)
        batches.append((heat, target, visible))
    return batches


def _slow_regda(batches: list[tuple[Tensor, Tensor, Tensor]], joint: int) -> float:
    """Average one joint's accuracy per batch over batches by their size, one pixel at a time."""
    total, weight = 0.0, 0
    for heat, target, visible in batches:
        side = heat.shape[-1]
        right, scored = 0, 0
        for i in range(len(heat)):
            if visible[i, joint] == 0:
                continue
            x, y = (math.floor(float(c) + 0.5) for c in target[i, joint])  # where the label's heatmap peaks
            if x <= 1 or y <= 1:
                continue
            row, column = np.unravel_index(int(np.argmax(heat[i, joint].numpy())), (side, side))
            scored += 1
            right += math.hypot(int(column) - x, int(row) - y) / (side / 10) < 0.5
        if scored:
            total += len(heat) * right / scored
            weight += len(heat)
    return total / weight


def test_regda_mode_equals_the_slow_loop() -> None:
    batches = _batches()
    metric = PCK(BODY, mode="regda")
    for heat, target, visible in batches:
        metric.update_heatmaps(heat, target, visible)
    joint = [_slow_regda(batches, k) for k in range(16)]
    values = _values(metric)
    assert 0.2 < np.mean(joint) < 0.95
    for name, members in BODY.groups.items():
        assert values[name] == pytest.approx(100 * np.mean([joint[k] for k in members]), rel=1e-5)


def test_regda_averages_batches_where_pooled_counts_joints() -> None:
    target = torch.full((2, 16, 2), 20.0)
    visible = torch.full((2, 16), 2)
    visible[1] = 0
    wrong = torch.full((2, 16, 2), 40.0)
    regda, pooled = PCK(BODY, mode="regda"), PCK(BODY)
    for pred, shown in ((target, torch.full((2, 16), 2)), (wrong, visible)):
        heat, _ = encode(pred, torch.ones(2, 16), (64, 64))
        regda.update_heatmaps(heat, target, shown)
        pooled.update(pred, target, shown, image_size=64)
    assert _values(regda)["All"] == pytest.approx(50)
    assert _values(pooled)["All"] == pytest.approx(100 * 2 / 3)


def test_regda_leaves_out_labels_at_the_first_two_pixels() -> None:
    target = torch.full((1, 16, 2), 10.0)
    target[0, 0] = torch.tensor([1.4, 10.0])  # peaks at x = 1
    target[0, 5] = torch.tensor([1.6, 10.0])  # peaks at x = 2
    target[0, 1, 1] = 1.0
    target[0, 4] = torch.tensor([70.0, 10.0])  # outside
    heat, _ = encode(torch.full((1, 16, 2), 50.0), torch.ones(1, 16), (64, 64))
    metric = PCK(BODY, mode="regda")
    metric.update_heatmaps(heat, target, torch.ones(1, 16))
    assert metric.scored[[0, 5, 1, 4, 2]].tolist() == [0, 1, 0, 0, 1]
    values = _values(metric)
    assert values["Ankle"] == 0
    assert math.isnan(values["Knee"])


def test_reset_forgets() -> None:
    metric = PCK(BODY)
    metric.update(torch.zeros(1, 16, 2), torch.zeros(1, 16, 2), torch.ones(1, 16), image_size=64)
    metric.reset()
    metric.update(torch.full((1, 16, 2), 60.0), torch.zeros(1, 16, 2), torch.ones(1, 16), image_size=64)
    assert _values(metric)["All"] == 0


@pytest.mark.parametrize("mode", ["pooled", "regda"])
def test_summing_two_processes_equals_one(mode: str) -> None:
    parts = [PCK(BODY, mode=mode) for _ in range(2)]  # type: ignore[arg-type]
    whole = PCK(BODY, mode=mode)  # type: ignore[arg-type]
    for i, (heat, target, visible) in enumerate(_batches(4)):
        for metric in (parts[i % 2], whole):
            if mode == "regda":
                metric.update_heatmaps(heat, target, visible)
            else:
                metric.update(target + 2 * torch.sin(target), target, visible, image_size=40)
    merged = copy.deepcopy(parts[0])
    for name, reduce in merged._reductions.items():
        stacked = torch.stack([getattr(part, name) for part in parts])
        setattr(merged, name, reduce(stacked))  # type: ignore[operator, misc]
    merged._computed = None
    assert 0 < _values(whole)["All"] < 100
    assert _values(merged) == pytest.approx(_values(whole), nan_ok=True)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        PCK(BODY, mode="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="regda"):
        PCK(BODY).update_heatmaps(torch.zeros(1, 16, 8, 8), torch.zeros(1, 16, 2), torch.ones(1, 16))
    with pytest.raises(ValueError, match="square"):
        PCK(BODY, mode="regda").update_heatmaps(torch.zeros(1, 16, 8, 9), torch.zeros(1, 16, 2), torch.ones(1, 16))
    with pytest.raises(ValueError, match="whole heatmap pixels"):
        PCK(BODY, mode="regda").update(torch.full((1, 16, 2), 0.5), torch.zeros(1, 16, 2), torch.ones(1, 16), 64)
    with pytest.raises(ValueError, match="expected points"):
        PCK(BODY).update(torch.zeros(1, 16, 2), torch.zeros(1, 15, 2), torch.ones(1, 16), 64)

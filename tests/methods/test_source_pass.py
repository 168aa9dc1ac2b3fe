"""The supervised step against a slow composition by hand: matrices, bilinear warp, Gaussians, weighted error."""

from __future__ import annotations

import math

import kornia
import numpy as np
import pytest
import torch
from torch import Tensor

from actupose.curriculum.active import LEAST_PEAK
from actupose.methods import LossWeights, Oracle, SourceOnly
from actupose.metrics import SampleConfidence
from actupose.views import AffineConfig, color_jitter, sample_affine, sample_crop, sample_jitter
from methods.tiny import SIZE, STILL, batch, method


def gaussian(x: float, y: float, side: int) -> Tensor:
    """Standard deviation 2 at 64, so side / 32; zero beyond three of them."""
    sigma = side / 32
    out = torch.zeros(side, side)
    for row in range(side):
        for column in range(side):
            if abs(column - x) <= 3 * sigma and abs(row - y) <= 3 * sigma:
                out[row, column] = math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return out


@pytest.mark.parametrize("seed", [0, 1])
def test_the_supervised_step_equals_a_composition_by_hand(seed: int) -> None:
    one = batch(1, seed)
    sample = one["source"]
    model = method(SourceOnly).eval()
    model._generator.manual_seed(seed)
    with torch.no_grad():
        loss = model.losses(one)["supervised"]

    generator = torch.Generator().manual_seed(seed)
    crop = sample_crop(1, SIZE, (0.6, 1.0), generator)[0].double().numpy()
    matrix = sample_affine(1, SIZE, AffineConfig(), generator)[0].double().numpy() @ crop
    centers = kornia.geometry.warp_affine(
        sample.image.float() / 255, torch.from_numpy(matrix[None, :2]).float(), (SIZE, SIZE), align_corners=True
    )
    with torch.no_grad():
        heatmaps = model.student(color_jitter(centers, sample_jitter(1, 0.25, generator))).heatmaps[0]
    total, scored = 0.0, 0
    for k in range(16):
        x, y, _ = matrix @ np.array([*sample.keypoints[0, k].tolist(), 1.0])
        x, y = (x + 0.5) / 4 - 0.5, (y + 0.5) / 4 - 0.5
        if sample.visible[0, k] > 0 and -0.5 <= x < 15.5 and -0.5 <= y < 15.5:
            scored += 1
            total += float(((heatmaps[k] - gaussian(x, y, 16)) ** 2).sum()) * 0.5
    assert scored > 3
    assert float(loss) == pytest.approx(total / (16 * 16 * 16), rel=2e-3)


def test_peaks_reach_the_curriculum_by_row() -> None:
    model = method(SourceOnly, affine=STILL, jitter=0.0).eval()
    model.confidence = SampleConfidence(10)
    data = batch(3)
    data["source"] = data["source"]._replace(row=torch.tensor([7, 2, 7]))
    with torch.no_grad():
        model.source_pass(data)
        heatmaps = model.student(data["source"].image.float() / 255).heatmaps
    mean = [sum(min(max(float(h.max()), LEAST_PEAK), 1.0) for h in maps) / 16 for maps in heatmaps]
    total, count = model.confidence.compute()
    assert count.tolist() == [0, 0, 1, 0, 0, 0, 0, 2, 0, 0]
    assert float(total[2]) == pytest.approx(mean[1], rel=1e-5)
    assert float(total[7]) == pytest.approx(mean[0] + mean[2], rel=1e-5)


def test_labels_do_not_touch_the_picture() -> None:
    model, data = method(SourceOnly).eval(), batch(2)
    other = {"source": data["source"]._replace(keypoints=torch.zeros(2, 16, 2))}
    passes = []
    for each in (data, other):
        model._generator.manual_seed(4)
        with torch.no_grad():
            passes.append(model.source_pass(each))  # type: ignore[arg-type]
    assert torch.equal(passes[0].heatmaps, passes[1].heatmaps)
    assert not torch.equal(passes[0].label, passes[1].label)


def test_both_ends_of_the_table_are_supervised_alone() -> None:
    for cls in (SourceOnly, Oracle):
        model = method(cls)
        assert set(model.losses(batch(2))) == {"supervised"}
        assert not model.needs_target
        assert list(model.nets()) == ["student"]


def test_weights_by_name() -> None:
    weights = LossWeights(supervised=2, consistency=3, evalpose=5, cross_domain=7)
    assert [weights.of(n) for n in ("supervised", "consistency", "evalpose", "cross_domain")] == [2, 3, 5, 7]
    assert [LossWeights().of(n) for n in ("supervised", "consistency", "evalpose", "cross_domain")] == [1, 1, 0.1, 0.01]

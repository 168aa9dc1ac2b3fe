"""The third stream in a step: it goes through the student behind the source, with a loss and gradients of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from actupose.methods import HKFA, UDAPE, ACTUPose, LossWeights, PoseMethod, RegDA, ScheduleConfig, SourceOnly
from actupose.methods.base import TrainBatch
from methods.tiny import NET, NO_STYLE, batch, method


def with_few(n: int = 2) -> TrainBatch:
    return {**batch(3), "labelled_target": batch(n, seed=9)["source"]}


def seeded(made: PoseMethod, data: TrainBatch) -> Any:
    made._generator.manual_seed(5)
    return made.source_pass(data)


def test_the_source_is_seen_as_without_them() -> None:
    """Same draws, same result; in evaluation mode, where BatchNorm does not mix a batch."""
    made = method(SourceOnly).eval()
    alone, both = seeded(made, batch(3)), seeded(made, with_few())
    assert alone.labelled_target is None
    assert torch.equal(alone.points, both.points)
    torch.testing.assert_close(alone.heatmaps, both.heatmaps)
    torch.testing.assert_close(alone.feature, both.feature)
    few = both.labelled_target
    assert few.heatmaps.shape[:2] == (2, 16)
    assert few.feature.shape == (2, alone.feature.shape[1])


def test_their_pass_is_that_of_a_source_batch_of_them() -> None:
    made = method(SourceOnly).eval()
    data = with_few()
    made._generator.manual_seed(5)
    made.labelled_view(data["source"])  # what is drawn before
    view = made.labelled_view(data["labelled_target"])
    few = seeded(made, data).labelled_target
    torch.testing.assert_close(few.heatmaps, made.student(view.images).heatmaps.float())
    assert torch.equal(few.points, view.points)


@pytest.mark.parametrize("cls", [SourceOnly, UDAPE, ACTUPose, HKFA, RegDA])
def test_gradients_flow_from_their_labels(cls: type[PoseMethod], monkeypatch: pytest.MonkeyPatch) -> None:
    made = cls(net=NET, schedule=ScheduleConfig(adapt_from=0), style=NO_STYLE)
    monkeypatch.setattr(cls, "current_epoch", 0, raising=False)
    monkeypatch.setattr(made, "log", lambda *_, **__: None)
    made.train()
    data = with_few()
    terms = next(iter(made.steps(data))).terms if isinstance(made, RegDA) else made.losses(data)
    assert float(terms["labelled_target"].detach()) > 0
    reached = torch.autograd.grad(terms["labelled_target"], list(made.student.parameters()), allow_unused=True)
    assert all(gradient is not None for gradient in reached)
    assert any(bool(gradient.abs().sum() > 0) for gradient in reached if gradient is not None)


def test_the_loss_falls_when_the_student_learns_from_them_alone() -> None:
    made = method(SourceOnly, weights=LossWeights(supervised=0.0), jitter=0.0)
    data = with_few()
    optimizer = torch.optim.Adam(made.student.parameters(), 1e-3)
    values = []
    for _ in range(12):
        made._generator.manual_seed(5)
        loss = made.losses(data)["labelled_target"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0] / 2


def test_weight_0_is_without_them() -> None:
    made = method(SourceOnly, weights=LossWeights(labelled_target=0.0))
    assert seeded(made, with_few()).labelled_target is None

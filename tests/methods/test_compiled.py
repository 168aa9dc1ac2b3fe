"""Compiled networks: the same numbers, in training alone."""

from __future__ import annotations

import pytest
import torch
from tiny import batch, method

from actupose.methods import ACTUPose
from actupose.models.pose_net import PoseNet


def losses(*, compiled: bool) -> dict[str, float]:
    made = method(ACTUPose)
    made.__class__ = type("Now", (ACTUPose,), {"current_epoch": 0})
    if compiled:
        for net in made.modules():
            if isinstance(net, PoseNet):
                net.compile_training(backend="aot_eager")  # traced as by default, without the minutes of a compiler
    made._generator.manual_seed(0)
    return {name: float(value) for name, value in made.losses(batch()).items()}


def test_compiled_losses_are_the_same() -> None:
    torch.compiler.reset()
    assert losses(compiled=True) == pytest.approx(losses(compiled=False), rel=1e-4)


def test_evaluation_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    net = method(ACTUPose).student
    calls: list[bool] = []
    monkeypatch.setattr(torch, "compile", lambda run, **_: lambda x: (calls.append(net.training), run(x))[1])
    net.compile_training(mode="default")
    images = torch.rand(2, 3, 64, 64)
    net.eval()(images)
    assert calls == []
    net.train()(images)
    assert calls == [True]

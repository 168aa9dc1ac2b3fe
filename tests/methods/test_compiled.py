"""Compiled networks: the same numbers, one graph each, compiled once, in training alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import batch, method
from torch import nn

from actupose.methods import ACTUPose
from actupose.models import NetConfig
from actupose.models.pose_net import PoseNet


def compile_nets(made: nn.Module, **options: Any) -> None:
    """Compile without the minutes of a compiler; what cannot be traced as one graph raises."""
    torch.compiler.reset()
    for net in made.modules():
        if isinstance(net, PoseNet):
            net.compile_training(fullgraph=True, **options)


def losses(made: ACTUPose, seed: int = 0) -> dict[str, float]:
    made._generator.manual_seed(seed)
    return {name: float(value.detach()) for name, value in made.losses(batch(seed=seed)).items()}


def adapting() -> ACTUPose:
    made = method(ACTUPose)
    made.__class__ = type("Now", (ACTUPose,), {"current_epoch": 0})
    return made


def test_compiled_losses_are_the_same_and_only_the_first_step_compiles() -> None:
    made, plain = adapting(), adapting()
    compile_nets(made, backend="aot_eager")  # traced as by default
    assert losses(made) == pytest.approx(losses(plain), rel=1e-4)
    with torch.compiler.set_stance("fail_on_recompile"):
        assert losses(made, 1) == pytest.approx(losses(plain, 1), rel=1e-3)


@pytest.mark.parametrize(
    "config", [NetConfig("resnet18", "random", "deconv", 16), NetConfig("resnet18", "random", "fpn", 16, 2, "softmax")]
)
def test_a_network_is_one_graph(config: NetConfig) -> None:
    """Under bf16 as on a GPU; with gradients as the student, and without as the teacher."""
    net = PoseNet(config, 16).train()
    compile_nets(net, backend="eager")
    with torch.autocast("cpu", torch.bfloat16):
        assert net(torch.rand(2, 3, 64, 64)).heatmaps.requires_grad
        with torch.no_grad():
            assert net(torch.rand(2, 3, 64, 64)).heatmaps.shape == (2, 16, 16, 16)


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

"""Compiled networks and parts of the step: the same numbers, one graph each, compiled once, in training alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import batch, method
from torch import nn

from actupose.errors import UserError
from actupose.methods import (
    HKFA,
    UDAPE,
    ACTUPose,
    GatingConfig,
    PoseMethod,
    SkeletonLossConfig,
    SourceOnly,
    TeacherConfig,
)
from actupose.methods.compiled import compile_parts, compile_training, device_part
from actupose.models import NetConfig
from actupose.models.pose_net import PoseNet

PAIRS = SkeletonLossConfig(confidence=-10.0, gamma=100.0)  # every pose is like every other, so that there are pairs


def compile_nets(made: nn.Module, **options: Any) -> None:
    """Compile without the minutes of a compiler; what cannot be traced as one graph raises."""
    for net in made.modules():
        if isinstance(net, PoseNet):
            net.compile_training(fullgraph=True, **options)


def losses(made: PoseMethod, seed: int = 0) -> dict[str, float]:
    """The losses of a batch, and the length of their gradient."""
    made._generator.manual_seed(seed)
    made.zero_grad()
    terms = made.losses(batch(seed=seed))
    sum(terms.values()).backward()  # type: ignore[union-attr]
    gradients = [p.grad.flatten() for p in made.student.parameters() if p.grad is not None]
    return {name: float(value.detach()) for name, value in terms.items()} | {
        "gradient": float(torch.cat(gradients).norm())
    }


def adapting(cls: type[PoseMethod] = ACTUPose, **options: Any) -> Any:
    torch.compiler.reset()
    made = method(cls, **options)
    made.__class__ = type("Now", (cls,), {"current_epoch": 0})
    return made


def fresh(held: Any, leaves: dict[int, torch.Tensor]) -> Any:
    """The same with leaves of its own; one that is held twice stays one."""
    if isinstance(held, torch.Tensor):
        return leaves.setdefault(id(held), held.detach().requires_grad_(held.requires_grad))
    if isinstance(held, tuple | list):
        parts = [fresh(part, leaves) for part in held]
        return type(held)(*parts) if hasattr(held, "_fields") else type(held)(parts)
    return held


def tensors(held: Any) -> list[torch.Tensor]:
    """All that is held, in order."""
    if isinstance(held, torch.Tensor):
        return [held]
    held = held.values() if isinstance(held, dict) else held if isinstance(held, tuple | list) else ()
    return [tensor for part in held for tensor in tensors(part)]


def calls(made: PoseMethod, seed: int = 0) -> list[tuple[str, tuple[Any, ...], bool]]:
    """The parts that a step runs, what it hands them, and whether with gradients."""
    noted: list[tuple[str, tuple[Any, ...], bool]] = []
    names = [name for name in dir(type(made)) if getattr(getattr(type(made), name), "device_part", False)]
    for name in names:

        def run(*args: Any, name: str = name) -> Any:
            """The part itself, noted."""
            noted.append((name, args, torch.is_grad_enabled()))
            return getattr(type(made), name)(made, *args)

        object.__setattr__(made, name, run)
    losses(made, seed)
    for name in names:
        object.__delattr__(made, name)
    return noted


def results(made: PoseMethod, name: str, args: tuple[Any, ...]) -> list[torch.Tensor]:
    """What a part gives, and its gradients in what it is given."""
    leaves: dict[int, torch.Tensor] = {}
    found = tensors(getattr(made, name)(*fresh(args, leaves)))
    inputs = [tensor for tensor in leaves.values() if tensor.requires_grad]
    rooted = [tensor.float().square().sum() for tensor in found if tensor.requires_grad]
    gradients = torch.autograd.grad(sum(rooted), inputs, allow_unused=True) if rooted else ()  # type: ignore[arg-type]
    return [x.detach() for x in (*found, *gradients) if x is not None]


def assert_same_parts(made: PoseMethod, plain: PoseMethod, seed: int = 0, within: float = 1e-4) -> None:
    """Within a share of each tensor's largest value. Losses say less: a network blows up the rounding of its input."""
    for name, args, with_gradients in calls(plain, seed):
        with torch.set_grad_enabled(with_gradients):
            found = zip(results(made, name, args), results(plain, name, args), strict=True)
        for mine, theirs in found:
            largest = float(theirs.abs().max()) if theirs.numel() else 0.0
            torch.testing.assert_close(mine, theirs, rtol=0, atol=within * largest)


def test_compiled_losses_are_the_same_and_only_the_first_step_compiles() -> None:
    made, plain = adapting(skeleton_losses=PAIRS), adapting(skeleton_losses=PAIRS)
    compile_nets(made, backend="aot_eager")  # traced as by default
    compile_parts(made, backend="aot_eager", fullgraph=True)
    assert losses(made) == pytest.approx(losses(plain), rel=1e-2)
    with torch.compiler.set_stance("fail_on_recompile"):
        assert losses(made, 1) == pytest.approx(losses(plain, 1), rel=1e-2)
    assert_same_parts(made, plain, within=1e-5)
    images = torch.rand(3, 3, 64, 64)
    mine, theirs = (net.student(images).heatmaps for net in (made, plain))
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (SourceOnly, {}),
        (UDAPE, {"teacher": TeacherConfig(views=2, mask_per="keypoint", block_ratio=0.5)}),
        (HKFA, {}),
    ],
)
def test_the_parts_of_every_method_are_one_graph_each(cls: type[PoseMethod], options: dict[str, Any]) -> None:
    made, plain = adapting(cls, **options), adapting(cls, **options)
    compile_parts(made, backend="eager", fullgraph=True)
    assert_same_parts(made, plain, within=1e-6)
    assert losses(made) == pytest.approx(losses(plain), rel=1e-2)
    with torch.compiler.set_stance("fail_on_recompile"):
        losses(made, 1)


def test_the_compiler_makes_the_same_results_and_gradients() -> None:
    """The real one, which wants some seconds of every part."""
    made, plain = adapting(skeleton_losses=PAIRS), adapting(skeleton_losses=PAIRS)
    compile_training(made, "parts")
    for seed in range(2):
        assert_same_parts(made, plain, seed)
    assert losses(made) == pytest.approx(losses(plain), rel=1e-2)


def test_parts_are_those_that_are_marked() -> None:
    class Marked(SourceOnly):
        @device_part
        def doubled(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        def plain(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    graphs: list[Any] = []
    made = adapting(Marked)
    compile_parts(made, backend=lambda graph, _: graphs.append(graph) or graph.forward)  # type: ignore[func-returns-value]
    assert float(made.plain(torch.ones(1))) == 2
    assert graphs == []
    assert float(made.doubled(torch.ones(1))) == 2
    assert len(graphs) == 1


def test_the_gate_and_the_compiler_refuse_each_other() -> None:
    with pytest.raises(UserError, match=r"two gradients of one loss; set model\.init_args\.compilation: none"):
        method(UDAPE, gating=GatingConfig(enabled=True), compilation="parts")


@pytest.mark.parametrize(
    "config", [NetConfig("resnet18", "random", "deconv", 16), NetConfig("resnet18", "random", "fpn", 16, 2, "softmax")]
)
def test_a_network_is_one_graph(config: NetConfig) -> None:
    """Under bf16 as on a GPU; with gradients as the student, and without as the teacher."""
    torch.compiler.reset()
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

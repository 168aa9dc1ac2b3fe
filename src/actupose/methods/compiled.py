"""What `compilation` compiles: the networks' training passes, and the parts of a step around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import torch

from actupose.methods.evaluation import EvaluatedMethod
from actupose.models import PoseNet

Compilation = Literal["none", "parts", "default", "reduce-overhead"]

_Part = TypeVar("_Part", bound=Callable[..., Any])


def device_part(method: _Part) -> _Part:
    """Mark a method of a `PoseMethod` that is tensors from end to end, all of them on the device.

    It draws nothing at random, sends nothing to the device, keeps nothing and waits for nothing, so `compile_parts` can
    make a few kernels of its many small operations.
    """
    method.device_part = True  # type: ignore[attr-defined]
    return method


def compile_parts(method: EvaluatedMethod, **options: Any) -> None:  # noqa: ANN401 - arguments of torch.compile
    """Compile every `device_part`; each is compiled anew for a batch of another size.

    Args:
        method: about to train.
        **options: of `torch.compile`.
    """
    for name in dir(type(method)):
        part = getattr(type(method), name)
        if getattr(part, "device_part", False):
            object.__setattr__(method, name, torch.compile(part.__get__(method), dynamic=False, **options))


def compile_training(method: EvaluatedMethod, compilation: Compilation) -> None:
    """Compile what a training runs in every step.

    CUDA graphs are for the networks alone: a graph's results are overwritten by its next run, and what the parts give
    is kept for the epoch's means.

    Args:
        method: about to train.
        compilation: see `PoseMethod`.
    """
    if compilation == "none":
        return
    compile_parts(method)
    if compilation == "parts":
        return
    for net in method.modules():
        if isinstance(net, PoseNet):
            net.compile_training(mode=compilation)

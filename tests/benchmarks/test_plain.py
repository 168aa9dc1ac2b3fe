"""The plain version of the step does the same: what it is slower than is worth being compared with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from actupose.methods import ACTUPose, SkeletonLossConfig, TeacherConfig
from actupose.models import StyleConfig
from methods.tiny import batch, method
from tiny_stores import REPO_ROOT


@pytest.fixture(autouse=True)
def benchmarks() -> Iterator[None]:
    sys.path.insert(0, str(REPO_ROOT / "benchmarks"))
    yield
    sys.path.remove(str(REPO_ROOT / "benchmarks"))


class Now(ACTUPose):
    current_epoch = 0  # type: ignore[assignment]


def losses(context: Any) -> dict[str, float]:
    # Views and styles draw a batch's numbers in one order and samples' in another: the ones that draw are left out.
    still: dict[str, Any] = {"jitter": 0.0, "teacher": TeacherConfig(bn="copy", occlusion_prob=0.0)}
    pairs = SkeletonLossConfig(confidence=-10.0, gamma=100.0)
    made = method(Now, style=StyleConfig(prob=1.0), skeleton_losses=pairs, **still)
    made._generator.manual_seed(0)
    with context:
        found = {name: float(value.detach()) for name, value in made.losses(batch()).items()}
        made.teacher.update(made.student, 0.5)
    found["teacher"] = float(torch.cat([p.flatten() for p in made.teacher.parameters()]).abs().sum())
    return found


def test_the_plain_step_has_the_same_losses() -> None:
    from plain import plain

    batched, looped = losses(nullcontext()), losses(plain())
    assert set(batched) == {"supervised", "consistency", "evalpose", "cross_domain", "teacher"}
    assert looped == pytest.approx(batched, rel=1e-4)

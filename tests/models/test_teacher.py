"""The mean teacher against a plain Python loop."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from actupose.models import MeanTeacher, PoseOutput
from actupose.models.teacher import TeacherBN


class Small(nn.Module):
    """A network with BatchNorm and the outputs of a pose network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.final = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> PoseOutput:
        x = self.norm(self.conv(x))
        heatmaps = self.final(x)
        return PoseOutput(heatmaps, x.mean((2, 3)), x, heatmaps)


def images(seed: int) -> Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 3


def steps(student: Small, teacher: MeanTeacher, count: int = 5) -> list[dict[str, Tensor]]:
    """Random optimiser steps; the teacher follows. Returns the student's state after each one."""
    seen = []
    for i in range(count):
        generator = torch.Generator().manual_seed(100 + i)
        with torch.no_grad():
            for parameter in student.parameters():
                parameter += torch.randn(parameter.shape, generator=generator)
        student(images(i))  # moves the running statistics
        teacher.update(student, 0.9)  # type: ignore[arg-type]
        seen.append(copy.deepcopy(student.state_dict()))
    return seen


def loop(
    start: dict[str, Tensor], seen: list[dict[str, Tensor]], keys: list[str], decay: float
) -> dict[str, list[float]]:
    out = {key: [float(v) for v in start[key].flatten()] for key in keys}
    for state in seen:
        for key in keys:
            theirs = state[key].flatten().tolist()
            out[key] = [decay * mine + (1 - decay) * other for mine, other in zip(out[key], theirs, strict=True)]
    return out


@pytest.mark.parametrize("bn", ["own", "copy", "ema"])
def test_the_average_equals_a_plain_loop(bn: TeacherBN) -> None:
    torch.manual_seed(0)
    student = Small()
    start = copy.deepcopy(student.state_dict())
    teacher = MeanTeacher(student, bn)  # type: ignore[arg-type]
    seen = steps(student, teacher)
    parameters = [name for name, _ in student.named_parameters()]
    statistics = ["norm.running_mean", "norm.running_var"]
    for key, values in loop(start, seen, parameters, 0.9).items():
        torch.testing.assert_close(teacher.net.state_dict()[key].flatten(), torch.tensor(values), rtol=1e-5, atol=1e-6)
    decay = {"own": 1.0, "copy": 0.0, "ema": 0.9}[bn]
    for key, values in loop(start, seen, statistics, decay).items():
        torch.testing.assert_close(teacher.net.state_dict()[key].flatten(), torch.tensor(values), rtol=1e-5, atol=1e-6)


def test_own_statistics_are_those_of_its_own_batches() -> None:
    torch.manual_seed(0)
    student = Small()
    teacher = MeanTeacher(student).train()  # type: ignore[arg-type]
    before = teacher.net.norm.running_mean.clone()
    batch = images(3)
    output = teacher(batch)
    inner = teacher.net.conv(batch)
    torch.testing.assert_close(teacher.net.norm.running_mean, 0.9 * before + 0.1 * inner.mean((0, 2, 3)))
    normalised = (inner - inner.mean((0, 2, 3), keepdim=True)) / (
        inner.var((0, 2, 3), keepdim=True, unbiased=False) + 1e-5
    ).sqrt()
    torch.testing.assert_close(output.heatmaps, teacher.net.final(normalised), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("bn", ["copy", "ema"])
def test_other_kinds_stay_in_evaluation_mode(bn: TeacherBN) -> None:
    student = Small()
    teacher = MeanTeacher(student, bn)  # type: ignore[arg-type]
    assert not teacher.net.training
    teacher.train()
    before = copy.deepcopy(teacher.net.state_dict())
    teacher(images(0))
    assert not teacher.net.training
    assert all(torch.equal(v, before[k]) for k, v in teacher.net.state_dict().items())


def test_own_statistics_rest_in_evaluation_mode() -> None:
    teacher = MeanTeacher(Small())  # type: ignore[arg-type]
    assert teacher.train().net.training
    assert not teacher.eval().net.training


def test_no_gradient_reaches_the_teacher() -> None:
    student = Small()
    teacher = MeanTeacher(student)  # type: ignore[arg-type]
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())
    assert not teacher(images(0).requires_grad_()).heatmaps.requires_grad


def test_reset_copies_everything_and_shares_nothing() -> None:
    student = Small()
    teacher = MeanTeacher(student)  # type: ignore[arg-type]
    steps(student, teacher)
    teacher.reset(student)  # type: ignore[arg-type]
    for key, value in teacher.net.state_dict().items():
        assert torch.equal(value, student.state_dict()[key]), key
        assert value.data_ptr() != student.state_dict()[key].data_ptr()

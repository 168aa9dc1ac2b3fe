"""The mean teacher: an exponential moving average of the student (Tarvainen & Valpola 2017)."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from actupose.models.pose_net import PoseNet, PoseOutput

TeacherBN = Literal["own", "copy", "ema"]


class MeanTeacher(nn.Module):
    """A network that follows the student.

    Args:
        student: copied; later calls of `update` follow it.
        bn: what becomes of BatchNorm's statistics: ``own`` (UDAPE: the teacher runs in train mode and normalises by its
            own batches), ``copy`` (the student's, in eval mode) or ``ema`` (average of the student's, in eval mode).
    """

    def __init__(self, student: PoseNet, bn: TeacherBN = "own") -> None:
        super().__init__()
        self.net = copy.deepcopy(student).requires_grad_(False)
        self.bn = bn
        self.train()  # a trainer keeps the modes that it finds and need not call `train`

    @torch.no_grad()
    def reset(self, student: PoseNet) -> None:
        """Become a copy of the student: done once, when the adaptation begins."""
        self.net.load_state_dict(student.state_dict())

    @torch.no_grad()
    def update(self, student: PoseNet, decay: float) -> None:
        """Move every parameter to ``decay * teacher + (1 - decay) * student``, all in one call.

        Args:
            student: the network after its optimiser step.
            decay: EMA decay, 0.999 in UDAPE.
        """
        average: Any = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(list(self.net.parameters()), list(student.parameters()), 0)
        if self.bn == "own":
            return
        weight = 1.0 if self.bn == "copy" else 1 - decay
        for mine, other in zip(self.net.buffers(), student.buffers(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(other, weight)

    def train(self, mode: bool = True) -> MeanTeacher:
        """Train mode reaches the teacher only where it keeps its own BatchNorm statistics."""
        super().train(mode)
        self.net.train(mode and self.bn == "own")
        return self

    @torch.no_grad()
    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) in [0, 1] -> heatmaps and feature, without gradients."""
        output: PoseOutput = self.net(images)
        return output

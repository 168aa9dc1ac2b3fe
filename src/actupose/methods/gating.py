"""The gradient gate inside a training step: one backward pass, nothing read back from the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from actupose.losses import gate_gradient
from actupose.methods.config import GatingConfig
from actupose.methods.processes import mean_over_processes
from actupose.models import PoseNet

_LEAST = 1e-20


class GradientGate(nn.Module):
    """Gates the target loss's gradient against the source loss's, keypoint by keypoint (`gate_gradient`).

    A keypoint has gradients of its own in the head's last layer: its row of the 1x1 convolution and its bias. There
    they are compared and gated, exactly. Below, where all keypoints share the weights, a keypoint's target gradient is
    scaled by the share that its gate kept (ours: per-keypoint gradients of the whole network would cost K passes).

    The metric of the comparison is the inverse root of an average of squared source gradients, as in Adam; it is a
    buffer, so a resumed run goes on with it. Gradients are those of all processes, and of one batch of those that a
    step may accumulate, each of which moves the average by its share of the step's decay.

    Args:
        config: its options.
        student: whose head is gated.
    """

    square: Tensor
    count: Tensor

    def __init__(self, config: GatingConfig, student: PoseNet) -> None:
        super().__init__()
        self.config, self.strength, self.parts = config, config.gamma, 1
        rows = _rows(_last_layer(student))
        self.register_buffer("square", torch.zeros_like(rows, requires_grad=False))
        self.register_buffer("count", torch.zeros(()))

    def set_progress(self, share: float, parts: int = 1) -> None:
        """Set gamma for a step.

        Args:
            share: of the adaptation that is done, in [0, 1].
            parts: batches that the step accumulates.
        """
        self.parts = parts
        self.strength = (
            self.config.gamma * min(1.0, share / self.config.ramp) if self.config.ramp else self.config.gamma
        )

    def forward(
        self, student: PoseNet, supervised: Tensor, consistency: Tensor, heatmaps: Tensor, peaks: Tensor
    ) -> Tensor:
        """The consistency loss: its value as it was, its gradient gated.

        Args:
            student: the network of both losses.
            supervised: the source loss, scalar.
            consistency: the target loss, scalar.
            heatmaps: (B, K, H, W), the student's on the target, from which ``consistency`` was computed.
            peaks: (B, K), the teacher's; their mean over the batch of all processes is the keypoints' confidence.

        Returns:
            Scalar.
        """
        layer = _last_layer(student)
        source = mean_over_processes(_rows(torch.autograd.grad(supervised, layer, retain_graph=True)))
        pull, *rest = torch.autograd.grad(consistency, [heatmaps, *layer], retain_graph=True)
        target = mean_over_processes(_rows(rest))
        confidence = mean_over_processes(peaks.float().clamp(0, 1).mean(0))
        gated, kept = gate_gradient(source, target, confidence, self.strength, self._metric(source))
        through = (heatmaps * (kept.view(1, -1, 1, 1) * pull)).sum()  # gives the layer kept * target, and what is below
        correction = (_rows(layer) * (gated - kept.unsqueeze(-1) * target)).sum()
        term = through + correction
        return consistency.detach() + term - term.detach()

    @torch.no_grad()
    def _metric(self, source: Tensor) -> Tensor | None:
        if self.config.metric_decay is None:
            return None
        decay: float = self.config.metric_decay ** (1 / self.parts)
        self.square.lerp_(source.square(), 1 - decay)
        self.count += 1
        return 1 / (self.square / (1 - decay**self.count)).sqrt().clamp(min=_LEAST)


def _last_layer(student: PoseNet) -> list[Tensor]:
    """Weight (K, C, 1, 1) and bias (K,) of the head's last convolution."""
    final = student.head.final
    conv = final[-1] if isinstance(final, nn.Sequential) else final
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return [conv.weight, conv.bias]


def _rows(layer: Sequence[Tensor]) -> Tensor:
    """Weight and bias, or their gradients, as (K, C + 1) in float32 or better."""
    weight, bias = layer
    return torch.cat([weight.flatten(1), bias.unsqueeze(1)], 1)

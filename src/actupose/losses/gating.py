"""Gradient gating per keypoint: what of the target's gradient may act beside the source's."""

import torch
from torch import Tensor


@torch.no_grad()
def gate_gradient(
    source: Tensor, target: Tensor, confidence: Tensor, strength: float, metric: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Split each keypoint's target gradient along the source's, and let the parallel part through a gate.

    With rho the cosine of both gradients, the part orthogonal to the source's stays, the parallel one is multiplied by
    max(0, tanh(strength * rho)) * confidence; so a part that works against the source is removed. Source: HamiPose
    (CVPR 2026) as METHOD.md section 5 has it.

    Args:
        source: (K, D), gradient of the source loss, a row a keypoint. A row of zeros lets the target's through.
        target: (K, D), gradient of the target loss.
        confidence: (K,), in [0, 1].
        strength: gamma, not negative.
        metric: (K, D), positive: the inner product is sum(metric * a * b). None = 1.

    Returns:
        The gated gradient (K, D), and the share of the target's that it kept (K,): their inner product over the
        target's own.

    Raises:
        ValueError: A shape does not fit.
    """
    if source.ndim != 2 or source.shape != target.shape or confidence.shape != source.shape[:1]:
        shapes = [tuple(x.shape) for x in (source, target, confidence)]
        raise ValueError(f"expected (K, D) twice and (K,), got {shapes}")
    weight = torch.ones_like(source) if metric is None else metric
    source_norm, target_norm = (_norm(x, weight) for x in (source, target))
    unit = source / source_norm
    rho = (weight * unit * target / target_norm).sum(-1, keepdim=True)
    gate = torch.tanh(strength * rho).clamp(min=0) * confidence.unsqueeze(-1)
    gated = target - (1 - gate) * rho * target_norm * unit
    return gated, (1 - (1 - gate) * rho.square()).squeeze(-1)


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    """Length of each row, (K, 1); never 0."""
    return (weight * x.square()).sum(-1, keepdim=True).sqrt().clamp(min=torch.finfo(x.dtype).tiny)

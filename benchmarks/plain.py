"""The same step, one sample after the other: what a straightforward program does, and what batching is compared with.

Every part that this package calls once a batch is called once a sample here: views, colours, styles, labels,
occlusion, warps back, decoding, losses; pairs are compared one by one and parameters averaged one by one. The
networks still see whole batches: nobody writes that loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from actupose.losses import pair_distance
from actupose.methods import actupose, base, udape
from actupose.models import MeanTeacher, PoseNet, StyleDraw, StyleTransfer

Result = Tensor | tuple[Tensor, ...]


def _samples(count: int, arguments: tuple[Any, ...], i: int) -> list[Any]:
    """Sample i of every argument that has one."""
    batched = [isinstance(a, Tensor) and a.ndim > 0 and len(a) == count for a in arguments]
    return [a[i : i + 1] if is_batch else a for a, is_batch in zip(arguments, batched, strict=True)]


def one_by_one(call: Callable[..., Result]) -> Callable[..., Result]:
    """Call a batched function once a sample and join what it gives."""

    def looped(*arguments: Any, **options: Any) -> Result:  # noqa: ANN401 - the function's own arguments
        count = len(arguments[0])
        parts = [call(*_samples(count, arguments, i), **options) for i in range(count)]
        first = parts[0]
        if isinstance(first, tuple):
            return tuple(torch.cat([part[k] for part in parts]) for k in range(len(first)))
        return torch.cat(parts)  # type: ignore[arg-type]

    return looped


def mean_of_each(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Call a loss that is a mean over the batch once a sample, and average."""

    def looped(*arguments: Any) -> Tensor:  # noqa: ANN401 - the function's own arguments
        count = len(arguments[0])
        return torch.stack([call(*_samples(count, arguments, i)) for i in range(count)]).mean()

    return looped


def every_pair(
    angles_s: Tensor, valid_s: Tensor, angles_t: Tensor, valid_t: Tensor, num_keypoints: int
) -> tuple[Tensor, Tensor]:
    """`pair_distance`, pair by pair."""
    sources = list(zip(angles_s.split(1), valid_s.split(1), strict=True))
    targets = list(zip(angles_t.split(1), valid_t.split(1), strict=True))
    rows = [[pair_distance(*source, *target, num_keypoints) for target in targets] for source in sources]
    distance, ok = (torch.cat([torch.cat([pair[k] for pair in row], 1) for row in rows]) for k in range(2))
    return distance, ok


def styled(self: StyleTransfer, content: Tensor, style: Tensor, drawn: StyleDraw) -> Tensor:
    """`StyleTransfer.forward`, image by image."""
    restyled = list(content.split(1))
    for i, alpha in zip(drawn.chosen.tolist(), drawn.alpha.to(content.device).split(1), strict=True):
        j = i % len(style)
        restyled[i] = self.net(restyled[i], style[j : j + 1], alpha)
    return torch.cat(restyled)


@torch.no_grad()
def follow(self: MeanTeacher, student: PoseNet, decay: float) -> None:
    """`MeanTeacher.update`, parameter by parameter."""
    for mine, theirs in zip(self.net.parameters(), student.parameters(), strict=True):
        mine.mul_(decay).add_(theirs.detach(), alpha=1 - decay)


@contextmanager
def plain() -> Iterator[None]:
    """The package's batched parts one by one, inside the ``with`` block."""
    looped: list[tuple[Any, str]] = [
        (base, "resample"), (base, "color_jitter"), (base, "encode"), (base, "warp_points"),
        (udape, "resample"), (udape, "adaptive_occlusion"), (udape, "gaussians"), (udape, "argmax"),
        (actupose, "subpixel"), (actupose, "soft_argmax"), (actupose, "evalpose_losses"), (actupose, "triplet_angles"),
    ]  # fmt: skip
    with ExitStack() as stack:
        for owner, name in looped:
            stack.enter_context(patch.object(owner, name, one_by_one(getattr(owner, name))))
        stack.enter_context(patch.object(base, "heatmap_mse", mean_of_each(base.heatmap_mse)))
        stack.enter_context(patch.object(udape, "consistency_loss", mean_of_each(udape.consistency_loss)))
        stack.enter_context(patch.object(actupose, "pair_distance", every_pair))
        stack.enter_context(patch.object(StyleTransfer, "forward", styled))
        stack.enter_context(patch.object(MeanTeacher, "update", follow))
        yield

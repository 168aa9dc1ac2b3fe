"""Small tensors on their way to an accelerator."""

from collections.abc import Sequence

import torch
from torch import Tensor


def send(x: Tensor, device: torch.device) -> Tensor:
    """Return `x` on `device`; the host does not wait for the copy.

    For what is drawn or computed on the CPU in every step. From pageable memory the host would wait. Source: ours.

    Args:
        x: A small tensor.
        device: Where it is needed.
    """
    if x.device.type == "cpu" and device.type == "cuda":
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


def send_together(xs: Sequence[Tensor], device: torch.device) -> tuple[Tensor, ...]:
    """Return `xs` on `device`, which they reach in one copy; see `send`.

    Args:
        xs: Small tensors of one type and one first axis.
        device: Where they are needed.

    Returns:
        Views of what was copied, in the shapes of `xs`.
    """
    flat = [x.reshape(len(x), -1) for x in xs]
    parts = torch.split(send(torch.cat(flat, 1), device), [part.shape[1] for part in flat], 1)
    return tuple(part.view(x.shape) for part, x in zip(parts, xs, strict=True))

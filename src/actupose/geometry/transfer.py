"""Small tensors on their way to an accelerator."""

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

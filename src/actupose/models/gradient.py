"""A layer that changes nothing but the gradient."""

import torch
from torch import Tensor


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The same values, with the gradient multiplied by ``factor``.

    -1 makes the reversal layer of domain-adversarial training (Ganin et al. 2016), RegDA's factor is positive
    (METHOD.md section 5).

    Args:
        x: any floating point tensor.
        factor: of the gradient.
    """
    return torch.lerp(x.detach(), x, factor)

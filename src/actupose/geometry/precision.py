"""Working precision of warps and losses."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Return a float64 tensor as it is and any other as float32."""
    return x if x.dtype == torch.float64 else x.float()

"""Index tensors that are made once per device."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=256)
def _cached_index(indices: tuple[int, ...], device: torch.device) -> Tensor:
    # An inference tensor could not be saved for backward later, so the cache never holds one.
    with torch.inference_mode(False):
        return torch.tensor(indices, dtype=torch.long, device=device)


def index_tensor(indices: Sequence[int], device: torch.device) -> Tensor:
    """Return `indices` as an int64 tensor on `device`, made once and kept.

    A Python list used as an index is copied to an accelerator at each use, and the host waits for the copy; skeleton
    indices never change, so they are kept per device. Callers must not write to the result. Source: ours.

    Args:
        indices: N indices.
        device: Where the tensor lies.

    Returns:
        int64 (N,).
    """
    return _cached_index(tuple(int(i) for i in indices), device)

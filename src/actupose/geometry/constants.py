"""Small constant tensors that are made once per device."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def _new(values: tuple[float, ...] | range, device: torch.device, dtype: torch.dtype) -> Tensor:
    # An inference tensor could not be saved for backward later, so the cache never holds one.
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)


_cache = lru_cache(maxsize=256)(_new)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _kept(values: tuple[float, ...] | range, device: torch.device, dtype: torch.dtype) -> Tensor:
    """What the cache holds. A compiled function takes it as it is, in place of a copy in every step."""
    return _cache(values, device, dtype)


def constant(values: Sequence[float], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return `values` as a tensor on `device`, made once and kept.

    A Python list is copied to an accelerator at each use, and the host waits for the copy; `torch.arange` is a launch
    in every step. Callers must not write to the result. Source: ours.

    Args:
        values: N numbers; a `range` is told from another without looking at its numbers.
        device: Where the tensor lies.
        dtype: Its type.

    Returns:
        (N,).
    """
    known = values if isinstance(values, range) else tuple(values)
    # What a program that is exported makes is a part of that program.
    return (_new if torch.compiler.is_exporting() else _kept)(known, device, dtype)


def forget_constants() -> None:
    """Drop all that `constant` keeps, for who wants to see them made."""
    _cache.cache_clear()


def index_tensor(indices: Sequence[int], device: torch.device) -> Tensor:
    """Return `indices` as an int64 tensor (N,) on `device`, made once and kept, see `constant`."""
    return constant([int(i) for i in indices], device, torch.long)

"""What a method says to the other processes of its training; nothing where there is one."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from actupose.models import scale_gradient


def num_processes() -> int:
    """How many train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


@torch.no_grad()
def sum_over_processes(value: Tensor) -> Tensor:
    """Sum of every process's value; the same shape everywhere.

    Args:
        value: replaced by the sum.
    """
    if num_processes() > 1:
        distributed.all_reduce(value)
    return value


@torch.no_grad()
def mean_over_processes(value: Tensor) -> Tensor:
    """Mean of every process's value, as a new tensor; of one process, its own.

    Args:
        value: of the same shape on every process; stays as it is.
    """
    processes = num_processes()
    return value if processes == 1 else sum_over_processes(value.clone()) / processes


@torch.no_grad()
def gather_over_processes(value: Tensor) -> Tensor:
    """Rows of all processes, in the order of the processes; no gradient.

    Args:
        value: (B, ...), of the same shape on every process.

    Returns:
        (B times the number of processes, ...).
    """
    if num_processes() == 1:
        return value.detach()
    held = [torch.empty_like(value) for _ in range(num_processes())]
    distributed.all_gather(held, value.contiguous())
    return torch.cat(held)


def of_this_process(gathered: Tensor, count: int) -> Tensor:
    """The rows that this process gave to `gather_over_processes`.

    Args:
        gathered: rows of all processes.
        count: rows of this process.
    """
    first = count * distributed.get_rank() if num_processes() > 1 else 0
    return gathered[first : first + count]


def gather_with_gradient(value: Tensor) -> Tensor:
    """Rows of all processes, for a loss over the whole batch that every process computes alike.

    Each process sends gradient into its own rows alone, and DDP takes the mean over processes. So a row's gradient is
    multiplied by their number, and the mean is the gradient that one process with the whole batch has.

    Args:
        value: (B, ...), of the same shape on every process.

    Returns:
        (B times the number of processes, ...), see `gather_over_processes`.
    """
    processes = num_processes()
    if processes == 1:
        return value
    rows = list(gather_over_processes(value).chunk(processes))
    rows[distributed.get_rank()] = scale_gradient(value, processes)
    return torch.cat(rows)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make each gradient the mean over all processes, in one message.

    Args:
        parameters: those without a gradient are left out; the same ones on every process.
    """
    if num_processes() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = sum_over_processes(torch.cat([g.flatten() for g in gradients])) / num_processes()
    for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))

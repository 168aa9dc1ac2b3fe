"""Random numbers that are the same on every device, and however many processes share a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BatchShare:
    """Which samples of an optimiser step's batch one process has in hand at once.

    The step's batch is its parts one after the other (gradient accumulation); process r of w has samples r, r + w, ...
    of each part, as `EpochSampler` deals them.

    Attributes:
        process: This process, from 0.
        processes: How many there are.
        part: This part of the accumulation, from 0.
        parts: How many there are.
    """

    process: int = 0
    processes: int = 1
    part: int = 0
    parts: int = 1

    def rand(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw U[0, 1) for all samples of the step, and keep those of this share; the first axis is the samples'."""
        n, *rest = shape
        drawn = torch.rand((self.parts, n, self.processes, *rest), generator=generator, dtype=torch.float32)
        return drawn[self.part, :, self.process]


class StepGenerator(torch.Generator):
    """Random stream of an optimiser step: a sample's numbers do not depend on who else shares the step's batch.

    Set `share` before drawing. `uniform` heeds it; a draw for the batch as a whole takes the generator as it is.
    """

    share: BatchShare = BatchShare()


def uniform(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Draw U[0, 1) in float32 on the CPU, so that a seed gives one draw everywhere.

    The numbers stay there: a caller sends what becomes of them to the device.

    Args:
        shape: Shape of the draw; the first axis is the samples'.
        generator: CPU generator; None takes the global one. A `StepGenerator` draws for the whole step.

    Returns:
        float32 of shape `shape`, on the CPU.
    """
    if isinstance(generator, StepGenerator):
        return generator.share.rand(shape, generator)
    return torch.rand(shape, generator=generator, dtype=torch.float32)


def between(unit: Tensor, low: float, high: float) -> Tensor:
    """Stretch U[0, 1) to U[low, high)."""
    return low + (high - low) * unit

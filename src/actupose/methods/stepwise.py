"""Methods that take several optimiser steps on one batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import lightning as L
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from actupose.errors import UserError
from actupose.methods.base import PoseMethod, TrainBatch
from actupose.methods.processes import average_gradients


class OptimizerStep(NamedTuple):
    """One of the steps on a batch.

    Attributes:
        terms: named losses, weighed by `LossWeights`.
        optimizers: which ones step, by their place in `configure_optimizers`.
    """

    terms: dict[str, Tensor]
    optimizers: tuple[int, ...]


class StepwiseMethod(PoseMethod):
    """A method states its steps in order, instead of its losses; gradients, processes and optimisers stand here.

    A step's parameters alone get their gradients averaged over processes and are stepped, so a step may leave out what
    it does not train, which DDP's own averaging does not allow. Lightning's gradient clipping and accumulation are not
    for these methods.
    """

    def __init__(self, **shared: Any) -> None:  # noqa: ANN401 - resolved by jsonargparse to PoseMethod's arguments
        super().__init__(**shared)
        self.automatic_optimization = False

    def check_trainer(self, trainer: L.Trainer) -> None:
        """Refuse what belongs to one optimiser step a batch.

        Raises:
            UserError: gradients are to be clipped or accumulated.
        """
        if trainer.gradient_clip_val is not None or trainer.accumulate_grad_batches != 1:
            raise UserError(
                f"{type(self).__name__} takes several optimiser steps a batch; leave trainer.gradient_clip_val and "
                "trainer.accumulate_grad_batches out."
            )

    def steps(self, batch: TrainBatch) -> Iterator[OptimizerStep]:
        """The steps on a batch; each is taken before the next is asked for, which so sees the new parameters.

        Args:
            batch: the domains' batches, on the device.
        """
        raise NotImplementedError

    def learn(self, batch: TrainBatch) -> Tensor:
        """Take all steps; a step whose terms all have weight 0 is left out.

        Returns:
            Sum of the steps' losses, for the log.
        """
        optimizers: Any = self.optimizers()
        totals = []
        for step in self.steps(batch):
            if not any(self.weights.of(name) for name in step.terms):
                continue
            chosen = [optimizers[i] for i in step.optimizers]
            for optimizer in chosen:
                optimizer.zero_grad()
            total = self.weigh(step.terms)
            with getattr(self.trainer.strategy, "block_backward_sync", nullcontext)():
                self.manual_backward(total)
            average_gradients(p for o in chosen for group in o.param_groups for p in group["params"])
            for optimizer in chosen:
                optimizer.step()
            totals.append(total.detach())
        return torch.stack(totals).sum()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """DDP goes on sending process 0's BatchNorm statistics round, which it stops without its own averaging."""
        if isinstance(self.trainer.model, DistributedDataParallel):
            self.trainer.model.require_forward_param_sync = True

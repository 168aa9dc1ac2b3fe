"""Time and memory of a few training steps, read while they run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from actupose.methods import PoseMethod

FIRST = 3  # batches that are not timed: they allocate, and compile where that is asked for


class Measure(Callback):
    """Times steps and validation epoch by epoch; at the end it weighs what is held.

    Args:
        last: called at the end, while the networks are still on their device.

    Attributes:
        steps: (batches, seconds) of each epoch.
        device_bytes: the most that PyTorch held on the device, of each epoch; None on a CPU.
        validation: seconds of each epoch's validation.
        device: what the training runs on.
        memory: bytes of ``weights``, ``gradients`` and ``optimizer``; of the process ``process_before`` the first step
            and ``process_peak``; on a GPU ``device_peak`` and ``device_total``.
        checkpoint_bytes: of what a checkpoint holds.
    """

    def __init__(self, last: Callable[[L.Trainer, PoseMethod], None]) -> None:
        self._last = last
        self.steps: list[tuple[int, float]] = []
        self.device_bytes: list[int | None] = []
        self.validation: list[float] = []
        self.device, self.memory, self.checkpoint_bytes = "", dict[str, int](), 0
        self._start = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """The process before its first step."""
        self.memory["process_before"] = process_bytes()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Forget the device's earlier peak."""
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401, ARG002 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Start the clock after the first batches."""
        if batch_idx == first_batches(int(trainer.num_training_batches)):
            self._start = now(pl_module.device)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401, ARG002 - Lightning's signature
        batch: Any,  # noqa: ANN401, ARG002 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Stop it with the last one."""
        total = int(trainer.num_training_batches)
        if batch_idx == total - 1:
            self.steps.append((total - first_batches(total), now(pl_module.device) - self._start))
            cuda = pl_module.device.type == "cuda"
            self.device_bytes.append(torch.cuda.max_memory_allocated(pl_module.device) if cuda else None)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Start the validation's clock."""
        self._start = now(pl_module.device)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Stop it."""
        self.validation.append(now(pl_module.device) - self._start)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Weigh what is held."""
        assert isinstance(pl_module, PoseMethod)
        device, data = pl_module.device, trainer.datamodule  # type: ignore[attr-defined]
        states = [optimizer.state_dict()["state"] for optimizer in trainer.optimizers]
        self.memory |= {
            "weights": bytes_of([*pl_module.parameters(), *pl_module.buffers()]),
            "gradients": bytes_of(pl_module.trained()),
            "optimizer": bytes_of(states),
            "process_peak": process_bytes(),
        }
        if device.type == "cuda":
            self.memory["device_peak"] = max(peak for peak in self.device_bytes if peak is not None)
            self.memory["device_total"] = torch.cuda.get_device_properties(device).total_memory
            self.device = torch.cuda.get_device_name(device)
        else:
            self.device = f"{device.type} ({torch.get_num_threads()} threads)"
        self.checkpoint_bytes = bytes_of([pl_module.state_dict(), data.state_dict(), states])
        self._last(trainer, pl_module)


def first_batches(total: int) -> int:
    """How many of an epoch's batches are not timed; one always is."""
    return min(FIRST, total - 1)


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()


def process_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def bytes_of(held: object) -> int:
    """Bytes of all tensors in nested containers."""
    if isinstance(held, Tensor):
        return held.numel() * held.element_size()
    if isinstance(held, dict):
        return sum(map(bytes_of, held.values()))
    return sum(map(bytes_of, held)) if isinstance(held, Iterable) and not isinstance(held, str) else 0

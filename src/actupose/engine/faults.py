"""Faults of a running training, each told in one line: losses that are not finite, dead processes, full memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from actupose.data.store import write_json_atomically
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError

_FULL = ("can't allocate memory", "out of memory")
_COMPILERS = ("torch._dynamo.exc", "torch._inductor.exc")  # where their exceptions are defined
_DEAD_WORKER = ("DataLoader worker", "exited unexpectedly", "is killed by signal")


class FiniteLoss(Callback):
    """Stops where a loss is not finite, and names the images of the first such step in ``bad_batch.json``.

    It looks once an epoch, so no step waits for the device.

    Args:
        run: where to write.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._rows: list[dict[str, Tensor]] = []
        self._losses: list[Tensor] = []

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Forget the last epoch's batches."""
        self._rows, self._losses = [], []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: L.LightningModule,  # noqa: ARG002 - Lightning's signature
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Mapping[str, Any],
        batch_idx: int,  # noqa: ARG002 - Lightning's signature
    ) -> None:
        """Keep the rows and, on the device, the loss."""
        self._rows.append({domain: part.row for domain, part in batch.items()})
        self._losses.append(outputs["loss"].detach())

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Look at the epoch's mean losses."""
        for name, value in trainer.callback_metrics.items():
            if name.startswith("train/") and not bool(torch.isfinite(value)):
                raise UserError(
                    f"{name} is {float(value)} in epoch {trainer.current_epoch}{self._named(trainer)}; lower "
                    "model.init_args.schedule.lr or check the source labels. The checkpoint before is kept."
                )

    def _named(self, trainer: L.Trainer) -> str:
        """Write the images of the first bad step; where they stand, as words of the error."""
        finite = torch.stack(self._losses).isfinite()
        if bool(finite.all()):
            return ""
        step = int(finite.int().argmin())
        sets = trainer.datamodule.sets  # type: ignore[attr-defined]
        images = {domain: getattr(sets, domain).names(row.tolist()) for domain, row in self._rows[step].items()}
        rank = "" if trainer.is_global_zero else f"_process{trainer.global_rank}"
        path = self._run.path / f"bad_batch{rank}.json"
        write_json_atomically(path, {"epoch": trainer.current_epoch, "step": step, "images": images})
        return f", first in step {step} (its images: {path})"


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what the machine may do to a training into an error that names the setting to change.

    Raises:
        UserError: memory is full, a data loading process has ended, or `torch.compile` cannot compile.
    """
    try:
        yield
    except MemoryError as error:
        raise UserError(_full_memory("the host's memory")) from error
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError):
            raise UserError(_full_memory("the device's memory")) from error
        if type(error).__module__ in _COMPILERS:
            raise UserError(
                f"torch.compile cannot compile the training ({text.splitlines()[0]}); it needs a C++ compiler, on a "
                "GPU Triton too. The same command with model.init_args.compilation none needs neither."
            ) from error
        if any(sign in text for sign in _FULL):
            raise UserError(_full_memory("the host's memory")) from error
        if any(sign in text for sign in _DEAD_WORKER) and not isinstance(error, UserError):
            raise UserError(
                "a data loading process has ended, most likely killed because memory was full; the same command with "
                "a lower data.loader.num_workers, or with data.loader.cache none, continues."
            ) from error
        raise


def _full_memory(where: str) -> str:
    return (
        f"{where} is full; data.loader.cache none needs less of both and can be set when the run continues; a "
        "smaller data.loader.batch_size, data.size or label_free.batch_size needs less of both, in another `out`."
    )

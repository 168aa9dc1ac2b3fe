"""Callbacks: progress as lines, the curriculum's log, a stop at a loss that is not finite."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from actupose.engine.run_folder import RunFolder, write_text_atomically
from actupose.errors import UserError


class EpochLines(Callback):
    """One line an epoch: losses, source validation PCK, steps a second, time to go."""

    def __init__(self) -> None:
        self._start = 0.0
        self._first_epoch = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start, self._first_epoch = time.monotonic(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Print the line."""
        if not trainer.is_global_zero:
            return
        seconds = time.monotonic() - self._start
        done = trainer.current_epoch + 1 - self._first_epoch
        left = seconds / done * ((trainer.max_epochs or 0) - trainer.current_epoch - 1)
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        print(epoch_line(trainer.current_epoch + 1, trainer.max_epochs or 0, values, seconds, left), flush=True)


class MetricsLog(Callback):
    """Writes each epoch's losses and source validation to ``metrics.csv``; a resumed run keeps the rows it has."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._start = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Append the epoch's row."""
        if not trainer.is_global_zero:
            return
        row = {"epoch": trainer.current_epoch, "seconds": round(time.monotonic() - self._start, 3)}
        values = {key: float(value) for key, value in sorted(trainer.callback_metrics.items())}
        before = [r for r in self._run.read_metrics() if int(r["epoch"]) < trainer.current_epoch]
        self._run.write_metrics([*before, {**row, **values}])


class CurriculumLog(Callback):
    """Writes each epoch's plan and draw to ``curriculum.jsonl``, before the epoch's re-ranking."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Append the epoch's statistics."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or data.curriculum is None:
            return
        stats = data.curriculum.stats(trainer.current_epoch, data.samples_per_epoch)
        lines = self._lines_before(trainer.current_epoch)
        write_text_atomically(self._run.curriculum, "".join([*lines, json.dumps(stats) + "\n"]))

    def _lines_before(self, epoch: int) -> list[str]:
        """Lines of earlier epochs: a resumed run writes the epoch it repeats anew."""
        if epoch == 0 or not self._run.curriculum.is_file():
            return []
        lines = self._run.curriculum.read_text(encoding="utf-8").splitlines(keepends=True)
        return [line for line in lines if json.loads(line)["epoch"] < epoch]


class FiniteLoss(Callback):
    """Stops with one clear line when a loss is not finite; looks once an epoch, so no step waits for the device."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Look at the epoch's mean losses."""
        for name, value in trainer.callback_metrics.items():
            if name.startswith("train/") and not bool(torch.isfinite(value)):
                raise UserError(
                    f"{name} is {float(value)} in epoch {trainer.current_epoch}; lower model.init_args.schedule.lr "
                    "(RegDA: model.init_args.sgd.lr) or check the source labels. The checkpoint of the epoch before is "
                    "kept."
                )


def run_callbacks(run: RunFolder) -> list[Callback]:
    """Callbacks of every training; the checkpoint is written after the epoch's re-ranking."""
    checkpoint = ModelCheckpoint(
        dirpath=run.checkpoint.parent,
        filename=run.checkpoint.stem,
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    return [EpochLines(), FiniteLoss(), MetricsLog(run), CurriculumLog(run), checkpoint]


def epoch_line(epoch: int, epochs: int, values: Mapping[str, float], seconds: float, left: float) -> str:
    """One line of training progress.

    Args:
        epoch: epochs done.
        epochs: epochs of the whole training.
        values: logged metrics.
        seconds: since the start.
        left: estimated seconds to go.
    """
    losses = [f"{k.removeprefix('train/')} {v:.4g}" for k, v in values.items() if k.startswith("train/")]
    val = [v for k, v in values.items() if k.startswith("source_val/") and k.endswith("pck/All")]
    if val:
        losses.append(f"source PCK {val[-1]:.1f}")
    return f"epoch {epoch}/{epochs}  {'  '.join(losses)}  {seconds:.0f} s, {left:.0f} s to go"

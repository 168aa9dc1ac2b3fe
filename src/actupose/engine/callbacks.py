"""Callbacks of every training: progress as lines, the logs, the checkpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from actupose.engine.closed_loop import ClosedLoop
from actupose.engine.faults import FiniteLoss
from actupose.engine.keep_checkpoints import KeepCheckpoints, KeepPrevious
from actupose.engine.records import write_complexity
from actupose.engine.run_folder import RunFolder, write_epoch_line
from actupose.engine.validators import LabelFreeConfig, ValidatorLog


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

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Write how different the poses of each bin are."""
        if trainer.is_global_zero:
            write_complexity(trainer.datamodule, self._run)  # type: ignore[attr-defined]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Append the epoch's statistics."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or data.curriculum is None:
            return
        stats = data.curriculum.stats(trainer.current_epoch, data.samples_per_epoch)
        write_epoch_line(self._run.curriculum, stats)


def run_callbacks(run: RunFolder, label_free: LabelFreeConfig | None = None) -> list[Callback]:
    """Callbacks of every training; the checkpoint is written after the epoch's re-ranking.

    Args:
        run: where they write.
        label_free: options of the label-free validators.
    """
    label_free = label_free or LabelFreeConfig()
    checkpoint = ModelCheckpoint(
        dirpath=run.checkpoint.parent,
        filename=run.checkpoint.stem,
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    logs = [EpochLines(), FiniteLoss(run), MetricsLog(run), CurriculumLog(run), ValidatorLog(run, label_free)]
    return [*logs, ClosedLoop(run), KeepPrevious(run), checkpoint, KeepCheckpoints(run)]


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

"""Writing checkpoints and keeping those that matter: whole under every name, whatever happens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.plugins import TorchCheckpointIO

from actupose.engine.run_folder import RunFolder
from actupose.engine.validators import epochs_done, kept_epoch
from actupose.files import whole_file
from actupose.methods import PoseMethod
from actupose.models.decoder_file import save_atomically


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside the name they get.

    Lightning's own way goes through the system's folder for temporary files; where that is another file system the last
    step is a copy, which a kill or a full disk leaves half done under the checkpoint's name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """Write a checkpoint so that the file under its name is always whole."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save_atomically(Path(path), checkpoint)


class KeepPrevious(Callback):
    """Keeps the checkpoint that is about to be replaced; it stands before the callback that writes.

    Args:
        run: where the checkpoints are.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Give the last checkpoint its second name, which costs no copy where the file system has hard links."""
        last, previous = self._run.checkpoint, self._run.previous
        if not trainer.is_global_zero or not last.is_file():
            return
        with whole_file(previous) as temporary:
            try:
                os.link(last, temporary)
            except OSError:
                shutil.copyfile(last, temporary)


class KeepCheckpoints(Checkpoint):
    """Keeps copies of the last checkpoint: that of the warm-up's end, and the one the validators choose.

    It stands after the callback that writes the last checkpoint.

    Args:
        run: where the checkpoints are.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make up for a copy that a killed run did not come to."""
        self._keep(trainer, pl_module, epochs_done(trainer))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Copy where this epoch is one to keep."""
        self._keep(trainer, pl_module, trainer.current_epoch + 1)

    def _keep(self, trainer: L.Trainer, pl_module: L.LightningModule, epochs: int) -> None:
        assert isinstance(pl_module, PoseMethod)
        if not trainer.is_global_zero or epochs == 0:
            return
        if epochs == pl_module.warmup_epochs:
            copy_atomically(self._run.checkpoint, self._run.warmup)
        if kept_epoch(self._run, epochs) == epochs - 1:
            copy_atomically(self._run.checkpoint, self._run.label_free)


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file so that the one under the new name is always whole."""
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)

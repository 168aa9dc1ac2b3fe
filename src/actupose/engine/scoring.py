"""The target test set scored after every epoch: a record for evaluation, which nothing in a training reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from actupose.data.batch import LabeledBatch
from actupose.data.dataset import PoseDataset
from actupose.engine.run_folder import RunFolder, write_epoch_line
from actupose.engine.validators import evaluating
from actupose.methods import PoseMethod


class EpochScores(Callback):
    """Writes ``scores.jsonl``: an epoch's scores on the target test set, those of ``scores.json`` but the bins.

    A line is ``{"epoch": 3, "net": "teacher", "teacher/pck/All": 41.2, ...}``; ``net`` is the headline network.

    It draws no random number and leaves modes and statistics as they were: the training's bits are the same with it.

    Args:
        run: where to write.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score on every process, as the test does, and append the epoch's line on the first."""
        assert isinstance(pl_module, PoseMethod)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        data.setup("test")
        with evaluating(pl_module), trainer.precision_plugin.forward_context():
            scores = pl_module.scores_of(_batches(data.test_set, data.loader.batch_size, pl_module.device))
        if trainer.is_global_zero:
            net = next(reversed(pl_module.nets()))
            write_epoch_line(self._run.epoch_scores, {"epoch": trainer.current_epoch, "net": net, **scores})


def _batches(dataset: PoseDataset, size: int, device: torch.device) -> Iterator[LabeledBatch]:
    """All samples in order; without a `DataLoader`, which would draw a random number."""
    for start in range(0, len(dataset), size):
        batch = dataset.batch(range(start, min(start + size, len(dataset))))
        assert isinstance(batch, LabeledBatch)
        yield LabeledBatch(*(part.to(device) for part in batch))

"""Target labels looked at after every epoch: records for evaluation, which nothing in a training reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from actupose.codecs import subpixel, to_image
from actupose.data.batch import LabeledBatch
from actupose.data.datamodule import PoseDataModule
from actupose.data.dataset import PoseDataset
from actupose.engine.run_folder import RunFolder, write_epoch_line
from actupose.engine.validators import evaluating
from actupose.errors import UserError
from actupose.losses import quantile_mask
from actupose.methods import UDAPE, PoseMethod, TeacherConfig
from actupose.metrics.pck import keypoint_hits
from actupose.models.pose_net import STRIDE

_IMAGES = 256
_THRESHOLD = 0.05


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


class PseudoLabelScores(Callback):
    """Writes ``pseudo_labels.jsonl``: how many of the headline network's keypoints on target training images are right.

    A line is ``{"epoch": 3, "net": "teacher", "all": 41.2, "used": 60.1, "used_share": 50.0}``, percent within 0.05 of
    the side: of all labelled keypoints, and of those above the quantile of peaks that pseudo-labels must reach (the
    method's own; `TeacherConfig`'s for methods without a teacher). Images are seen whole, without the training's views.

    It draws no random number and leaves modes and statistics as they were, as `EpochScores` does.

    Args:
        run: where to write.
        data: with a target that has labels.

    Raises:
        UserError: it has none.
    """

    def __init__(self, run: RunFolder, data: PoseDataModule) -> None:
        self._run, self._batch_size = run, data.loader.batch_size
        found = data.pseudo_label_set(_IMAGES)
        if found is None:
            raise UserError("eval_pseudo_labels needs target images with labels; set data.target.")
        self._images: PoseDataset = found

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compare, and append the epoch's line."""
        assert isinstance(pl_module, PoseMethod)
        if not trainer.is_global_zero:
            return
        config = pl_module.teacher_config if isinstance(pl_module, UDAPE) else TeacherConfig()
        name, net = next(reversed(pl_module.nets().items()))
        sums = torch.zeros(4, dtype=torch.float64)
        with evaluating(pl_module), trainer.precision_plugin.forward_context():
            for batch in _batches(self._images, self._batch_size, pl_module.device):
                located, peaks = subpixel(net(batch.image.float().div_(255)).heatmaps.float())
                used = quantile_mask(peaks, config.mask_ratio, per_keypoint=config.mask_per == "keypoint").float()
                size = batch.image.shape[-1]
                right, scored = keypoint_hits(
                    to_image(located, STRIDE), batch.keypoints, batch.visible, size, _THRESHOLD
                )
                parts = (right, scored, right * used, scored * used)
                sums += torch.stack([part.double().sum() for part in parts]).cpu()
        right_all, all_, right_used, used_ = sums.tolist()
        shares = {"all": (right_all, all_), "used": (right_used, used_), "used_share": (used_, all_)}
        record = {key: 100 * part / whole for key, (part, whole) in shares.items() if whole}
        write_epoch_line(self._run.pseudo_labels, {"epoch": trainer.current_epoch, "net": name, **record})


def _batches(dataset: PoseDataset, size: int, device: torch.device) -> Iterator[LabeledBatch]:
    """All samples in order; without a `DataLoader`, which would draw a random number."""
    for start in range(0, len(dataset), size):
        batch = dataset.batch(range(start, min(start + size, len(dataset))))
        assert isinstance(batch, LabeledBatch)
        yield LabeledBatch(*(part.to(device) for part in batch))

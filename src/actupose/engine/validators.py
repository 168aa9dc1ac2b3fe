"""Label-free validators in a training: their log, the checkpoint that they choose, and early stopping by them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from actupose.codecs import subpixel, to_image
from actupose.data.datamodule import PoseDataModule
from actupose.data.dataset import PoseDataset
from actupose.engine.run_folder import RunFolder, read_epoch_lines, write_epoch_line
from actupose.errors import UserError
from actupose.files import whole_file
from actupose.geometry import flip_horizontal, invert, warp, warp_points
from actupose.methods import PoseMethod
from actupose.metrics import (
    Agreement,
    HeatmapEntropy,
    HeatmapPeak,
    LimbPlausibility,
    PoseVAEPlausibility,
    SoftNeighborhoodDensity,
    chosen_epochs,
)
from actupose.metrics.label_free import PerImage
from actupose.models.pose_net import STRIDE
from actupose.skeletons import Skeleton
from actupose.views import AffineConfig, sample_affine

# Milder than training's views, and the same for every method, so that values of different methods compare.
_VIEW = AffineConfig(rotation=30.0, shear=0.0, translate=0.05, scale=(0.8, 1.2))
_VIEW_SEED = 0
_SOURCE_POSES = 10_000  # enough for a distribution


@dataclass(frozen=True)
class LabelFreeConfig:
    """Label-free validators at every epoch's end; they need ``data.target`` and never read its labels.

    Attributes:
        images: target training images to look at, the same ones every time; 0 = no validators.
        batch_size: images at once.
        patience: stop after this many epochs of adaptation without a better checkpoint; None = train to the end.

    Raises:
        UserError: a value is out of range.
    """

    images: int = 256
    batch_size: int = 64
    patience: int | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.images < 0 or self.batch_size < 1:
            raise UserError("label_free: images must be 0 or more, batch_size 1 or more.")
        if self.patience is not None and (self.patience < 1 or self.images == 0):
            raise UserError("label_free.patience must be 1 or more, and needs label_free.images above 0.")


class LabelFreeScorer:
    """Scores a method's headline network on target images by all validators, with three forward passes an image.

    Args:
        data: its target, source poses and Pose-VAE.
        config: how many images.
    """

    def __init__(self, data: PoseDataModule, config: LabelFreeConfig) -> None:
        images = data.label_free_set(config.images)
        if images is None:
            raise UserError("data.target is not set; label-free validators look at its images.")
        self.images: PoseDataset = images
        self._skeleton: Skeleton = data.skeleton
        self._batch_size = config.batch_size
        self._metrics = validators_of(data)

    @torch.no_grad()
    def __call__(self, method: PoseMethod) -> dict[str, Tensor]:
        """Validator -> (N,) float32 values of the images, on the CPU; training goes on as if nothing had happened."""
        for metric in self._metrics.values():
            metric.reset()
            metric.to(method.device)
        generator = torch.Generator().manual_seed(_VIEW_SEED)
        with evaluating(method):
            for start in range(0, len(self.images), self._batch_size):
                rows = range(start, min(start + self._batch_size, len(self.images)))
                images = self.images.batch(rows).image.to(method.device).float().div_(255)
                self._update(method, images, generator)
        return {name: metric.per_image().float().cpu() for name, metric in self._metrics.items()}

    def _update(self, method: PoseMethod, images: Tensor, generator: torch.Generator) -> None:
        """One batch through all validators."""
        metrics: Any = self._metrics
        headline, size = next(reversed(method.nets().values())), images.shape[-1]
        output = headline(images)
        heatmaps = output.heatmaps.float()
        points = to_image(subpixel(heatmaps)[0], STRIDE)
        metrics["peak"].update(heatmaps)
        metrics["entropy"].update(heatmaps)
        metrics["snd"].update(output.feature)
        metrics["pose_vae"].update(points)
        metrics["limbs"].update(points)
        if "flip" in metrics:
            metrics["flip"].update(points, self._mirrored(headline, images), torch.ones_like(points[..., 0]), size)
        view = sample_affine(len(images), size, _VIEW, generator)
        in_view = warp_points(points, view)
        seen = ((in_view > -0.5) & (in_view < size - 0.5)).all(-1)
        metrics["agreement"].update(points, _located(method.student, warp(images, view), view), seen, size)

    def _mirrored(self, net: nn.Module, images: Tensor) -> Tensor:
        """(B, K, 2) keypoints of the mirrored images, back in the images' pixels, left and right swapped back."""
        flip = flip_horizontal(len(images), images.shape[-1], images.device)
        return _located(net, warp(images, flip), flip)[:, list(self._skeleton.flip_index())]


def validators_of(data: PoseDataModule) -> dict[str, PerImage]:
    """The validators that look at images, by name; fits the Pose-VAE where the training has not.

    They run on the first process alone, so none waits for the others. Without flip pairs there is no ``flip``: the
    mirror image of an object whose sides have no names is another object.
    """
    source = data.sets.source
    fixed = source.num_fixed  # what the closed loop adds has no part: a resumed run looks at the same poses
    rows = torch.randperm(fixed, generator=torch.Generator().manual_seed(0))[:_SOURCE_POSES]
    points, visible = source.keypoints[rows], source.visible[rows]
    alone: dict[str, Any] = {"sync_on_compute": False}
    known = (source.visible[:fixed] > 0).any(0)
    flip: dict[str, PerImage] = {"flip": Agreement(**alone)} if data.skeleton.flip_pairs else {}
    return {
        "agreement": Agreement(**alone),
        **flip,
        "peak": HeatmapPeak(**alone),
        "entropy": HeatmapEntropy(**alone),
        "pose_vae": PoseVAEPlausibility(_on_cpu(data), data.score(points, visible), known, **alone),
        "limbs": LimbPlausibility(data.skeleton, points, visible, **alone),
        "snd": SoftNeighborhoodDensity(**alone),
    }


def _on_cpu(data: PoseDataModule) -> Any:  # noqa: ANN401 - the score function's type
    return lambda points, known: data.score(points.cpu(), known.cpu())


def _located(net: nn.Module, view: Tensor, matrix: Tensor) -> Tensor:
    """(B, K, 2) keypoints of a view in the pixels of the image that ``matrix`` maps to the view."""
    points = to_image(subpixel(net(view).heatmaps.float())[0], STRIDE)
    return warp_points(points, invert(matrix))


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards every part is in the mode it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


class ValidatorLog(Callback):
    """Writes ``validators.jsonl`` and each image's values at every epoch's end; may stop the training.

    Args:
        run: where to write.
        config: how many images, and when to stop.
    """

    def __init__(self, run: RunFolder, config: LabelFreeConfig) -> None:
        self._run, self._config = run, config
        self._scorer: LabelFreeScorer | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the images; a run that had stopped early stays stopped."""
        assert isinstance(pl_module, PoseMethod)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if self._config.images and data.target is not None and trainer.is_global_zero:
            self._scorer = LabelFreeScorer(data, self._config)
        self._stop_where_done(trainer, pl_module, epochs_done(trainer))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score, and append the epoch's line."""
        assert isinstance(pl_module, PoseMethod)
        if self._scorer is not None:
            with trainer.precision_plugin.forward_context():
                values = self._scorer(pl_module)
            self._write(trainer, pl_module, values)
        self._stop_where_done(trainer, pl_module, trainer.current_epoch + 1)

    def _write(self, trainer: L.Trainer, method: PoseMethod, values: dict[str, Tensor]) -> None:
        epoch, net = trainer.current_epoch, next(reversed(method.nets()))
        means = {name: float(value.double().nanmean()) for name, value in values.items()}
        source = trainer.callback_metrics.get(f"source_val/{net}/pck/All")
        if source is not None:
            means["source_pck"] = float(source)
        finite = {name: value for name, value in means.items() if math.isfinite(value)}
        write_arrays_atomically(self._run.validator_images(epoch), {k: v.numpy() for k, v in values.items()})
        write_epoch_line(self._run.validators, {"epoch": epoch, "net": net, **finite})

    def _stop_where_done(self, trainer: L.Trainer, method: PoseMethod, epochs: int) -> None:
        """Stop all processes once the first has waited long enough."""
        if self._config.patience is None:
            return
        kept = kept_epoch(self._run, epochs) if trainer.is_global_zero else None
        waited = 0 if kept is None else epochs - 1 - max(kept, method.warmup_epochs)
        if trainer.strategy.reduce_boolean_decision(waited >= self._config.patience, all=False):
            trainer.should_stop = True
            if trainer.is_global_zero:
                print(f"no better checkpoint for {waited} epochs by the label-free validators: stopped", flush=True)


def epochs_done(trainer: L.Trainer) -> int:
    """Whole epochs behind a trainer that has just begun or resumed."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


def kept_epoch(run: RunFolder, epochs: int | None = None) -> int | None:
    """The epoch that the label-free validators choose, None where there are none.

    Args:
        run: its log.
        epochs: look at this many first epochs, None = all.
    """
    records = [r for r in read_epoch_lines(run.validators) if epochs is None or r["epoch"] < epochs]
    return chosen_epochs(records)[-1] if records else None


def write_arrays_atomically(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as ``.npz`` so that the file under its name is always whole."""
    held = io.BytesIO()
    np.savez(held, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_bytes(held.getvalue())

"""Whole training steps on a CUDA device, under Lightning: the host never waits, and every precision trains."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from actupose.curriculum import CurriculumConfig, PoseVAEConfig
from actupose.data.datamodule import PoseDataModule
from actupose.data.loader_config import LoaderConfig
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import train
from actupose.methods import HKFA, METHODS, UDAPE, ACTUPose, PoseMethod, RegDA, ScheduleConfig
from actupose.models import NetConfig, StyleConfig
from methods.tiny import trainer_of
from tiny_stores import Stores

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class NoWaits(Callback):
    """A wait for the device is an error from the third step of the adaptation to the end of its epoch's steps."""

    def __init__(self) -> None:
        self.watched = 0

    def on_train_batch_start(self, trainer: L.Trainer, *others: Any) -> None:
        batch_idx = others[-1]
        if trainer.current_epoch == 1 and batch_idx >= 2:
            torch.cuda.set_sync_debug_mode("error")
            self.watched += 1

    def on_train_batch_end(self, *_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")

    def on_exception(self, *_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")


def trained(cls: type[PoseMethod], stores: Stores, out: Path, *callbacks: Callback, **options: Any) -> list[float]:
    """Train two epochs, the second of which adapts; the losses of the epochs."""
    torch.manual_seed(0)
    net = NetConfig("test_efficientnet", "random", "fpn", 16)
    schedule = ScheduleConfig(lr=1e-3, milestones=(2,), adapt_from=1)
    given = {key: options.pop(key) for key in ("compilation", "style") if key in options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = cls(net=net, schedule=schedule, **given)
    data = PoseDataModule(
        stores.source,
        stores.target,
        size=64,
        loader=LoaderConfig(batch_size=4, iterations=5),
        curriculum=CurriculumConfig(n_bins=5),
        pose_vae=PoseVAEConfig(epochs=2, hidden=(8,), latent=2),
    )
    run = RunFolder(out)
    trainer = trainer_of(run, max_epochs=2, accelerator="gpu", devices=1, **options)
    trainer.callbacks.extend(callbacks)  # type: ignore[attr-defined]
    run.claim(f"test: {cls.__name__}\n")
    train(method, data, trainer, run)
    with run.metrics.open(encoding="utf-8") as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("compilation", ["none", "parts"])
@pytest.mark.parametrize("cls", [ACTUPose, UDAPE, RegDA, HKFA])
def test_the_host_never_waits_inside_a_step(
    cls: type[PoseMethod], compilation: str, stores: Stores, tmp_path: Path
) -> None:
    watch = NoWaits()
    trained(cls, stores, tmp_path / "run", watch, style=StyleConfig(prob=1.0), compilation=compilation)
    assert watch.watched == 3


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_in_every_precision(name: str, precision: str, stores: Stores, tmp_path: Path) -> None:
    losses = trained(METHODS[name], stores, tmp_path / "run", precision=precision)
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("compilation", ["parts", "default", "reduce-overhead"])
def test_compiled_training_has_the_same_losses(compilation: str, stores: Stores, tmp_path: Path) -> None:
    plain = trained(ACTUPose, stores, tmp_path / "plain")
    assert trained(ACTUPose, stores, tmp_path / "compiled", compilation=compilation) == pytest.approx(plain, rel=0.05)

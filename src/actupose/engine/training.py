"""Running a method: the one function behind `actupose fit`, the demo and the tests."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger

from actupose.data.datamodule import PoseDataModule
from actupose.data.store import write_json_atomically
from actupose.engine.callbacks import run_callbacks
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.methods import PoseMethod

DEFAULTS: dict[str, Any] = {
    "max_epochs": 70,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 1_000_000,  # losses are averaged on the device and written once an epoch
    "use_distributed_sampler": False,
}


def trainer_parts(run: RunFolder) -> dict[str, Any]:
    """Trainer arguments that belong to a run folder."""
    return {
        "logger": CSVLogger(run.path, name="", version=""),
        "default_root_dir": str(run.path),
        "enable_progress_bar": sys.stderr.isatty(),
    }


def make_trainer(run: RunFolder, **options: Any) -> L.Trainer:  # noqa: ANN401 - Trainer's own arguments
    """A trainer that writes into a run folder.

    Args:
        run: the run folder.
        **options: arguments of `lightning.Trainer`, over our defaults.
    """
    with quiet():
        return L.Trainer(callbacks=run_callbacks(run), **{**DEFAULTS, **trainer_parts(run), **options})


def train(
    method: PoseMethod, data: PoseDataModule, trainer: L.Trainer, run: RunFolder, checkpoint: Path | None = None
) -> dict[str, float]:
    """Train, keep the record, and score the labelled target where there is one.

    Args:
        method: what to train.
        data: its data.
        trainer: from `make_trainer` or the command line.
        run: the run folder, claimed.
        checkpoint: continue from here.

    Returns:
        Scores on ``data.target_test`` (``net/metric/group`` -> percent); empty without one.

    Raises:
        UserError: bad input, see `PoseDataModule` and `PoseMethod.setup`.
    """
    start = time.monotonic()
    run.write_record(method=type(method).__name__, data=data.describe(), fingerprints=data.fingerprints())
    with quiet():
        trainer.fit(method, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    seconds = time.monotonic() - start
    return evaluate(method, data, trainer, run, train_seconds=seconds) if data.target_test else {}


def evaluate(
    method: PoseMethod,
    data: PoseDataModule,
    trainer: L.Trainer,
    run: RunFolder,
    *,
    checkpoint: Path | None = None,
    train_seconds: float | None = None,
) -> dict[str, float]:
    """Score the labelled target test set and write ``scores.json``.

    Args:
        method: a trained method.
        data: has ``target_test``.
        trainer: any trainer.
        run: where to write.
        checkpoint: load these weights first.
        train_seconds: kept beside the scores.
    """
    with quiet():
        trainer.test(method, datamodule=data, ckpt_path=checkpoint, verbose=False, weights_only=True)
    scores = method.scores()
    headline = next(reversed(method.nets()))
    write_json_atomically(
        run.scores,
        {
            "method": type(method).__name__,
            "headline": headline,
            "scores": scores,
            "num_test": len(data.test_set),
            "num_keypoints_scored": data.num_test_keypoints,
            "train_seconds": train_seconds,
            "epochs": trainer.max_epochs,
        },
    )
    return scores


def load_weights(method: PoseMethod, path: Path) -> None:
    """Load a checkpoint's weights into a method.

    Raises:
        UserError: the file is missing, broken, or of another network.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        method.load_state_dict(state)
    except (RuntimeError, KeyError, EOFError, ValueError) as error:
        raise UserError(f"{path}: does not fit this model ({str(error).splitlines()[0]}).") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Hide Lightning's banners and tips; warnings that matter stay."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*log_every_n_steps.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists.*")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)

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

from actupose.data.datamodule import PoseDataModule
from actupose.data.store import write_json_atomically
from actupose.engine.checkpoints import read_checkpoint
from actupose.engine.closed_loop import check_closed_loop
from actupose.engine.faults import told_in_one_line
from actupose.engine.keep_checkpoints import WholeCheckpoints
from actupose.engine.records import write_pairs, write_predictions
from actupose.engine.run_folder import RunFolder
from actupose.engine.start import Start
from actupose.engine.verdict import adaptation_verdict, compare_runs
from actupose.errors import UserError
from actupose.files import remove_leftovers
from actupose.methods import Oracle, PoseMethod

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
        "logger": False,
        "plugins": [WholeCheckpoints()],
        "default_root_dir": str(run.path),
        "enable_progress_bar": sys.stderr.isatty(),
    }


def check_inputs(method: PoseMethod, data: PoseDataModule, epochs: int | None) -> None:
    """Open all that a training will need, so that bad input is told before anything is written or trained.

    Args:
        method: what to train.
        data: its data.
        epochs: of the training; None = it continues, and its checkpoint holds the curriculum.

    Raises:
        UserError: bad input, see `PoseDataModule` and `PoseMethod.check_data`.
    """
    if data.oracle and not isinstance(method, Oracle):
        raise UserError(
            f"data.oracle is true: {type(method).__name__} would be trained on target labels; only Oracle may, so set "
            "data.oracle to false."
        )
    method.check_data(data.skeleton, has_target=data.target is not None)
    data.trains_on_target = method.uses_target
    data.fingerprints()
    check_closed_loop(data)
    data.setup("fit")
    if data.target_test is not None:
        data.setup("test")
    if epochs is not None:
        data.build_curriculum(epochs)


def check_steps(data: PoseDataModule, trainer: L.Trainer) -> None:
    """Whether batches divide among processes, and an epoch's among its optimiser steps.

    Args:
        data: of the training, checked by `check_inputs`.
        trainer: about to fit.

    Raises:
        UserError: they do not.
    """
    data.check_batches(trainer.world_size)
    parts, iterations = trainer.accumulate_grad_batches, data.loader.iterations
    if iterations % parts:
        raise UserError(
            f"data.loader.iterations {iterations} is no multiple of trainer.accumulate_grad_batches {parts}: the last "
            f"step of an epoch would be a smaller one; use {iterations - iterations % parts or parts}."
        )


def train(
    method: PoseMethod,
    data: PoseDataModule,
    trainer: L.Trainer,
    run: RunFolder,
    checkpoint: Path | None = None,
    start_from: Start | None = None,
) -> dict[str, float]:
    """Train, keep the record, and score the labelled target where there is one.

    Args:
        method: what to train.
        data: its data.
        trainer: of the run folder (`trainer_parts`).
        run: the run folder, claimed.
        checkpoint: continue from here; `RunFolder.claim` gave it.
        start_from: where the method's network comes from (`Start.load_into`), for the record and the verdict.

    Returns:
        Scores on ``data.target_test`` (``net/metric/group`` -> percent); empty without one.

    Raises:
        UserError: bad input, see `check_inputs`; or the checkpoint is broken.
    """
    start = time.monotonic()
    data.trains_on_target = method.uses_target
    if checkpoint is not None:
        read_checkpoint(checkpoint)
        start -= sum(float(row["seconds"]) for row in run.read_metrics())
    if trainer.is_global_zero:
        remove_leftovers(run.path)
        prints: dict[str, Any] = data.fingerprints()
        if start_from is not None:  # where the run goes on, that checkpoint may be another by now
            begun = run.read_record().get("fingerprints", {})
            prints["start"] = start_from.fingerprint() if checkpoint is None else begun.get("start")
        run.write_record(method=type(method).__name__, data=data.describe(), fingerprints=prints)
    try:
        with quiet(), told_in_one_line():
            trainer.fit(method, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as stop:  # how Lightning ends an interrupted training
        raise KeyboardInterrupt from stop
    seconds = time.monotonic() - start
    if trainer.is_global_zero:
        tell_verdict(run, method.warmup_epochs, start_from)
        write_pairs(method, data, run)
    if data.target_test is None:
        return {}
    scores = evaluate(method, data, trainer, run, train_seconds=seconds)
    evaluate_chosen(method, data, trainer, run)
    return scores


def tell_verdict(run: RunFolder, warmup_epochs: int, start_from: Start | None = None) -> None:
    """Print whether the adaptation helped, by the label-free validators, and write ``verdict.json``.

    The comparison is with the end of the run's own source-only phase, or with the training that it started from.
    """
    verdict = adaptation_verdict(run, warmup_epochs)
    if verdict is None and start_from is not None:
        try:
            verdict = compare_runs(start_from.path, run.path)
        except UserError as error:
            print(f"no verdict: {error}", flush=True)
    if verdict is not None:
        print("\n".join(verdict.lines()), flush=True)
        write_json_atomically(run.verdict, verdict.to_dict())


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
        train_seconds: kept beside the scores; None = what stands there already.
    """
    with quiet(), told_in_one_line():
        trainer.test(method, datamodule=data, ckpt_path=checkpoint, verbose=False, weights_only=True)
    scores = method.scores()
    if not trainer.is_global_zero:
        return scores
    before = run.read_scores() if run.scores.is_file() else {}
    kept = {key: before[key] for key in ("label_free",) if key in before}
    run.path.mkdir(parents=True, exist_ok=True)
    write_predictions(method, data, run)
    write_json_atomically(
        run.scores,
        {
            "method": type(method).__name__,
            "headline": next(reversed(method.nets())),
            **_scored_checkpoint(checkpoint or run.checkpoint),
            "scores": scores,
            "num_test": len(data.test_set),
            "num_keypoints_scored": data.num_test_keypoints,
            "train_seconds": before.get("train_seconds") if train_seconds is None else train_seconds,
            "epochs": trainer.max_epochs,
            **kept,
        },
    )
    return scores


def evaluate_chosen(method: PoseMethod, data: PoseDataModule, trainer: L.Trainer, run: RunFolder) -> None:
    """Score the checkpoint that the label-free validators chose, beside the headline in ``scores.json``.

    Args:
        method: has the last checkpoint's weights, before and after.
        data: has ``target_test``.
        trainer: any trainer.
        run: a run that `evaluate` has scored.
    """
    if not trainer.strategy.broadcast(run.label_free.is_file()):
        return
    load_weights(method, run.label_free)
    with quiet(), told_in_one_line():
        trainer.test(method, datamodule=data, verbose=False)
    headline, scores = next(reversed(method.nets())), method.scores()
    load_weights(method, run.checkpoint)
    if trainer.is_global_zero:
        chosen = {"headline": headline, **_scored_checkpoint(run.label_free), "scores": scores}
        write_json_atomically(run.scores, {**run.read_scores(), "label_free": chosen})


def _scored_checkpoint(path: Path) -> dict[str, Any]:
    """Which checkpoint scores are of."""
    return {"checkpoint": path.name, "epoch": int(read_checkpoint(path)["epoch"])}


def load_weights(method: PoseMethod, path: Path) -> None:
    """Load a checkpoint's weights into a method.

    Raises:
        UserError: the file is missing, broken, or of another network.
    """
    held = read_checkpoint(path)
    try:
        method.load_state_dict(held["state_dict"])
        method.on_load_checkpoint(held)
    except (RuntimeError, KeyError) as error:
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
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # a teacher by `bn: ema`
        warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # every process evaluates everything
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

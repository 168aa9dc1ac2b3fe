"""What a training will take, from a few of its own steps: nothing is written, and the run folder is left alone."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L

from actupose.data.datamodule import PoseDataModule
from actupose.data.dataset import PoseDataset
from actupose.data.streaming import StreamedTarget
from actupose.engine.faults import told_in_one_line
from actupose.engine.measure import FIRST, Measure, now
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import quiet
from actupose.engine.validators import LabelFreeConfig, LabelFreeScorer
from actupose.methods import PoseMethod

STEPS = 20
_LOOKS = 2  # batches of validation
_LABEL_FREE = 64  # images of the label-free validators


@dataclass(frozen=True)
class Phase:
    """A part of the training whose steps are alike.

    Attributes:
        name: ``warm-up``, ``adaptation`` or ``training``.
        epochs: how many it has.
        batches: how many were timed.
        seconds_per_batch: their mean, from data to the end of the step.
        device_bytes: the most that PyTorch held on the device; None on a CPU.
    """

    name: str
    epochs: int
    batches: int
    seconds_per_batch: float
    device_bytes: int | None


@dataclass(frozen=True)
class DryRun:
    """What was found; `report.dry_run` tells it. Sizes are bytes, those of memory one process's.

    Attributes:
        method: its class.
        device: what it runs on.
        processes: how many train together.
        parameters: of each network, and those that the optimiser trains.
        data: images, place and bytes of the decoded images of each set, and the stores' fingerprints.
        epochs: of the whole training.
        epochs_done: by the run that stands in the folder already.
        batches_per_epoch: of ``batch_size`` samples of a domain over all processes.
        steps_per_epoch: of the optimiser.
        batch_size: see above.
        phases: see `Phase`.
        epoch_end_seconds: an epoch's source validation and label-free validators.
        test_seconds: scoring the test set once; None = there is none, or no validation to measure it by.
        seconds_left: the expected time of what is not done yet.
        memory: see `Measure`.
        checkpoint_bytes: of one checkpoint.
        checkpoints: how many are kept.
        disk_free: where the run folder is.
        notes: what is not counted.
    """

    method: str
    device: str
    processes: int
    parameters: dict[str, int]
    data: dict[str, dict[str, Any]]
    epochs: int
    epochs_done: int
    batches_per_epoch: int
    steps_per_epoch: int
    batch_size: int
    phases: list[Phase]
    epoch_end_seconds: float
    test_seconds: float | None
    seconds_left: float
    memory: dict[str, int]
    checkpoint_bytes: int
    checkpoints: int
    disk_free: int
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def dry_run(
    method: PoseMethod,
    data: PoseDataModule,
    planned: L.Trainer,
    make: Callable[..., L.Trainer],
    run: RunFolder,
    label_free: LabelFreeConfig,
) -> DryRun | None:
    """Train a few batches of each phase, and reckon what the whole training takes.

    Args:
        method: what would be trained; it is changed.
        data: its data, checked by `check_inputs`.
        planned: the training's trainer.
        make: makes another of its kind, with the arguments given in place of its own.
        run: would be the run folder.
        label_free: options of the label-free validators.

    Returns:
        What was found; None on all processes but the first.
    """
    epochs, parts = planned.max_epochs or 1, planned.accumulate_grad_batches
    names = phase_epochs(method, epochs)
    parameters = _parameters(method, adapts="adaptation" in names)
    validators: list[float] = []
    measure = Measure(
        lambda trainer, trained: validators.append(_validator_seconds(trainer, trained, data, label_free))
    )
    options = {"max_epochs": len(names), "limit_val_batches": _LOOKS, "callbacks": [measure]}
    limit = math.ceil((FIRST + STEPS) / parts) * parts
    with quiet():
        trainer = make(**options, limit_train_batches=min(data.loader.iterations, limit), enable_checkpointing=False)
    warmup = method.warmup_epochs
    method.schedule = replace(method.schedule, adapt_from=0 if next(iter(names)) == "adaptation" else 1)
    with quiet(), told_in_one_line():
        trainer.fit(method, datamodule=data)
    if not trainer.is_global_zero:
        return None
    timed = zip(names.items(), measure.steps, measure.device_bytes, strict=True)
    phases = [Phase(name, count, done, seconds / done, peak) for (name, count), (done, seconds), peak in timed]
    per_image = _seconds_per_image(data, measure)
    ends = validators[0] + (per_image or 0.0) * len(data.sets.validation or ())
    test = None if per_image is None or data.target_test is None else per_image * len(data.test_set)
    done, iterations = min(len(run.read_metrics()), epochs), data.loader.iterations
    return DryRun(
        method=type(method).__name__,
        device=measure.device,
        processes=trainer.world_size,
        parameters=parameters,
        data=_data(data),
        epochs=epochs,
        epochs_done=done,
        batches_per_epoch=iterations,
        steps_per_epoch=iterations // parts,
        batch_size=data.loader.batch_size,
        phases=phases,
        epoch_end_seconds=ends,
        test_seconds=test,
        seconds_left=seconds_left(phases, done, iterations) + ends * (epochs - done) + (test or 0.0),
        memory=measure.memory,
        checkpoint_bytes=measure.checkpoint_bytes,
        checkpoints=2 + (warmup > 0) + (label_free.images > 0 and data.target is not None),
        disk_free=shutil.disk_usage(_nearest(run.path)).free,
        notes=["what data.closed_loop renders is not counted"] if data.closed_loop.budget else [],
    )


def phase_epochs(method: PoseMethod, epochs: int) -> dict[str, int]:
    """Phases of a training and their epochs, in order.

    Args:
        method: what is trained.
        epochs: of the whole training.
    """
    if not method.needs_target:
        return {"training": epochs}
    warmup = min(method.warmup_epochs, epochs)
    return {name: count for name, count in (("warm-up", warmup), ("adaptation", epochs - warmup)) if count}


def seconds_left(phases: list[Phase], done: int, iterations: int) -> float:
    """Seconds of the steps of all epochs but the first ones.

    Args:
        phases: in order.
        done: epochs behind.
        iterations: batches an epoch.
    """
    total = 0.0
    for phase in phases:
        total += max(phase.epochs - done, 0) * iterations * phase.seconds_per_batch
        done = max(done - phase.epochs, 0)
    return total


def _seconds_per_image(data: PoseDataModule, measure: Measure) -> float | None:
    """Of the last epoch's validation; None without one."""
    held = data.sets.validation
    if held is None or not measure.validation:
        return None
    return measure.validation[-1] / min(len(held), _LOOKS * data.loader.batch_size)


def _validator_seconds(trainer: L.Trainer, method: PoseMethod, data: PoseDataModule, config: LabelFreeConfig) -> float:
    """Of the label-free validators at an epoch's end; they are the first process's."""
    if data.target is None or not config.images or not trainer.is_global_zero:
        return 0.0
    scorer = LabelFreeScorer(data, replace(config, images=min(config.images, _LABEL_FREE)))
    with trainer.precision_plugin.forward_context():
        scorer(method)
        start = now(method.device)
        scorer(method)
    seconds = now(method.device) - start
    return seconds * len(data.label_free_set(config.images) or ()) / len(scorer.images)


def _parameters(method: PoseMethod, *, adapts: bool) -> dict[str, int]:
    nets = {"student": method.student}
    teacher = getattr(method, "teacher", None)
    if adapts and teacher is not None:
        nets["teacher"] = teacher.net
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}
    return {**counts, "trained": sum(p.numel() for p in method.trained())}


def _data(data: PoseDataModule) -> dict[str, dict[str, Any]]:
    sets = data.sets
    named = {
        "source": sets.source,
        "source held out": sets.validation,
        "target": sets.target,
        "labelled target": sets.labelled_target,
        "target test": data.test_set if data.target_test is not None else None,
    }
    prints = data.fingerprints()
    return {
        name: {**_set(dataset, data.size), "fingerprint": prints.get(name.replace(" ", "_"))}
        for name, dataset in named.items()
        if dataset is not None
    }


def _set(dataset: PoseDataset | StreamedTarget, size: int) -> dict[str, Any]:
    place = dataset.cached_on
    held = 0 if place is None else len(dataset) * 3 * size * size
    return {"images": len(dataset), "decoded": "on demand" if place is None else str(place), "bytes": held}


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest one above that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())

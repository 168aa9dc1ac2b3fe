"""Tiny trainings through the command line, and what they leave behind."""

from __future__ import annotations

import csv
import json
import multiprocessing as mp
import os
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from actupose.cli import main
from actupose.methods import PoseMethod
from tiny_stores import REPO_ROOT, Stores

CONFIGS = REPO_ROOT / "configs"
TINY: dict[str, Any] = {
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
    "data": {
        "size": 64,
        "loader": {"batch_size": 4, "iterations": 3},
        "curriculum": {"n_bins": 5},
        "pose_vae": {"epochs": 3, "hidden": [16], "latent": 4},
    },
    "model": {
        "init_args": {
            "net": {"backbone": "test_efficientnet", "weights": "random", "head": "fpn", "width": 16},
            "schedule": {"lr": 0.001, "milestones": [2], "adapt_from": 1, "ema_decay": 0.9},
        },
    },
}
LITE = ["--model.init_args.net.backbone", "tf_efficientnet_lite0", "--model.init_args.net.weights", "imagenet"]


def fit_args(method: str, stores: Stores, out: Path, *options: object) -> list[str]:
    """Arguments of a tiny `fit`; later options win."""
    profile = out.parent / "tiny.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    task = out.parent / "task.yaml"
    task.write_text(yaml.safe_dump({"data": {k: str(v) for k, v in asdict(stores).items()}}), encoding="utf-8")
    files = [CONFIGS / "tasks" / "synth_lspet.yaml", task, CONFIGS / "methods" / f"{method}.yaml", profile]
    args = ["fit", *(part for file in files for part in ("--config", file)), "--out", out]
    return [str(arg) for arg in (*args, *options)]


def run(args: list[str]) -> int:
    """`main` without the warnings of tiny runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return main(args)


def fit(method: str, stores: Stores, out: Path, *options: object) -> dict[str, Tensor]:
    """A finished tiny training's weights."""
    assert run(fit_args(method, stores, out, *options)) == 0
    return weights(out)


def weights(out: Path, name: str = "last") -> dict[str, Tensor]:
    """All tensors of a checkpoint's model."""
    checkpoint = torch.load(out / "checkpoints" / f"{name}.ckpt", map_location="cpu", weights_only=True)
    return dict(checkpoint["state_dict"])


def validators(out: Path) -> list[dict[str, Any]]:
    """Lines of ``validators.jsonl``."""
    return [json.loads(line) for line in (out / "validators.jsonl").read_text(encoding="utf-8").splitlines()]


def label_free(out: Path) -> dict[str, Any]:
    """All that a run knows of its target without labels: validators, each image's values, the epoch kept."""
    images = {file.stem: dict(np.load(file)) for file in sorted((out / "validators").iterdir())}
    held = torch.load(out / "checkpoints" / "label_free.ckpt", map_location="cpu", weights_only=True)
    lists = {epoch: {k: v.tobytes() for k, v in arrays.items()} for epoch, arrays in images.items()}
    return {"lines": validators(out), "images": lists, "kept": held["epoch"]}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    """Names of the tensors that differ in any bit."""
    assert set(a) == set(b)
    return [name for name, value in a.items() if not torch.equal(value, b[name])]


def scores(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "scores.json").read_text(encoding="utf-8")))


def metrics(out: Path) -> list[dict[str, str]]:
    """Rows of ``metrics.csv`` without the seconds."""
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def in_child(work: Callable[[], object], timeout: float = 120) -> int:
    """Exit code of ``work`` in a forked process; negative = the signal that ended it."""

    def target() -> None:
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)

    process = mp.get_context("fork").Process(target=target)
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise AssertionError("the child did not end")
    assert process.exitcode is not None
    return process.exitcode


def run_and_stop(args: list[str], epoch: int, batch: int, how: signal.Signals = signal.SIGKILL) -> int:
    """Exit code of a run that gets a signal in the middle of a training step."""

    def work() -> int:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children ignore it
        step = PoseMethod.training_step

        def training_step(self: PoseMethod, data: Any, batch_idx: int) -> Tensor:
            if (self.current_epoch, batch_idx) == (epoch, batch):
                os.kill(os.getpid(), how)
            return step(self, data, batch_idx)

        PoseMethod.training_step = training_step  # type: ignore[method-assign]
        return run(args)

    return in_child(work)

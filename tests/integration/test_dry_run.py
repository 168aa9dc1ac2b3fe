"""`fit --dry-run`: what a training takes, without a trace of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from actupose.engine.dry_run import Phase, phase_epochs, seconds_left
from actupose.engine.measure import bytes_of
from actupose.methods import UDAPE
from integration.runs import differing, fit, fit_args, run, weights
from methods.tiny import method
from tiny_stores import NUM_SOURCE, NUM_TARGET, NUM_TEST, Stores


def told(args: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*args, "--dry-run", "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_it_tells_the_plan_of_the_training(stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    args = fit_args("udape", stores, out, "--data.loader.iterations", 30, "--trainer.accumulate_grad_batches", 2)
    before = sorted(tmp_path.rglob("*"))
    found = told(args, capsys)
    assert sorted(tmp_path.rglob("*")) == before
    held = round(0.05 * NUM_SOURCE)
    images = {name: part["images"] for name, part in found["data"].items()}
    assert images == {
        "source": NUM_SOURCE - held,
        "source held out": held,
        "target": NUM_TARGET,
        "target test": NUM_TEST,
    }
    assert found["data"]["target"]["bytes"] == NUM_TARGET * 3 * 64 * 64
    assert [(p["name"], p["epochs"], p["batches"]) for p in found["phases"]] == [
        ("warm-up", 1, 21),
        ("adaptation", 2, 21),
    ]
    assert (found["epochs"], found["batches_per_epoch"], found["steps_per_epoch"]) == (3, 30, 15)
    assert found["epochs_done"] == 0
    seconds = sum(p["epochs"] * 30 * p["seconds_per_batch"] for p in found["phases"])
    left = seconds + 3 * found["epoch_end_seconds"] + found["test_seconds"]
    assert found["seconds_left"] == pytest.approx(left)
    assert 0 < found["memory"]["process_before"] <= found["memory"]["process_peak"]


def test_the_sizes_are_those_of_the_training(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a checkpoint of the training itself; it has a few names and numbers more than tensors."""
    out = tmp_path / "run"
    args = fit_args("udape", stores, out, "--data.target_test", "null", "--data.curriculum.kind", "active")
    found = told(args, capsys)
    assert run(args) == 0
    kept = [file.name for file in (out / "checkpoints").iterdir()]
    assert len(kept) == found["checkpoints"]
    on_disk = (out / "checkpoints" / "last.ckpt").stat().st_size
    tensors = bytes_of(torch.load(out / "checkpoints" / "last.ckpt", weights_only=True))
    assert found["checkpoint_bytes"] <= tensors <= 1.05 * found["checkpoint_bytes"]
    assert found["checkpoint_bytes"] < on_disk
    student = {k: v for k, v in weights(out).items() if k.startswith("student.") and "running" not in k}
    count = sum(v.numel() for k, v in student.items() if not k.endswith("num_batches_tracked"))
    assert found["parameters"] == {"student": count, "teacher": count, "trained": count}
    assert found["memory"]["gradients"] == 4 * count
    assert 8 * count <= found["memory"]["optimizer"] <= 9 * count  # two averages, and a step count a tensor
    after = told(args, capsys)
    assert after["epochs_done"] == 3
    assert after["seconds_left"] == pytest.approx(after["test_seconds"] or 0.0)


def test_the_run_that_follows_is_the_run_without_it(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = fit_args("actupose", stores, tmp_path / "a" / "run")
    assert run([*args, "--dry-run"]) == 0
    text = capsys.readouterr().out.replace(str(tmp_path), "")
    assert len(text.splitlines()) < 24
    assert max(map(len, text.splitlines())) < 120
    for word in ("model ", "data ", "epochs ", "time ", "memory ", "disk ", "adaptation", "to go"):
        assert word in text
    assert run(args) == 0
    assert differing(weights(tmp_path / "a" / "run"), fit("actupose", stores, tmp_path / "b" / "run")) == []


@pytest.mark.parametrize(("name", "phases"), [("source_only", ["training"]), ("regda", ["warm-up", "adaptation"])])
def test_other_methods(
    name: str, phases: list[str], stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(fit_args(name, stores, tmp_path / "run"), capsys)
    assert [phase["name"] for phase in found["phases"]] == phases
    assert [phase["batches"] for phase in found["phases"]] == [1] * len(phases)  # of three, the last


@pytest.mark.parametrize(
    ("adapt_from", "epochs", "wanted"),
    [(2, 5, {"warm-up": 2, "adaptation": 3}), (0, 5, {"adaptation": 5}), (9, 5, {"warm-up": 5})],
)
def test_phases(adapt_from: int, epochs: int, wanted: dict[str, int]) -> None:
    made = method(UDAPE)
    made.schedule = replace(made.schedule, adapt_from=adapt_from)
    assert phase_epochs(made, epochs) == wanted


@pytest.mark.parametrize(("done", "wanted"), [(0, 2 * 10 * 1 + 3 * 10 * 5), (1, 10 + 150), (4, 50), (5, 0)])
def test_what_is_done_needs_no_time(done: int, wanted: float) -> None:
    phases = [Phase("warm-up", 2, 20, 1.0, None), Phase("adaptation", 3, 20, 5.0, None)]
    assert seconds_left(phases, done, 10) == wanted


def test_json_alone_is_told(tmp_path: Path, stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*fit_args("source_only", stores, tmp_path / "run"), "--json"]) == 2
    assert "add --dry-run" in capsys.readouterr().err.splitlines()[-1]

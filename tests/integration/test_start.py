"""Trainings that start from the network of another one."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch

from actupose.deploy.checkpoint import load_checkpoint
from actupose.engine.run_folder import RunFolder
from integration.runs import differing, fit, fit_args, run, run_and_stop, weights
from tiny_stores import Stores

STILL = ["--model.init_args.schedule.lr", 0.0]  # weights stay as they were begun with
AT_ONCE = ["--model.init_args.schedule.adapt_from", 0]


@pytest.fixture(scope="module")
def adapted(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose headline network is a teacher that differs from the student."""
    out = tmp_path_factory.mktemp("first") / "run"
    fit("udape", stores, out)
    return out


def test_the_student_begins_as_the_headline_network_of_the_other_run(
    adapted: Path, stores: Stores, tmp_path: Path
) -> None:
    held = fit("source_only", stores, tmp_path / "second", "--start", adapted, *STILL)
    first = dict(load_checkpoint(adapted / "checkpoints" / "last.ckpt").net.named_parameters())
    student = weights(adapted)
    assert any(not torch.equal(first[name], student[f"student.{name}"]) for name in first), "the teacher is the student"
    for name, value in first.items():
        assert torch.equal(held[f"student.{name}"], value), name


def test_an_adaptation_can_begin_at_once_and_is_judged_against_its_start(
    adapted: Path, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--start", adapted, *AT_ONCE]
    unbroken = fit("actupose", stores, tmp_path / "whole", *options)
    assert f"{adapted} by the validators" in capsys.readouterr().out
    verdict = json.loads((tmp_path / "whole" / "verdict.json").read_text("utf-8"))
    assert verdict["before"] == str(adapted)
    record = json.loads((tmp_path / "whole" / "run.json").read_text("utf-8"))
    assert len(record["fingerprints"]["start"]) == 16
    args = fit_args("actupose", stores, tmp_path / "killed", *options)
    assert run_and_stop(args, 1, 1, signal.SIGKILL) == -signal.SIGKILL
    assert run(args) == 0
    assert differing(weights(tmp_path / "killed"), unbroken) == []


def test_a_run_goes_on_without_what_it_started_from(adapted: Path, stores: Stores, tmp_path: Path) -> None:
    start = shutil.copytree(adapted, tmp_path / "start")
    out = tmp_path / "run"
    args = fit_args("source_only", stores, out, "--start", start)
    assert run_and_stop(args, 1, 1) == -signal.SIGKILL
    begun = RunFolder(out).read_record()["fingerprints"]["start"]
    shutil.rmtree(start)
    assert run(args) == 0
    assert RunFolder(out).read_record()["fingerprints"]["start"] == begun
    assert differing(weights(out), fit("source_only", stores, tmp_path / "whole", "--start", adapted)) == []


def test_a_start_without_validators_gives_no_verdict_and_says_why(
    adapted: Path, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit("udape", stores, tmp_path / "run", "--start", adapted / "checkpoints" / "last.ckpt", *AT_ONCE)
    assert "no verdict: " in capsys.readouterr().out
    assert not (tmp_path / "run" / "verdict.json").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "nowhere"], "nowhere: no such checkpoint"),
        (["--model.init_args.net.width", 24], "is not this training's"),
        (["--data.skeleton", "lsp14"], "start from a training of the same skeleton"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    options: list[object],
    told: str,
    adapted: Path,
    stores: Stores,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(fit_args("udape", stores, tmp_path / "run", "--start", adapted, *options)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert told in lines[-1]
    assert not (tmp_path / "run").exists()

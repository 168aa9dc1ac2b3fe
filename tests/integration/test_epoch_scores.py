"""Scoring the test set after every epoch: a record beside a training whose bits it does not touch."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from integration.runs import differing, fit, fit_args, metrics, run, run_and_stop, scores, weights
from tiny_stores import Stores

EVERY = ["--eval_every_epoch", "true"]


@pytest.mark.parametrize("method", ["source_only", "actupose"])
def test_the_record_changes_no_bit_of_the_training(method: str, stores: Stores, tmp_path: Path) -> None:
    plain = fit(method, stores, tmp_path / "plain")
    assert not (tmp_path / "plain" / "scores.jsonl").exists()
    watched = fit(method, stores, tmp_path / "watched", *EVERY)
    assert differing(plain, watched) == []
    assert metrics(tmp_path / "plain") == metrics(tmp_path / "watched")

    lines = [json.loads(line) for line in (tmp_path / "watched" / "scores.jsonl").read_text("utf-8").splitlines()]
    assert [line.pop("epoch") for line in lines] == [0, 1, 2]
    adapts = method == "actupose"
    assert [line.pop("net") for line in lines] == ["student", *2 * ["teacher" if adapts else "student"]]
    last = scores(tmp_path / "watched")["scores"]
    told = {k: v for k, v in last.items() if "/bin/" not in k}
    assert json.dumps(lines[-1], sort_keys=True) == json.dumps(told, sort_keys=True)  # NaN equals NaN
    assert lines[0] != lines[-1]


def test_a_resumed_run_writes_the_same_record(stores: Stores, tmp_path: Path) -> None:
    fit("udape", stores, tmp_path / "whole", *EVERY)
    args = fit_args("udape", stores, tmp_path / "killed", *EVERY)
    assert run_and_stop(args, 2, 1) == -signal.SIGKILL
    assert run(args) == 0
    assert (tmp_path / "killed" / "scores.jsonl").read_text() == (tmp_path / "whole" / "scores.jsonl").read_text()
    assert differing(weights(tmp_path / "killed"), weights(tmp_path / "whole")) == []


def test_it_needs_a_test_set(stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fit_args("source_only", stores, tmp_path / "run", *EVERY, "--data.target_test", "null")) == 2
    assert "eval_every_epoch needs a labelled test set; set data.target_test" in capsys.readouterr().err

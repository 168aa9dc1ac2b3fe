"""Label-free validators in trainings through the command line: they watch, choose, stop, and change nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actupose.deploy.checkpoint import load_checkpoint
from actupose.deploy.folder import load_folder, write_folder
from actupose.methods import METHODS
from actupose.metrics import VALIDATORS, Calibration, chosen_epochs
from actupose.skeletons import load_skeleton
from integration.runs import (
    differing,
    fit,
    fit_args,
    label_free,
    metrics,
    run,
    run_and_stop,
    scores,
    validators,
    weights,
)
from tiny_stores import NUM_TARGET, Stores

OFF = ["--label_free.images", 0]
NO_TARGET = ["--data.target", "null"]
OPTIONS = ["--trainer.max_epochs", 5, "--model.init_args.schedule.adapt_from", 2]


@pytest.fixture(scope="module")
def unbroken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("validated") / "run"
    fit("actupose", stores, out, *OPTIONS)
    return out


@pytest.mark.parametrize("name", METHODS)
def test_weights_are_the_same_with_validators_and_without(name: str, stores: Stores, tmp_path: Path) -> None:
    """Methods that train on no target too, with a target shown to the validators alone."""
    blind = ["--data.oracle", "false"]
    watched = fit(name, stores, tmp_path / "on", *blind)
    alone = fit(name, stores, tmp_path / "off", *OFF, *blind, *([] if METHODS[name].needs_target else NO_TARGET))
    assert differing(watched, alone) == []
    assert metrics(tmp_path / "on") == metrics(tmp_path / "off")
    assert len(validators(tmp_path / "on")) == 3
    assert not (tmp_path / "off" / "validators.jsonl").exists()
    assert not (tmp_path / "off" / "checkpoints" / "label_free.ckpt").exists()


def test_the_log_has_every_validator_every_epoch_and_the_mean_of_its_images(unbroken: Path) -> None:
    lines = validators(unbroken)
    assert [line["epoch"] for line in lines] == list(range(5))
    assert [line["net"] for line in lines] == ["student", "student", "teacher", "teacher", "teacher"]
    rows = metrics(unbroken)
    for line, row in zip(lines, rows, strict=True):
        assert set(line) - {"epoch", "net"} == set(VALIDATORS)
        assert line["source_pck"] == pytest.approx(float(row[f"source_val/{line['net']}/pck/All"]))
        images = np.load(unbroken / "validators" / f"{line['epoch']:04d}.npz", allow_pickle=False)
        assert set(images) == set(VALIDATORS) - {"source_pck"}
        for name, values in images.items():
            assert values.shape == (NUM_TARGET,)
            assert line[name] == pytest.approx(np.nanmean(values.astype(np.float64)))


def test_the_chosen_checkpoint_is_that_of_the_chosen_epoch(unbroken: Path) -> None:
    held = {n: torch.load(unbroken / "checkpoints" / f"{n}.ckpt", weights_only=True) for n in ("label_free", "warmup")}
    assert held["label_free"]["epoch"] == chosen_epochs(validators(unbroken))[-1]
    assert held["warmup"]["epoch"] == 1
    assert not bool(held["warmup"]["state_dict"]["adapted"])


def test_both_checkpoints_are_scored_and_named(unbroken: Path, tmp_path: Path) -> None:
    """The chosen one's scores are those of its file, whichever epoch it is."""
    kept = unbroken / "checkpoints" / "label_free.ckpt"
    whole = scores(unbroken)
    config, into = str(unbroken / "config.yaml"), str(tmp_path / "there")
    assert run(["test", "--config", config, "--out", into, "--ckpt_path", str(kept)]) == 0
    there = scores(tmp_path / "there")
    assert json.dumps(there["scores"]) == json.dumps(whole["label_free"]["scores"])
    assert (there["checkpoint"], there["epoch"]) == ("label_free.ckpt", whole["label_free"]["epoch"])
    assert "label_free" not in there


def test_the_verdict_is_that_of_the_warmup_and_the_last_epoch(unbroken: Path) -> None:
    told = json.loads((unbroken / "verdict.json").read_text(encoding="utf-8"))
    assert told["answer"] in ("better", "unsure", "worse")
    assert told["images"] == NUM_TARGET
    lines = validators(unbroken)
    for name, change in told["validators"].items():
        assert [change["before"], change["after"]] == pytest.approx([lines[1][name], lines[4][name]], abs=1e-4)


def test_a_checkpoint_carries_the_calibration_of_its_own_validation(stores: Stores, tmp_path: Path) -> None:
    """It calibrates the peaks that the test finds; a training without held-out source has none."""
    half = ["--data.validation_share", 0.5, "--trainer.max_epochs", 2]
    fit("source_only", stores, tmp_path / "run", *half)
    for name in ("last", "label_free"):
        held = torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)
        calibration = Calibration.from_dict(held["actupose"]["calibration"])
        assert calibration.fitted_on > 200
        assert load_checkpoint(tmp_path / "run" / "checkpoints" / f"{name}.ckpt").calibration == calibration
    exported = tmp_path / "exported"
    exported.mkdir()
    write_folder(load_checkpoint(tmp_path / "run" / "checkpoints" / "label_free.ckpt"), exported)
    assert load_folder(exported).calibration == calibration
    found = scores(tmp_path / "run")["scores"]
    assert 0 <= found["student/ece_calibrated"] <= 100
    assert 0 <= found["student/ece"] <= 100
    fit("source_only", stores, tmp_path / "none", "--data.validation_share", 0, "--trainer.max_epochs", 1)
    assert load_checkpoint(tmp_path / "none" / "checkpoints" / "last.ckpt").calibration is None
    assert "student/ece_calibrated" not in scores(tmp_path / "none")["scores"]


def test_few_images_are_a_part_of_the_many_and_batches_do_not_matter(stores: Stores, tmp_path: Path) -> None:
    short = ["--trainer.max_epochs", 1]
    for name, options in {"whole": ["--label_free.batch_size", 64], "split": ["--label_free.batch_size", 7]}.items():
        fit("source_only", stores, tmp_path / name, *short, *options)
    fit("source_only", stores, tmp_path / "few", *short, "--label_free.images", 6)
    whole, split, few = (np.load(tmp_path / n / "validators" / "0000.npz") for n in ("whole", "split", "few"))
    assert len(few["peak"]) == 6
    assert np.isin(few["peak"].round(5), whole["peak"].round(5)).all()
    for name in set(whole) - {"agreement"}:  # its views are drawn a batch at a time
        np.testing.assert_allclose(whole[name], split[name], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kill", [(1, 1), (4, 2)])
def test_a_resumed_run_writes_and_chooses_the_same(
    kill: tuple[int, int], stores: Stores, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = fit_args("actupose", stores, out, *OPTIONS)
    assert run_and_stop(args, *kill) == -signal.SIGKILL
    assert run(args) == 0
    assert label_free(out) == label_free(unbroken)
    assert differing(weights(out, "warmup"), weights(unbroken, "warmup")) == []


def test_a_copy_that_a_killed_run_did_not_come_to_is_made_up_for(
    stores: Stores, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = fit_args("actupose", stores, out, *OPTIONS)
    assert run_and_stop(args, 2, 0) == -signal.SIGKILL
    (out / "checkpoints" / "warmup.ckpt").unlink()
    assert run(args) == 0
    assert differing(weights(out, "warmup"), weights(unbroken, "warmup")) == []


def test_early_stopping_waits_for_the_adaptation_and_stays_stopped(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    still = ["--model.init_args.schedule.lr", 0, "--model.init_args.schedule.ema_decay", 1]  # no better epoch can come
    args = fit_args("udape", stores, out, "--trainer.max_epochs", 9, "--label_free.patience", 2, *still)
    assert run(args) == 0
    lines = validators(out)
    kept = chosen_epochs(lines)[-1]
    assert len(lines) == max(kept, 1) + 2 + 1
    assert len(lines) < 9
    assert "no better checkpoint for 2 epochs" in capsys.readouterr().out
    ended = weights(out)
    assert run(args) == 0
    assert validators(out) == lines
    assert differing(weights(out), ended) == []


def test_a_value_out_of_range_is_one_line(stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--label_free.images", -1], ["--label_free.images", 0, "--label_free.patience", 3]):
        assert run(fit_args("udape", stores, tmp_path / "run", *option)) == 2
        assert "label_free" in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_without_flip_pairs_there_is_no_flip(stores: Stores, tmp_path: Path) -> None:
    """The mirror image of an object whose sides have no names is another object; the others choose."""
    plain = load_skeleton("body16").to_dict() | {"name": "plain", "flip_pairs": []}
    file = tmp_path / "plain.yaml"
    file.write_text(yaml.safe_dump(plain), encoding="utf-8")
    fit("source_only", stores, tmp_path / "run", "--data.skeleton", file, "--trainer.max_epochs", 2)
    assert [set(VALIDATORS) - set(line) for line in validators(tmp_path / "run")] == [{"flip"}, {"flip"}]
    assert (tmp_path / "run" / "checkpoints" / "label_free.ckpt").is_file()

"""A training killed in the middle of an epoch and started again ends where the unbroken one ends, to the bit."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from pathlib import Path

import pytest

from actupose.engine.run_folder import RunFolder
from actupose.methods import METHODS, UDAPE
from integration.runs import differing, fit, fit_args, in_child, metrics, run, run_and_stop, scores, weights
from tiny_stores import Stores

OPTIONS = ["--trainer.max_epochs", 5, "--model.init_args.schedule.adapt_from", 2]


@pytest.fixture(scope="module")
def unbroken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ACTUPose: two epochs of source alone, then three of the mean teacher."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    fit("actupose", stores, out, *OPTIONS)
    return out


def args_of(stores: Stores, out: Path, workers: int) -> list[str]:
    cache = "none" if workers else "memory"  # cached sets are read in the process itself
    options = ["--data.loader.num_workers", workers, "--data.loader.cache", cache]
    return fit_args("actupose", stores, out, *OPTIONS, *options)


@pytest.mark.parametrize(
    ("workers", "kills"),
    [
        (0, [(1, 1), (3, 2)]),  # before and after the adaptation begins: two restarts
        (1, [(2, 1)]),  # in its first epoch
    ],
)
def test_killed_and_resumed_equals_unbroken(
    workers: int, kills: list[tuple[int, int]], stores: Stores, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = args_of(stores, out, workers)
    for epoch, batch in kills:
        assert run_and_stop(args, epoch, batch) == -signal.SIGKILL
        assert not (out / "scores.json").exists()
        assert len(metrics(out)) == epoch
    assert run(args) == 0
    assert differing(weights(out), weights(unbroken)) == []
    assert metrics(out) == metrics(unbroken)
    assert (out / "curriculum.jsonl").read_text("utf-8") == (unbroken / "curriculum.jsonl").read_text("utf-8")
    assert json.dumps(scores(out)["scores"]) == json.dumps(scores(unbroken)["scores"])


@pytest.mark.parametrize("epoch", [1, 2])
def test_so_does_a_method_of_several_steps(epoch: int, stores: Stores, tmp_path: Path) -> None:
    """RegDA, killed in its warm-up and in its first epoch of adaptation: optimisers, rates and momentum come back."""
    options = ["--trainer.max_epochs", 4, "--model.init_args.schedule.adapt_from", 2]
    whole = fit("regda", stores, tmp_path / "whole", *options)
    out = tmp_path / "run"
    args = fit_args("regda", stores, out, *options)
    assert run_and_stop(args, epoch, 1) == -signal.SIGKILL
    assert run(args) == 0
    assert differing(weights(out), whole) == []
    assert metrics(out) == metrics(tmp_path / "whole")


SWITCHES = [
    "--model.teacher.block_ratio",
    0.5,
    "--model.gating.enabled",
    "true",
    "--data.curriculum.kind",
    "self_paced",
]


@pytest.mark.parametrize("name", [name for name, cls in METHODS.items() if issubclass(cls, UDAPE)])
def test_the_switches_of_the_mean_teacher_resume_to_the_bit(name: str, stores: Stores, tmp_path: Path) -> None:
    """Masking, gate and a curriculum by the student's loss; a method on this base is tested by existing."""
    options = [*OPTIONS, "--trainer.max_epochs", 4, *SWITCHES]
    args = fit_args(name, stores, tmp_path / "killed", *options)
    assert run_and_stop(args, 3, 1) == -signal.SIGKILL
    assert run(args) == 0
    ours, unbroken = weights(tmp_path / "killed"), fit(name, stores, tmp_path / "unbroken", *options)
    assert differing(ours, unbroken) == []
    assert float(ours["gate.count"]) == 6  # the steps of the two epochs of adaptation
    without = fit(name, stores, tmp_path / "without", *options, "--model.gating.enabled", "false")
    assert differing({k: v for k, v in ours.items() if not k.startswith("gate.")}, without) != []


def test_a_run_killed_before_its_first_checkpoint_starts_anew(stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = fit_args("source_only", stores, out)
    assert run_and_stop(args, 0, 1) == -signal.SIGKILL
    assert run(args) == 0
    assert differing(weights(out), fit("source_only", stores, tmp_path / "other")) == []


def test_a_finished_run_is_not_trained_again(unbroken: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(unbroken, out)
    config = (out / "config.yaml").read_text("utf-8").replace(str(unbroken), str(out))
    (out / "config.yaml").write_text(config, "utf-8")
    before = scores(out)
    assert run(["fit", "--config", str(out / "config.yaml")]) == 0
    assert differing(weights(out), weights(unbroken)) == []
    assert metrics(out) == metrics(unbroken)
    after = scores(out)
    assert json.dumps(after["scores"]) == json.dumps(before["scores"])
    taught = sum(float(row["seconds"]) for row in RunFolder(out).read_metrics())
    assert after["train_seconds"] >= taught > 0  # those of the training, not of this moment alone


def truncate(file: Path) -> None:
    half = file.read_bytes()[: file.stat().st_size // 2]
    file.unlink()  # it may have another name
    file.write_bytes(half)


@pytest.fixture
def copied(unbroken: Path, tmp_path: Path) -> Path:
    """A finished run of one's own."""
    out = tmp_path / "run"
    shutil.copytree(unbroken, out)
    config = (out / "config.yaml").read_text("utf-8").replace(str(unbroken), str(out))
    (out / "config.yaml").write_text(config, "utf-8")
    return out


def test_a_truncated_checkpoint_is_named_and_the_one_before_takes_its_place(
    copied: Path, unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = copied / "checkpoints" / "last.ckpt"
    truncate(last)
    assert run(["test", "--config", str(copied / "config.yaml")]) == 2  # scores are of the file that was asked for
    assert f"{last}: is no whole checkpoint" in capsys.readouterr().err
    assert run(["fit", "--config", str(copied / "config.yaml")]) == 0
    said = capsys.readouterr()
    assert f"{last}: is no whole checkpoint" in said.out
    assert "continues from previous.ckpt, the one of the epoch before" in said.out
    assert "epoch 5/5" in said.out
    assert "epoch 4/5" not in said.out
    assert differing(weights(copied), weights(unbroken)) == []
    assert metrics(copied) == metrics(unbroken)


def test_where_both_are_truncated_nothing_is_touched(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("last", "previous"):
        truncate(copied / "checkpoints" / f"{name}.ckpt")
    before = {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()}
    for verb in ("fit", "test", "validate"):
        assert run([verb, "--config", str(copied / "config.yaml")]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert said[-1].startswith(f"actupose {verb}: {copied / 'checkpoints' / 'last.ckpt'}: is no whole checkpoint")
        assert not any("Traceback" in line for line in said)
    assert {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("small_disk", ["40m"], indirect=True)
def test_a_full_disk_leaves_the_last_checkpoint(
    stores: Stores, unbroken: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fills in the third epoch: room for three checkpoints of a training that needs up to five at a time."""
    out, size = small_disk / "run", (unbroken / "checkpoints" / "last.ckpt").stat().st_size
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 3 * size))
    args = args_of(stores, out, 0)
    assert run(args) == 2
    assert "the disk is full (No space left on device); free some space" in capsys.readouterr().err.splitlines()[-1]
    kept = weights(out)
    assert 0 < len(metrics(out)) < 5
    assert kept
    assert not list(out.rglob("*.tmp*"))
    ballast.unlink()
    assert run(args) == 0
    assert differing(weights(out), weights(unbroken)) == []
    assert metrics(out) == metrics(unbroken)


def test_a_limit_on_the_size_of_files_is_told_as_a_full_disk(
    stores: Stores, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    args = fit_args("source_only", stores, tmp_path / "run")

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return run(args)

    assert in_child(limited) == 2
    assert "the disk is full (File too large)" in capfd.readouterr().err
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []


def test_an_interrupt_says_how_to_continue(stores: Stores, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    args = fit_args("source_only", stores, out)
    assert run_and_stop(args, 1, 1, signal.SIGINT) == 130
    assert "interrupted; run the same command to continue" in capfd.readouterr().err
    assert run(args) == 0
    assert len(metrics(out)) == 3

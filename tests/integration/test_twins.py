"""The same command twice at the same time: one writes, the other is told in a line; a killed one is in nobody's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actupose.cli import main
from actupose.commands.training import ParsedTraining
from actupose.data.store import open_store
from actupose.engine.trials import SuiteFolder, Trial, run_trial
from actupose.errors import BusyError
from actupose.files import held
from integration.runs import fit_args, metrics, run
from tiny_stores import Stores

EPOCHS = 12
HOLDER = "import sys, time; from pathlib import Path; from actupose.files import held\n"


def wait_for(there: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def running(*args: object) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process; killed at the end, if it has not been before."""
    command = [sys.executable, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def holding(folder: Path, verb: str) -> Iterator[None]:
    """Another process that writes to a folder."""
    script = f"{HOLDER}with held(Path(sys.argv[1]), sys.argv[2]): print(flush=True); time.sleep(100)"
    with running("-c", script, folder, verb) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield


def refused(capsys: pytest.CaptureFixture[str], args: list[str]) -> str:
    """The one line of a command that ends because another one writes."""
    capsys.readouterr()
    assert run(args) == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("actupose ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("loaders", [0, 1])
def test_fit(loaders: int, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    options = ["--trainer.max_epochs", EPOCHS, "--label_free.images", 0, "--data.loader.num_workers", loaders]
    args = fit_args("source_only", stores, out, *options, "--data.loader.cache", "none")
    with running("-m", "actupose", *args) as process:
        wait_for(lambda: len(metrics(out)) >= 1 if (out / "metrics.csv").is_file() else False, process)
        process.send_signal(signal.SIGSTOP)  # so that nothing ends by itself
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert f"{out}: another `actupose fit` is writing there; wait until it has ended" in refused(capsys, args)
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
        process.kill()
        process.wait()
        assert run(args) == 0, "a killed training, or a loader that outlives it for a moment, holds nothing"
    assert len(metrics(out)) == EPOCHS


def test_two_processes_of_one_training_are_no_twins(stores: Stores, tmp_path: Path) -> None:
    """Lightning's own launcher gives the second process the same command line."""
    options = ["--trainer.max_epochs", 1, "--label_free.images", 0, "--trainer.devices", 2, "--trainer.strategy", "ddp"]
    args = fit_args("source_only", stores, tmp_path / "run", *options)
    done = subprocess.run([sys.executable, "-m", "actupose", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "scores.json").is_file()


def test_synth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["synth", str(tmp_path / "s"), "--num", "4000", "--render.size", "32", "--workers", "1"]
    with running("-m", "actupose", *args) as process:
        wait_for((tmp_path / "s" / "store.json").is_file, process)
        assert "s: another `actupose synth` is writing there" in refused(capsys, args)
        process.kill()
        process.wait()
        with held(tmp_path / "s", "synth"):
            pass


def test_prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    args = ["prepare", "folder", str(tmp_path / "photos"), str(tmp_path / "s"), "--skeleton", "body16", "--size", "32"]
    with holding(tmp_path / "s", "prepare"):
        assert "s: another `actupose prepare` is writing there" in refused(capsys, args)
        assert [path.name for path in (tmp_path / "s").iterdir()] == [".lock"]
    assert main(args) == 0
    assert len(open_store(tmp_path / "s")) == 1


def test_style_fit(stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "style"
    args = ["style", "fit", "--source", str(stores.source), "--target", str(stores.target), "--out", str(out)]
    with holding(out, "style fit"):
        assert "style: another `actupose style fit` is writing there" in refused(
            capsys, [*args, "--encoder", "lite0", "--size", "32", "--steps", "1"]
        )


def test_a_suite_leaves_open_what_another_process_trains(stores: Stores, tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path / "bench")
    trial = Trial.of(
        "looks", "source_only", 0, ParsedTraining(fit_args("source_only", stores, tmp_path)[1:]).config_text
    )
    folder.write_config(trial)
    with holding(folder.run(trial.name).path, "fit"):
        reason = run_trial(folder, trial.name, tmp_path)
    assert reason is not None
    assert "another `actupose fit` is writing there" in reason
    assert folder.open_trials([trial]) == [trial]


def test_a_forked_child_does_not_hold_beyond_its_parent(tmp_path: Path) -> None:
    script = (
        f"{HOLDER}import os\n"
        "with held(Path(sys.argv[1]), 'fit'):\n"
        "    child = os.fork()\n"
        "    if child: print(child, flush=True)\n"
        "    time.sleep(100)\n"
    )
    with running("-c", script, tmp_path) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            with pytest.raises(BusyError, match="another `actupose fit` is writing there"), held(tmp_path, "fit"):
                pass
            process.kill()
            process.wait()
            os.kill(child, 0)  # it lives
            with held(tmp_path, "fit"):
                pass
        finally:
            os.kill(child, signal.SIGKILL)

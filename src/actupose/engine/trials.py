"""The trainings of a suite: a child process each, so that whatever happens to one leaves the others alone.

::

    OUT/configs/NAME.yaml   a trial's whole configuration
    OUT/runs/NAME/          its run folder
    OUT/logs/NAME.log       what it printed
    OUT/failed/NAME.json    why it failed, if it did

A trial's name ends in a hash of its configuration, so the same training is never done twice below one OUT, whatever
suite asks for it, and a killed suite finds what it has by asking again.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actupose.data.build import single_threaded_children
from actupose.data.store import write_json_atomically
from actupose.engine.run_folder import RunFolder, write_text_atomically
from actupose.engine.settings import settings_of
from actupose.errors import BusyError

# A trial ends when the process that started it ends, even by SIGKILL: an orphan and its successor would both write.
_CHILD = (
    "from actupose.engine.processes import end_with_parent; end_with_parent(); from actupose.cli import entry; entry()"
)
_TAIL_BYTES = 8192
_INTERRUPTED = 130  # by Ctrl-C, which is nothing of the trial's; it is open still
Finished = Callable[["Trial", str | None], None]


@dataclass(frozen=True)
class Trial:
    """One training of a suite.

    Attributes:
        name: ``TASK/METHOD-SEED-HASH``, its place in the suite's folder.
        config: its whole configuration without ``out``, as YAML.
        gpu: whether it asks for a GPU; None = it takes one where there is one.
        trusted: its configuration may name classes of any package.
    """

    name: str
    config: str
    gpu: bool | None = None
    trusted: bool = False

    @classmethod
    def of(
        cls, task: str, method: str, seed: int, config: str, *, gpu: bool | None = None, trusted: bool = False
    ) -> Trial:
        """Name a training after what it is.

        Args:
            task: the task's name.
            method: the method's name.
            seed: its seed.
            config: the whole configuration; its ``out`` and what no result depends on do not count.
            gpu: see the class.
            trusted: see the class.
        """
        text = "".join(f"{line}\n" for line in config.splitlines() if not line.startswith("out:"))
        return cls(f"{task}/{method}-{seed}-{mark_of(config)}", text, gpu, trusted)


@dataclass(frozen=True)
class SuiteFolder:
    """Paths of a suite's trials; they may be read from any process or machine that sees the folder."""

    path: Path

    def run(self, name: str) -> RunFolder:
        """A trial's run folder."""
        return RunFolder(self.path / "runs" / name)

    def config(self, name: str) -> Path:
        """A trial's configuration."""
        return self.path / "configs" / f"{name}.yaml"

    def log(self, name: str) -> Path:
        """What a trial printed."""
        return self.path / "logs" / f"{name}.log"

    def failure(self, name: str) -> Path:
        """Why a trial failed."""
        return self.path / "failed" / f"{name}.json"

    def write_config(self, trial: Trial) -> None:
        """Write a trial's configuration."""
        file = self.config(trial.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(file, f"out: {json.dumps(str(self.run(trial.name).path))}\n{trial.config}")

    def reason(self, name: str) -> str | None:
        """Why a trial has no scores; None where it has them."""
        if self.run(name).scores.is_file():
            return None
        file = self.failure(name)
        if not file.is_file():
            return "not finished"
        return str(json.loads(file.read_text(encoding="utf-8"))["reason"])

    def open_trials(self, trials: Sequence[Trial], *, retry_failed: bool = False) -> list[Trial]:
        """Trials that are neither done nor, unless they are to be tried again, failed."""
        missing = [trial for trial in trials if not self.run(trial.name).scores.is_file()]
        if retry_failed:
            for trial in missing:
                self.failure(trial.name).unlink(missing_ok=True)
        return [trial for trial in missing if not self.failure(trial.name).is_file()]


def mark_of(config: str) -> str:
    """Hash of a configuration, the end of its trial's name.

    Args:
        config: the whole configuration; its ``out`` and what no result depends on do not count.
    """
    return hashlib.sha256("\n".join(settings_of(config)).encode()).hexdigest()[:8]


def run_trial(folder: SuiteFolder, name: str, cwd: Path, *, trusted: bool = False) -> str | None:
    """Train one trial in a child process of one thread, or continue it.

    Args:
        folder: the suite's; the trial's configuration is in it.
        name: the trial's.
        cwd: folder that relative paths of the configuration start from.
        trusted: see `Trial`.

    Returns:
        Why it failed, which is kept in the folder too; None when it is done.
    """
    log = folder.log(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, single_threaded_children():
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _CHILD,
                "fit",
                "--config",
                str(folder.config(name)),
                *(["--trust"] if trusted else []),
            ],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
        )
    try:
        code = process.wait()
    finally:
        process.kill()  # only where the wait was interrupted; a process that has ended takes no notice
        process.wait()
    if code == 0 and folder.run(name).scores.is_file():
        return None
    if code == _INTERRUPTED:
        return "interrupted"
    reason = failure_reason(code, log).replace(f"{folder.path}/", "")
    if code == BusyError.exit_code:  # another suite trains it: it is that one's to end, and open for this one
        return reason
    folder.failure(name).parent.mkdir(parents=True, exist_ok=True)
    write_json_atomically(folder.failure(name), {"reason": reason, "exit_code": code})
    return reason


def run_here(folder: SuiteFolder, trials: Sequence[Trial], finished: Finished) -> None:
    """Train trials one after the other.

    Args:
        folder: the suite's.
        trials: from `SuiteFolder.open_trials`.
        finished: called after each with its failure.
    """
    for trial in trials:
        finished(trial, run_trial(folder, trial.name, Path.cwd(), trusted=trial.trusted))


def failure_reason(code: int, log: Path) -> str:
    """Why a trial failed, in one line: its own complaint, its exception, or the signal that ended it.

    Args:
        code: its exit code; negative = the signal.
        log: what it printed.
    """
    if code < 0:
        return f"killed by {signal.Signals(-code).name} (out of memory?)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    own = [line.removeprefix("actupose fit: ") for line in lines if line.startswith("actupose fit: ")]
    return (own or lines or [f"exit code {code}"])[-1]

"""The run folder: one folder a training, claimed once, with everything that repeats it.

::

    .lock                        held by the training that writes here, and by nobody after it
    config.yaml                  the whole configuration; `actupose fit --config RUN/config.yaml` repeats it
    run.json                     versions, machine, command, git commit, data fingerprints
    checkpoints/last.ckpt        written whole at the end of every epoch
    checkpoints/previous.ckpt    the one before, for a last one that is damaged later
    checkpoints/warmup.ckpt      the last one of the source alone, for methods that adapt
    checkpoints/label_free.ckpt  the one that the label-free validators choose
    metrics.csv                  losses and source validation, one row an epoch
    curriculum.jsonl             each epoch's planned and drawn samples a bin, and how re-ranking moved samples
    complexity.json              how different the poses of each bin are, by the Pose-VAE's scores
    pairs.json                   source and target pictures of like pose, as the cross-domain loss finds them
    closed_loop/epoch_XXXX       what the closed loop rendered after an epoch, a store
    validators.jsonl             each epoch's label-free validators
    validators/EPOCH.npz         their values for every image
    verdict.json                 whether the adaptation helped, by the validators
    scores.json                  scores on the labelled target test set
    predictions.npz              what the headline network predicted of each of its pictures, beside the labels
    scores.jsonl                 the same after every epoch, where `eval_every_epoch` asks for it
    pseudo_labels.jsonl          how many pseudo-labels are right, where `eval_pseudo_labels` asks for it
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from actupose.data.store import write_json_atomically
from actupose.engine.settings import difference, same_training
from actupose.errors import UserError
from actupose.files import LOCK, whole_file

_PACKAGES = ("actupose", "torch", "torchvision", "lightning", "timm", "numpy", "datasets")

Complete = Callable[[str], str]


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def previous(self) -> Path:
        """The checkpoint before the last one."""
        return self.checkpoint.with_name("previous.ckpt")

    @property
    def warmup(self) -> Path:
        """The checkpoint at the end of the source-only phase."""
        return self.checkpoint.with_name("warmup.ckpt")

    @property
    def label_free(self) -> Path:
        """The checkpoint that the label-free validators choose."""
        return self.checkpoint.with_name("label_free.ckpt")

    @property
    def validators(self) -> Path:
        """The label-free validators' log."""
        return self.path / "validators.jsonl"

    def validator_images(self, epoch: int) -> Path:
        """The label-free validators' values for every image after an epoch."""
        return self.path / "validators" / f"{epoch:04d}.npz"

    @property
    def verdict(self) -> Path:
        """Whether the adaptation helped, by the label-free validators."""
        return self.path / "verdict.json"

    @property
    def metrics(self) -> Path:
        """Losses and source validation."""
        return self.path / "metrics.csv"

    @property
    def scores(self) -> Path:
        """Scores on the target test set."""
        return self.path / "scores.json"

    @property
    def predictions(self) -> Path:
        """The headline network's keypoints on the target test set, beside the labels; for reports alone."""
        return self.path / "predictions.npz"

    @property
    def complexity(self) -> Path:
        """How different the poses of each complexity bin are; for reports alone."""
        return self.path / "complexity.json"

    @property
    def pairs(self) -> Path:
        """Source and target pictures of like pose; for reports alone."""
        return self.path / "pairs.json"

    @property
    def pseudo_labels(self) -> Path:
        """How many pseudo-labels are right after every epoch; for reports alone."""
        return self.path / "pseudo_labels.jsonl"

    @property
    def epoch_scores(self) -> Path:
        """Scores on the target test set after every epoch; for tables alone."""
        return self.path / "scores.jsonl"

    @property
    def curriculum(self) -> Path:
        """The curriculum's log."""
        return self.path / "curriculum.jsonl"

    def closed_loop(self, epoch: int) -> Path:
        """Store of what the closed loop rendered after an epoch."""
        return self.path / "closed_loop" / f"epoch_{epoch:04d}"

    def check(self, config: str, complete: Complete | None = None) -> Path | None:
        """Look whether the folder can be claimed for this configuration, and write nothing.

        Args:
            config: the configuration as YAML text.
            complete: gives the configuration in the folder, which an older version may have written, the keys that have
                come since, at their defaults. A `UserError` of it says why that cannot be.

        Returns:
            The checkpoint to continue from, or None for a fresh run.

        Raises:
            UserError: the folder holds a run with another configuration, or other files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: is a file, not a folder; set another `out`.")
        if self.config.is_file():
            other = self._difference(config, complete)
            if other:
                raise UserError(f"{self.path}: holds another run ({other}); set another `out` or remove the folder.")
            return self.checkpoint if self.checkpoint.is_file() else None
        if self.path.is_dir() and not all(self._is_begun(file) for file in self.path.iterdir()):
            raise UserError(f"{self.path}: holds other files; set `out` to an empty or new folder.")
        return None

    def _difference(self, config: str, complete: Complete | None) -> str:
        """What keeps the run in the folder from being of this configuration."""
        held = self.config.read_text(encoding="utf-8")
        try:
            if complete is not None and not same_training(held, config):
                held = complete(held)
            return difference(held, config)
        except yaml.YAMLError:
            return f"its {self.config.name} is not readable YAML"
        except UserError as error:
            return f"its {self.config.name} does not fit this version: {str(error).rstrip('.')}"

    def _is_begun(self, file: Path) -> bool:
        """Whether a file is the lock or the configuration, which this training's first process may just have made."""
        return file.name in (LOCK, self.config.name) or file.name.startswith(f"{self.config.name}.tmp")

    def claim(self, config: str, complete: Complete | None = None, *, first: bool = True) -> Path | None:
        """Take the folder for this configuration; that of an older version is replaced by it, key by key the same.

        Args:
            config: the configuration as YAML text.
            complete: as `check`.
            first: whether this is the first of the training's processes. It alone writes: it also removes leftovers,
                and would take for one what another is writing.

        Returns:
            The checkpoint to continue from, or None for a fresh run.

        Raises:
            UserError: as `check`.
        """
        checkpoint = self.check(config, complete)
        if not first:
            return checkpoint
        if not self.config.is_file() or not same_training(self.config.read_text(encoding="utf-8"), config):
            self.path.mkdir(parents=True, exist_ok=True)
            write_text_atomically(self.config, config)
        return checkpoint

    def read_metrics(self) -> list[dict[str, str]]:
        """Rows of ``metrics.csv``, one an epoch; none before the first epoch's end."""
        if not self.metrics.is_file():
            return []
        return list(csv.DictReader(io.StringIO(self.metrics.read_text(encoding="utf-8"))))

    def write_metrics(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write ``metrics.csv``; a later row may have columns that the first has not."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text_atomically(self.metrics, text.getvalue())

    def read_record(self) -> dict[str, Any]:
        """``run.json``; empty where there is none yet."""
        record = self.path / "run.json"
        return dict(json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else {}

    def write_record(self, **facts: Any) -> None:  # noqa: ANN401 - plain data of any kind
        """Write ``run.json``: what a reader needs to trust or repeat the numbers."""
        record = {
            "command": " ".join(["actupose", *sys.argv[1:]]),
            "python": platform.python_version(),
            "machine": f"{_cpu_name()}, {os.cpu_count()} cores",
            "packages": {name: version(name) for name in _PACKAGES},
            "git": _git_commit(),
            **facts,
        }
        write_json_atomically(self.path / "run.json", record)

    def read_scores(self) -> dict[str, Any]:
        """The run's scores.

        Raises:
            UserError: the run has none yet.
        """
        if not self.scores.is_file():
            raise UserError(f"{self.path}: has no scores.json; let `actupose fit` finish or run `actupose test`.")
        return dict(json.loads(self.scores.read_text(encoding="utf-8")))


def read_epoch_lines(path: Path) -> list[dict[str, Any]]:
    """Objects of a log with one JSON object an epoch; none where there is no log yet.

    Raises:
        UserError: the log is broken.
    """
    if not path.is_file():
        return []
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted(records, key=lambda record: int(record["epoch"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: is broken ({error}); remove it, or the run folder to train from the start."
        ) from error


def write_epoch_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add an epoch's object to a log; a resumed run writes the epoch it repeats anew."""
    before = [line for line in read_epoch_lines(path) if line["epoch"] < record["epoch"]]
    write_text_atomically(path, "".join(json.dumps(line) + "\n" for line in [*before, record]))


def write_text_atomically(path: Path, text: str) -> None:
    """Write text so that the file under its name is always whole."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _cpu_name() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git_commit() -> str | None:
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

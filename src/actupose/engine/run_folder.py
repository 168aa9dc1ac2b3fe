"""The run folder: one folder a training, claimed once, with everything that repeats it.

::

    config.yaml            the whole configuration; `actupose fit --config RUN/config.yaml` repeats it
    run.json               versions, machine, command, git commit, data fingerprints
    checkpoints/last.ckpt  written whole at the end of every epoch
    metrics.csv            losses and source validation
    curriculum.jsonl       each epoch's planned and drawn samples a bin
    scores.json            scores on the labelled target test set
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actupose.data.store import write_json_atomically
from actupose.errors import UserError

_PACKAGES = ("actupose", "torch", "torchvision", "lightning", "timm", "numpy", "datasets")


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
    def scores(self) -> Path:
        """Scores on the target test set."""
        return self.path / "scores.json"

    @property
    def curriculum(self) -> Path:
        """The curriculum's log."""
        return self.path / "curriculum.jsonl"

    def claim(self, config: str) -> Path | None:
        """Take the folder for this configuration.

        Args:
            config: the configuration as YAML text.

        Returns:
            The checkpoint to continue from, or None for a fresh run.

        Raises:
            UserError: the folder holds a run with another configuration, or other files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: is a file, not a folder; set another `out`.")
        if self.config.is_file():
            if self.config.read_text(encoding="utf-8") != config:
                raise UserError(
                    f"{self.path}: holds another run (its config.yaml differs); set another `out` or remove the folder."
                )
            return self.checkpoint if self.checkpoint.is_file() else None
        if self.path.is_dir() and any(self.path.iterdir()):
            raise UserError(f"{self.path}: holds other files; set `out` to an empty or new folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.config.with_suffix(f".tmp{os.getpid()}")
        temporary.write_text(config, encoding="utf-8")
        temporary.replace(self.config)
        return None

    def write_record(self, **facts: Any) -> None:  # noqa: ANN401 - plain data of any kind
        """Write ``run.json``: what a reader needs to trust or repeat the numbers."""
        record = {
            "command": " ".join(["actupose", *sys.argv[1:]]),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
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


def _git_commit() -> str | None:
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

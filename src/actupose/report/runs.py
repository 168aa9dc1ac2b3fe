"""Finished runs as Markdown: their scores, what they trained on, and what repeats them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.report.table import markdown_table, number, scores_rows
from actupose.skeletons import load_skeleton

Data = Mapping[str, Any]


@dataclass(frozen=True)
class FinishedRun:
    """One run folder, read.

    Attributes:
        folder: its paths.
        name: what it is called; runs that differ in the seed alone may share a name.
        label: what it is called in tables; unique among the runs read together.
        result: ``scores.json``.
        record: ``run.json``.
        config: ``config.yaml``, empty where there is none.
    """

    folder: RunFolder
    name: str
    label: str
    result: Data
    record: Data
    config: Data

    def png(self, folder: Path, kind: str) -> Path:
        """Where a figure of this run alone lies: ``LABEL_KIND.png`` in a report's folder, a link without blanks."""
        name = re.sub(r"[^\w.-]+", "_", self.label)
        return folder / f"{name}_{kind}.png"

    @property
    def scores(self) -> dict[str, float]:
        """``net/metric/group`` -> percent."""
        return dict(self.result["scores"])

    @property
    def seed(self) -> int | None:
        """The training's seed, None where the folder has no configuration."""
        seed = self.setting("seed_everything")
        return None if seed is None else int(seed)

    @property
    def headline(self) -> str:
        """The network whose scores count."""
        return str(self.result["headline"])

    @property
    def nets(self) -> list[str]:
        """Networks that were scored, the headline last."""
        found = {key.split("/")[0] for key in self.scores if key.endswith("/pck/All")}
        return sorted(found, key=lambda net: (net == self.headline, net))

    def setting(self, *keys: str) -> Any:  # noqa: ANN401 - any value of a YAML file
        """A value of the configuration by its keys, None where it is not there."""
        value: Any = self.config
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def named_folder(run: Path) -> tuple[Path, str | None]:
    """The folder and name of ``NAME=FOLDER``; a folder that is there is no name."""
    name, equals, folder = str(run).partition("=")
    return (Path(folder), name) if equals and name and folder and not run.exists() else (run, None)


def read_runs(folders: Sequence[Path], names: Sequence[str | None] = ()) -> list[FinishedRun]:
    """Read finished run folders.

    Args:
        folders: of the runs.
        names: what to call them; None, or no name at all = by their folders. A name may stand for several seeds.

    Raises:
        UserError: a folder is missing or named twice, its run is not finished or broken, or two runs of one seed have
            one name.
    """
    given = list(names) or [None] * len(folders)
    if len({(folder.resolve(), name) for folder, name in zip(folders, given, strict=True)}) < len(folders):
        raise UserError("a run folder is named twice; name each once.")
    named = zip(folders, given, _labels(folders), strict=True)
    return _told_apart([_read(folder, label if name is None else name) for folder, name, label in named])


def _told_apart(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Runs with labels of their own: the second and later ones of a name get their seeds."""
    told: list[FinishedRun] = []
    for run in runs:
        again = any(other.name == run.name for other in told)
        label = f"{run.name}, seed {run.seed}" if again else run.name
        if any(label == other.label or (other.name, other.seed) == (run.name, run.seed) for other in told):
            raise UserError(f"two runs of one seed are called '{run.name}'; give one of them another name.")
        told.append(replace(run, label=label))
    return told


def runs_markdown(runs: Sequence[FinishedRun], figures: Sequence[str] = ()) -> str:
    """Scores, data and settings of runs as one Markdown text.

    Args:
        runs: from `read_runs`.
        figures: links of pictures to show at the end.
    """
    parts = [
        "# Results",
        "PCK@0.05 and EvalPose on the labelled target test set, in percent; pooled over joints, and All also in the "
        "protocol of RegDA. One row a run and network; bold = the run's headline network.",
        markdown_table(*run_scores(runs)),
        "## Runs",
        markdown_table(*run_facts(runs)),
        "A fingerprint names a store's content: two runs with the same one used the same data.",
        "## To repeat them",
        *(_repeat(run) for run in runs),
    ]
    if figures:
        parts += ["## Figures", *(f"![{Path(link).stem.replace('_', ' ')}]({link})" for link in figures)]
    return "\n\n".join(parts) + "\n"


def _labels(folders: Sequence[Path]) -> list[str]:
    """The last parts of each path, as few as tell all apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(p[-depth:]) for p in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _read(path: Path, name: str) -> FinishedRun:
    if not path.is_dir():
        raise UserError(f"{path}: no such run folder.")
    folder = RunFolder(path)
    record, config = path / "run.json", folder.config
    if not record.is_file():
        raise UserError(f"{path}: has no run.json; name a folder that `actupose fit` wrote.")
    try:
        result = folder.read_scores()
        run = FinishedRun(
            folder,
            name,
            name,
            result,
            json.loads(record.read_text(encoding="utf-8")),
            (yaml.safe_load(config.read_text(encoding="utf-8")) or {}) if config.is_file() else {},
        )
        whole = run.headline in run.nets and isinstance(run.record, dict) and isinstance(run.config, dict)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: its scores.json, run.json or config.yaml is broken ({why}).") from error
    if not whole:
        raise UserError(f"{path}: its scores.json or run.json lacks something; run `actupose test` on it again.")
    return run


def run_scores(runs: Sequence[FinishedRun], mark: str = "**") -> tuple[list[str], list[list[str]]]:
    """Header and rows of the scores of every run and network; `mark` stands around the headline networks' names."""
    rows: dict[str, dict[str, float]] = {}
    nets: dict[str, str] = {}
    for run in runs:
        for net in run.nets:
            name = run.label if len(run.nets) == 1 else f"{run.label} ({net})"
            name = f"{mark}{name}{mark}" if net == run.headline else name
            rows[name], nets[name] = run.scores, net
    return scores_rows(rows, score_groups(runs), nets)


def score_groups(runs: Sequence[FinishedRun]) -> list[str]:
    """PCK groups of all runs, in the order of the first run's skeleton where it is known here."""
    found = {key.split("/")[2] for run in runs for key in run.scores if key.split("/")[1] == "pck"}
    try:
        order = list(load_skeleton(str(runs[0].setting("data", "skeleton") or "")).groups)
    except UserError:
        order = []
    return sorted(found, key=lambda g: (g == "All", order.index(g) if g in order else len(order), g))


def run_facts(runs: Sequence[FinishedRun]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what every run is: method, seed, length, test set, fingerprints of its stores."""
    header = ["run", "method", "seed", "epochs", "train seconds", "test images", "joints scored"]
    stores = ["source", "target", "target_test"]
    rows = []
    for run in runs:
        facts = [run.result.get(key) for key in ("num_test", "num_keypoints_scored")]
        prints = run.record.get("fingerprints", {})
        cells = [run.result.get("method"), run.setting("seed_everything"), run.result.get("epochs")]
        seconds = number(run.result.get("train_seconds"), 0)
        rows.append([run.label, *map(_cell, [*cells, seconds, *facts, *(prints.get(s) for s in stores)])])
    return [*header, *(f"{s} fingerprint" for s in stores)], rows


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _repeat(run: FinishedRun) -> str:
    """What made one run, as a list."""
    code = ("command", "configuration")
    facts = [(name, f"`{value}`" if name in code else value) for name, value in repeat_facts(run).items()]
    return "\n".join([f"### {run.label}", "", *(f"- {name}: {value}" for name, value in facts)])


def repeat_facts(run: FinishedRun) -> dict[str, str]:
    """What made one run: command, configuration, settings, machine, packages, source code."""
    record = run.record
    packages = ", ".join(f"{name} {version}" for name, version in record.get("packages", {}).items())
    return {
        "command": _cell(record.get("command")),
        "configuration": _shown(run.folder.config),
        "settings": _settings(run) if run.config else "no configuration in the folder",
        "machine": f"{_cell(record.get('machine'))}, Python {_cell(record.get('python'))}",
        "packages": packages or "-",
        "source code": _cell(record.get("git")),
    }


def _settings(run: FinishedRun) -> str:
    """The settings that scores depend on most, in words."""
    net = ("model", "init_args", "net")
    named = [
        ("backbone", run.setting(*net, "backbone")),
        ("weights", run.setting(*net, "weights")),
        ("head", run.setting(*net, "head")),
        ("image size", run.setting("data", "size")),
        ("batch", run.setting("data", "loader", "batch_size")),
        ("steps an epoch", run.setting("data", "loader", "iterations")),
        ("learning rate", run.setting("model", "init_args", "schedule", "lr")),
        ("curriculum", run.setting("data", "curriculum", "kind")),
    ]
    return ", ".join(f"{name} {value}" for name, value in named if value is not None) or "defaults"


def _shown(path: Path) -> str:
    """A path as seen from the working folder, if it lies below."""
    relative = os.path.relpath(path)
    return path.as_posix() if relative.startswith("..") else Path(relative).as_posix()

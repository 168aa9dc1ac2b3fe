"""Finished runs as Markdown: their scores, what they trained on, and what repeats them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.report.table import markdown_table, number, scores_table
from actupose.skeletons import load_skeleton

Data = Mapping[str, Any]


@dataclass(frozen=True)
class FinishedRun:
    """One run folder, read.

    Attributes:
        folder: its paths.
        label: what it is called in tables; unique among the runs read together.
        result: ``scores.json``.
        record: ``run.json``.
        config: ``config.yaml``, empty where there is none.
    """

    folder: RunFolder
    label: str
    result: Data
    record: Data
    config: Data

    @property
    def scores(self) -> dict[str, float]:
        """``net/metric/group`` -> percent."""
        return dict(self.result["scores"])

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


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """Read finished run folders.

    Raises:
        UserError: a folder is missing or named twice, or its run is not finished or broken.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("a run folder is named twice; name each once.")
    return [_read(folder, label) for folder, label in zip(folders, _labels(folders), strict=True)]


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
        _scores(runs),
        "## Runs",
        _facts(runs),
        "A fingerprint names a store's content: two runs with the same one used the same data.",
        "## To repeat them",
        *(_repeat(run) for run in runs),
    ]
    if figures:
        parts += ["## Figures", *(f"![{Path(link).stem.replace('_', ' ')}]({link})" for link in figures)]
    return "\n\n".join(parts) + "\n"


def write_run_figures(runs: Sequence[FinishedRun], folder: Path) -> list[Path]:
    """Draw every run's curriculum, losses and PCK per bin, and the bins of all runs together, as PNG.

    What a run has no data for is left out.

    Args:
        runs: from `read_runs`.
        folder: where to write; made if missing.

    Returns:
        The files written.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    from actupose.report.figures import bins_figure, curriculum_figure, losses_figure

    written: list[Path] = []
    binned = {run.label: run for run in runs if any(k.startswith(f"{run.headline}/bin/") for k in run.scores)}
    if binned:
        written.append(folder / "bins.png")
        headlines = {label: run.headline for label, run in binned.items()}
        bins_figure({label: run.scores for label, run in binned.items()}, headlines, written[-1])
    for run in runs:
        name = run.label.replace("/", "_")
        if run.folder.curriculum.is_file():
            written.append(folder / f"{name}_curriculum.png")
            curriculum_figure(run.folder.curriculum, written[-1])
        metrics = run.folder.path / "metrics.csv"
        if metrics.is_file():
            written.append(folder / f"{name}_losses.png")
            losses_figure(metrics, written[-1])
    return written


def _labels(folders: Sequence[Path]) -> list[str]:
    """The last parts of each path, as few as tell all apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(p[-depth:]) for p in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _read(path: Path, label: str) -> FinishedRun:
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
            label,
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


def _scores(runs: Sequence[FinishedRun]) -> str:
    rows: dict[str, dict[str, float]] = {}
    nets: dict[str, str] = {}
    for run in runs:
        for net in run.nets:
            name = run.label if len(run.nets) == 1 else f"{run.label} ({net})"
            name = f"**{name}**" if net == run.headline else name
            rows[name], nets[name] = run.scores, net
    return scores_table(rows, _groups(runs), nets)


def _groups(runs: Sequence[FinishedRun]) -> list[str]:
    """PCK groups of all runs, in the order of the first run's skeleton where it is known here."""
    found = {key.split("/")[2] for run in runs for key in run.scores if key.split("/")[1] == "pck"}
    try:
        order = list(load_skeleton(str(runs[0].setting("data", "skeleton") or "")).groups)
    except UserError:
        order = []
    return sorted(found, key=lambda g: (g == "All", order.index(g) if g in order else len(order), g))


def _facts(runs: Sequence[FinishedRun]) -> str:
    header = ["run", "method", "seed", "epochs", "train seconds", "test images", "joints scored"]
    stores = ["source", "target", "target_test"]
    rows = []
    for run in runs:
        facts = [run.result.get(key) for key in ("num_test", "num_keypoints_scored")]
        prints = run.record.get("fingerprints", {})
        cells = [run.result.get("method"), run.setting("seed_everything"), run.result.get("epochs")]
        seconds = number(run.result.get("train_seconds"), 0)
        rows.append([run.label, *map(_cell, [*cells, seconds, *facts, *(prints.get(s) for s in stores)])])
    return markdown_table([*header, *(f"{s} fingerprint" for s in stores)], rows)


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _repeat(run: FinishedRun) -> str:
    """What made one run: command, config, settings, machine, packages."""
    record = run.record
    packages = ", ".join(f"{name} {version}" for name, version in record.get("packages", {}).items())
    lines = [
        f"### {run.label}",
        "",
        f"- command: `{_cell(record.get('command'))}`",
        f"- configuration: `{_shown(run.folder.config)}`" + (f" ({_settings(run)})" if run.config else " (missing)"),
        f"- machine: {_cell(record.get('machine'))}, Python {_cell(record.get('python'))}",
        f"- packages: {packages or '-'}",
        f"- source code: {_cell(record.get('git'))}",
    ]
    return "\n".join(lines)


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

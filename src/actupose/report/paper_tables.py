"""The paper's Table 1 and 2 with runs beside the published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath

import yaml

from actupose.report.runs import FinishedRun, score_groups
from actupose.report.table import Spread, number

TASKS = {"surreal_lsp": "SURREAL → LSP", "surreal_h36m": "SURREAL → H3.6M", "rhd_h3d": "RHD → H3D"}
_METHODS = {
    "source_only": "Source only",
    "oracle": "Oracle",
    "regda": "RegDA",
    "hkfa": "HKFA (published: PoseDA)",
    "udape": "UDAPE",
    "vae_hm": "UDAPE + VAE-HM",
    "actupose": "ACTUPose",
    "HamiPose": "HamiPose",
}
_CLASSES = {
    "SourceOnly": "source_only",
    "Oracle": "oracle",
    "RegDA": "regda",
    "HKFA": "hkfa",
    "UDAPE": "udape",
    "ACTUPose": "actupose",
}


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: its head.
        cells: as printed.
        ours: it is a run's; else it was published.
    """

    name: str
    cells: Sequence[str]
    ours: bool = True


@dataclass(frozen=True)
class Grid:
    """A table: its columns, and its rows in groups with a name."""

    columns: Sequence[str]
    groups: Mapping[str, Sequence[Row]]


def published() -> dict[str, dict[str, dict[str, float]]]:
    """Published PCK@0.05: task -> method -> joint group -> percent."""
    text = resources.files("actupose.report").joinpath("published.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def method_of(run: FinishedRun) -> str:
    """The published method that a run is to be compared with; the run's own class where there is none."""
    name = _CLASSES.get(str(run.result.get("method")), str(run.result.get("method")))
    return "vae_hm" if name == "udape" and run.setting("data", "curriculum", "kind") == "hard" else name


def joint_table(runs: Sequence[FinishedRun], task: str = "surreal_lsp") -> Grid:
    """Table 1: PCK@0.05 of each joint group in the published protocol (RegDA's), a group of rows a method.

    Args:
        runs: their headline networks are shown.
        task: whose published numbers stand beside them.
    """
    told = published()[task]
    groups = score_groups(runs)
    columns = [g for g in groups if g != "All"] + ["All"]

    def rows(method: str) -> list[Row]:
        numbers = told.get(method)
        above = [] if numbers is None else [Row("published", [number(numbers.get(g)) for g in columns], ours=False)]
        return above + [
            Row(run.label, [number(run.scores.get(f"{run.headline}/pck_regda/{g}")) for g in columns])
            for run in runs
            if method_of(run) == method
        ]

    return Grid(columns, _by_method(runs, rows))


def task_table(runs: Sequence[FinishedRun]) -> Grid:
    """Table 2: PCK@0.05 over all joints, the published tasks' columns and one for each task of the runs.

    Runs of one method on one task (seeds) are averaged, with the standard error and their number.
    """
    told = published()
    own = list(dict.fromkeys(map(task_of, runs)))

    def rows(method: str) -> list[Row]:
        past = [told[task].get(method, {}).get("All") for task in TASKS]
        mine = [_mean([_overall(r) for r in runs if (method_of(r), task_of(r)) == (method, task)]) for task in own]
        return [Row(_METHODS.get(method, method), [*map(number, past), *mine])]

    return Grid([*TASKS.values(), *own], _by_method(runs, rows))


def task_of(run: FinishedRun) -> str:
    """A run's task by the names of its stores."""
    names = [PurePath(str(run.setting("data", key) or "-")).name for key in ("source", "target_test")]
    return " → ".join(names)


def _by_method(runs: Sequence[FinishedRun], rows: Callable[[str], list[Row]]) -> dict[str, list[Row]]:
    others = [method for method in map(method_of, runs) if method not in _METHODS]
    found = {_METHODS.get(method, method): rows(method) for method in [*_METHODS, *others]}
    return {name: lines for name, lines in found.items() if lines}


def _overall(run: FinishedRun) -> float:
    return run.scores.get(f"{run.headline}/pck_regda/All", math.nan)


def _mean(values: Sequence[float]) -> str:
    spread = Spread.of(values)
    if spread is None:
        return number(None)
    return str(spread) if spread.error is None else f"{spread} ({spread.seeds} runs)"

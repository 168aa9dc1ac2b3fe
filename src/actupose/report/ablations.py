"""What a single setting does: runs that are equal but for it, e.g. of a suite's sweep; the paper's Fig. 10."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from actupose.engine.settings import flat
from actupose.report.canvas import PALETTE, TICK_SIZE, dress, heading, new_figure, save
from actupose.report.runs import FinishedRun
from actupose.report.table import Spread
from actupose.report.written import Rows, RunFigure, written

_PARTS = ("data", "model")
_FREE = ("data.seed", "model.init_args.seed", "data.loader.cache", "data.loader.num_workers")
_COLUMNS, _MOST = 3, 9
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Sweep:
    """Runs of one method that differ in one setting and the seed.

    Attributes:
        key: the setting.
        label: the method.
        points: value -> PCK@0.05 over all joints of its seeds, percent, the values in order.
    """

    key: str
    label: str
    points: Mapping[str, list[float]]


def write_ablations(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw a panel for every setting that some runs differ in alone.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a file cannot be written.
    """
    sweeps = find_sweeps(runs)
    if not sweeps:
        return
    keys = list(dict.fromkeys(sweep.key for sweep in sweeps))
    rows: Rows = [
        [s.key, s.label, value, len(scores), *mean_and_error(scores)]
        for s in sweeps
        for value, scores in s.points.items()
    ]
    left = f"; the page shows the first {_MOST}" if len(keys) > _MOST else ""
    figure = RunFigure(
        "ablations",
        "PCK@0.05 over all joints against single settings, all else equal; bars are the standard error over seeds",
        f"A panel for each of {', '.join(keys)}{left}.",
        folder / "ablations.png",
    )
    yield written(
        figure,
        lambda out: ablations_figure(sweeps, out),
        [["setting", "method", "value", "runs", "mean", "error"], *rows],
    )


def find_sweeps(runs: Sequence[FinishedRun]) -> list[Sweep]:
    """Groups of runs that are equal but for one setting (and the seed), of which it has several values."""
    held = [(run, flat_settings(run.config)) for run in runs if run.config]
    keys = sorted({key for _, settings in held for key in settings})
    varied = [key for key in keys if len({repr(settings.get(key)) for _, settings in held}) > 1]
    sweeps = []
    for key in varied:
        if key == "model.class_path":
            continue
        groups: dict[str, dict[str, list[tuple[Any, float]]]] = {}
        for run, settings in held:
            if key not in settings:  # of another method, or of an older version
                continue
            rest = repr({k: settings.get(k) for k in varied if k != key})
            score = run.scores[f"{run.headline}/pck/All"]
            groups.setdefault(rest, {}).setdefault(str(run.result.get("method")), []).append((settings[key], score))
        for group in groups.values():
            for label, found in group.items():
                values = sorted({value for value, _ in found}, key=_order)
                if len(values) > 1:
                    points = {_shown(v): [score for value, score in found if value == v] for v in values}
                    sweeps.append(Sweep(key, label, points))
    return _told_apart(sweeps)


def flat_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """``data.curriculum.n_bins`` -> value of all settings that a result may depend on; lists as text."""
    found: dict[str, Any] = {"trainer.max_epochs": (config.get("trainer") or {}).get("max_epochs")}
    for part in _PARTS:
        for key, value in flat(config.get(part), part).items():
            if key not in _FREE:
                found[key] = value if isinstance(value, bool | int | float | str | None) else str(value)
    return found


def mean_and_error(scores: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error, see `Spread`; NaN for an error of one score."""
    spread = Spread.of(scores)
    if spread is None:
        return math.nan, math.nan
    return spread.mean, math.nan if spread.error is None else spread.error


def ablations_figure(sweeps: Sequence[Sweep], out: Path) -> Figure:
    """A panel a setting, a line a method; values stand evenly spaced, whatever they are.

    Args:
        sweeps: from `find_sweeps`.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    keys = list(dict.fromkeys(sweep.key for sweep in sweeps))[:_MOST]
    labels = list(dict.fromkeys(sweep.label for sweep in sweeps))
    columns = min(_COLUMNS, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = new_figure(max(4.6, 3.1 * columns), 0.7 + 2.3 * rows)
    heading(figure, "One setting at a time")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    drawn = {}
    for panel, key in zip(panels, keys, strict=False):
        mine = [sweep for sweep in sweeps if sweep.key == key]
        ticks = list(dict.fromkeys(value for sweep in mine for value in sweep.points))
        for sweep in mine:
            i = labels.index(sweep.label)
            means, errors = zip(*(mean_and_error(scores) for scores in sweep.points.values()), strict=True)
            drawn[sweep.label] = panel.errorbar(
                [ticks.index(value) for value in sweep.points],
                means,
                np.nan_to_num(errors),
                color=PALETTE[i % len(PALETTE)],
                marker=_MARKS[i % len(_MARKS)],
                markersize=4,
                linewidth=1.5,
                capsize=2.5,
            )
        dress(panel, title=key.removeprefix("data.").removeprefix("model.init_args."), y="PCK@0.05 (%)")
        panel.set_xticks(range(len(ticks)), ticks)
        panel.margins(x=0.12)
    for panel in panels[len(keys) :]:
        panel.remove()
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower left", ncols=3, fontsize=TICK_SIZE, frameon=False)
    save(figure, out)
    return figure


def _told_apart(sweeps: list[Sweep]) -> list[Sweep]:
    """Sweeps of one setting and method, numbered where there are several."""
    told: list[Sweep] = []
    for sweep in sweeps:
        again = sum(s.key == sweep.key and s.label.split(" (")[0] == sweep.label for s in told)
        told.append(Sweep(sweep.key, f"{sweep.label} ({again + 1})", sweep.points) if again else sweep)
    return told


def _order(value: Any) -> tuple[int, float, str]:  # noqa: ANN401 - a setting's value
    """Numbers in order, then other values by their names."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, str(value))


def _shown(value: Any) -> str:  # noqa: ANN401 - a setting's value
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

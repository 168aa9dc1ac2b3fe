"""Figures of finished runs: the curriculum (the paper's Fig. 5), PCK per bin (Fig. 9), losses."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from actupose.errors import UserError
from actupose.report.canvas import (
    BLUE,
    INK,
    LABEL_SIZE,
    MUTED,
    PALETTE,
    TICK_SIZE,
    VERMILION,
    dress,
    heading,
    new_figure,
    save,
)
from actupose.report.sheet import prediction_sheet

__all__ = ["bins_figure", "curriculum_figure", "losses_figure", "prediction_sheet"]

_SHOWN_EPOCHS = 5
_LEGEND = ["drawn", "planned", "peak bin"]
_PAIRS = "pairs"  # logged beside the losses: how many source-target pairs the cross-domain loss found
_TITLES = {"loss": "total (weighted sum)", "cross_domain": "cross-domain", _PAIRS: "pairs found a step"}
_FEW_EPOCHS = 16
_BIN_AXIS = "complexity bin (0 = easiest)"


def curriculum_figure(curriculum_jsonl: Path, out: Path) -> Figure:
    """Samples a bin over the epochs of a training: the paper's Fig. 5.

    Left: a handful of epochs, the drawn counts as bars, the plan of Eq. 3 as a line, its peak bin marked, each epoch at
    its own scale. Right: the drawn counts of all epochs. Epochs are counted from 1, as in the progress lines.

    Args:
        curriculum_jsonl: the run's ``curriculum.jsonl``.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.

    Raises:
        UserError: the log is missing, empty or broken, or ``out`` cannot be written.
    """
    log = read_curriculum(curriculum_jsonl)
    figure = new_figure(10.4, 5.2)
    heading(figure, "Which poses each epoch trains on")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.0, 1.08), wspace=0.03)
    left, right = halves
    chosen = choose_epochs([int(line["peak_bin"]) for line in log], _SHOWN_EPOCHS)
    panels = left.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for panel, index in zip(panels, chosen, strict=True):
        _epoch_panel(panel, log[index])
    panels[-1].set_xlabel(_BIN_AXIS, fontsize=LABEL_SIZE, color=INK)
    named = zip(*panels[0].get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(named, key=lambda pair: _LEGEND.index(pair[1])), strict=True)
    left.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=TICK_SIZE, frameon=False, handlelength=1.6)
    left.supylabel("samples", fontsize=LABEL_SIZE, color=INK)
    _draw_map(right.subplots(), log)
    save(figure, out)
    return figure


def choose_epochs(peaks: Sequence[int], count: int) -> list[int]:
    """At most ``count`` epochs that show how the peak moves: evenly spaced until it stands still, and the last.

    Args:
        peaks: peak bin of each epoch.
        count: at least 2.
    """
    last = len(peaks) - 1
    still = next((i for i in range(len(peaks)) if all(p == peaks[last] for p in peaks[i:])), last)
    until = still if 0 < still < last else last
    room = count if until == last else count - 1
    steps = {round(i) for i in np.linspace(0, until, min(room, until + 1)).tolist()}
    return sorted(steps | {last})


def read_curriculum(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's ``curriculum.jsonl``, one an epoch.

    Raises:
        UserError: it is missing, empty or broken.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        bins = {len(line["drawn"]) for line in lines} | {len(line["planned"]) for line in lines}
        known = all({"epoch", "peak_bin", "unique_share"} <= set(line) for line in lines)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such curriculum log; a run writes it at the end of its first epoch.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no curriculum log ({type(error).__name__}: {error}).") from error
    if not lines or len(bins) != 1 or not known:
        raise UserError(f"{path}: holds no epoch, or epochs with different bins; let the run write it again.")
    return lines


def _epoch_panel(axes: Axes, line: Mapping[str, Any]) -> None:
    """One epoch: drawn counts, plan and peak bin."""
    planned, drawn = np.asarray(line["planned"], float), np.asarray(line["drawn"], float)
    bins, peak = np.arange(len(drawn)), int(line["peak_bin"])
    axes.bar(bins, drawn, width=0.86, color=BLUE, alpha=0.45, linewidth=0, label="drawn")
    axes.plot(bins, planned, color=BLUE, linewidth=1.7, label="planned")
    if planned.max() > planned.min():  # a uniform draw has no peak
        axes.plot([peak], [planned[peak]], "v", color=VERMILION, markersize=6, clip_on=False, label="peak bin")
    dress(axes, grid=False)
    axes.set_ylim(0, 1.18 * max(planned.max(), drawn.max(), 1.0))
    axes.set_xlim(-0.7, len(drawn) - 0.3)
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.set_title(f"epoch {int(line['epoch']) + 1}", loc="left", fontsize=LABEL_SIZE, fontweight="bold", color=INK)
    note = f"{drawn.sum():,.0f} drawn, {100 * float(line['unique_share']):.0f} % of them different"
    axes.set_title(note, loc="right", fontsize=TICK_SIZE, color=MUTED)


def _draw_map(axes: Axes, log: Sequence[Mapping[str, Any]]) -> None:
    """Drawn counts, epoch x bin, with the peak bins."""
    counts = np.asarray([line["drawn"] for line in log], float)
    first = int(log[0]["epoch"]) + 1
    epochs = np.arange(first, first + len(log))
    extent = (-0.5, counts.shape[1] - 0.5, epochs[-1] + 0.5, first - 0.5)
    top = max(counts.max(), 1.0)
    image = axes.imshow(
        counts, cmap="Blues", norm=PowerNorm(0.5, 0, top), aspect="auto", interpolation="nearest", extent=extent
    )
    peaks = [(int(n["peak_bin"]), e) for n, e in zip(log, epochs, strict=True) if max(n["planned"]) > min(n["planned"])]
    size = float(np.clip(120 / len(log), 2.0, 5.0))
    axes.plot(
        [p for p, _ in peaks],
        [e for _, e in peaks],
        "o",
        color=VERMILION,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )
    dress(axes, title="samples drawn, every epoch", x=_BIN_AXIS, y="epoch", grid=False)
    if len(log) <= _FEW_EPOCHS:
        axes.set_yticks(epochs)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
    bar.set_label("samples drawn (square-root scale)", fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=MUTED, labelcolor=INK, length=3)
    bar.outline.set_visible(False)


def bins_figure(runs: Mapping[str, Mapping[str, float]], nets: Mapping[str, str], out: Path) -> Figure:
    """PCK@0.05 of several runs in each bin of pose complexity: the paper's Fig. 9.

    Args:
        runs: name of the bars -> scores as `PoseMethod.scores` gives them.
        nets: name of the bars -> the network that they show.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.

    Raises:
        UserError: a run has no scores per bin, the runs' bins differ, or ``out`` cannot be written.
    """
    values = {name: bin_scores(name, scores, nets[name]) for name, scores in runs.items()}
    lengths = {name: len(v) for name, v in values.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name}: {count}" for name, count in lengths.items()) or "no run"
        raise UserError(f"runs to compare must have the same number of bins ({found}); test them with one n_bins.")
    count = next(iter(lengths.values()))
    figure = new_figure(max(6.0, 0.36 * count + 1.2), 3.4)
    axes = figure.subplots()
    width = 0.84 / len(values)
    for i, (name, heights) in enumerate(values.items()):
        label = f"{name}  ({_number(runs[name].get(f'{nets[name]}/pck/All'))} over all)"
        places = np.arange(count) - 0.42 + (i + 0.5) * width
        axes.bar(places, np.nan_to_num(heights), width, color=PALETTE[i % len(PALETTE)], label=label, linewidth=0)
    dress(axes, title="PCK@0.05 by pose complexity", x=_BIN_AXIS, y="PCK@0.05 (%)")
    axes.set_xlim(-0.6, count - 0.4)
    axes.set_xticks(np.arange(count))
    high = max(float(np.nanmax(v, initial=0.0)) for v in values.values())
    axes.set_ylim(0, min(100.0, max(1.0, 1.08 * high)))
    figure.legend(
        loc="outside upper right", ncols=min(4, len(values)), fontsize=TICK_SIZE, frameon=False, handlelength=1.2
    )
    save(figure, out)
    return figure


def bin_scores(name: str, scores: Mapping[str, float], net: str) -> NDArray[np.float64]:
    """``net/bin/NN`` of a run in order, percent, NaN where nothing was scored.

    Raises:
        UserError: the run has none.
    """
    found = sorted(
        (int(key.rsplit("/", 1)[1]), value) for key, value in scores.items() if key.startswith(f"{net}/bin/")
    )
    if not found or [i for i, _ in found] != list(range(len(found))):
        raise UserError(
            f"{name}: has no scores per bin for network '{net}'; they need a checkpoint whose training scored the "
            "poses (curriculum.kind other than none)."
        )
    return np.asarray([value for _, value in found], np.float64)


def losses_figure(metrics_csv: Path, out: Path) -> Figure:
    """Every loss term over the epochs, each at its own scale, and PCK on held-out source samples.

    Args:
        metrics_csv: the run's ``metrics.csv``.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.

    Raises:
        UserError: the log is missing or holds no losses, or ``out`` cannot be written.
    """
    series = read_metrics(metrics_csv)
    losses = {k.removeprefix("train/"): v for k, v in series.items() if k.startswith("train/")}
    if not losses:
        raise UserError(f"{metrics_csv}: holds no training losses; let the run finish an epoch.")
    scores = {k.split("/")[1]: v for k, v in series.items() if k.startswith("source_val/") and k.endswith("/pck/All")}
    ordered = sorted(losses, key=lambda name: (name == _PAIRS, name != "loss"))  # the total first, the pairs last
    count = len(ordered) + bool(scores)
    columns = count if count <= 3 else math.ceil(count / 2)
    rows = math.ceil(count / columns)
    figure = new_figure(2.75 * columns, 0.4 + 2.1 * rows)
    heading(figure, "Training losses")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, name in zip(panels, ordered, strict=False):
        draw_curve(panel, losses[name], BLUE, "")
        dress(panel, title=_TITLES.get(name, name), x="epoch")
    if scores:
        panel = panels[len(ordered)]
        for i, (net, points) in enumerate(scores.items()):
            draw_curve(panel, points, PALETTE[i % len(PALETTE)], net)
        dress(panel, title="source PCK@0.05 (%)", x="epoch")
        panel.legend(fontsize=TICK_SIZE, frameon=False)
    last = max(epoch for points in losses.values() for epoch, _ in points)
    for panel in panels[:count]:
        panel.set_xlim(0.5, last + 0.5)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.yaxis.set_major_locator(MaxNLocator(5))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:.4g}"))
    for panel in panels[count:]:
        panel.remove()
    save(figure, out)
    return figure


def read_metrics(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Column -> (epoch counted from 1, value) of a run's ``metrics.csv``, empty cells left out.

    Raises:
        UserError: it is missing or broken.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                epoch = int(row.pop("epoch")) + 1
                for key, text in row.items():
                    if text:
                        series.setdefault(key, []).append((epoch, float(text)))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such metrics log; a run writes it at the end of its first epoch.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no metrics log ({type(error).__name__}: {error}).") from error
    return series


def draw_curve(axes: Axes, points: Sequence[tuple[int, float]], color: str, label: str) -> None:
    """A line with a dot an epoch."""
    epochs, values = zip(*points, strict=True)
    axes.plot(epochs, values, "-o", color=color, markersize=2.6, linewidth=1.5, label=label)


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.1f}"

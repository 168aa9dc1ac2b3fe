"""How different the poses of each complexity bin are: the paper's Fig. 3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from actupose.errors import UserError
from actupose.report.canvas import BLUE, INK, VERMILION, dress, new_figure, save
from actupose.report.runs import FinishedRun
from actupose.report.written import Rows, RunFigure, written

_BIN_AXIS = "complexity bin (0 = easiest)"
_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


class Bin(TypedDict):
    """A bin: the mean, and the values at the quantiles, radians a keypoint."""

    mean: float
    values: list[float]


def write_complexity_figures(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw the angular differences per bin, once for all runs that have the same.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a run's file is broken, or a file cannot be written.
    """
    seen: list[list[Bin]] = []
    for run in runs:
        bins = read_complexity(run.folder.complexity) if run.folder.complexity.is_file() else None
        if bins is None or bins in seen:
            continue
        seen.append(bins)
        first, last = bins[0]["mean"], bins[-1]["mean"]
        rows: Rows = [[i, held["mean"], *held["values"]] for i, held in enumerate(bins)]
        figure = RunFigure(
            "complexity",
            f"{run.label}: angular difference of pairs of source poses in each complexity bin",
            f"A box for each of {len(bins)} bins; the mean goes from {first:.3f} in the easiest to {last:.3f} radians "
            "a keypoint in the hardest.",
            run.png(folder, "complexity"),
        )
        quantiles = [f"quantile {q:g}" for q in _QUANTILES]
        yield written(figure, partial(complexity_figure, bins), [["bin", "mean", *quantiles], *rows])


def read_complexity(path: Path) -> list[Bin]:
    """Bins of a run's ``complexity.json``.

    Raises:
        UserError: it is broken.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        bins: list[Bin] = [{"mean": float(b["mean"]), "values": list(map(float, b["values"]))} for b in held["bins"]]
        if held["quantiles"] != _QUANTILES or not bins or any(len(b["values"]) != len(_QUANTILES) for b in bins):
            raise ValueError("other quantiles than expected")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is broken ({error}); remove it, the report then leaves it out.") from error
    return bins


def complexity_figure(bins: Sequence[Bin], out: Path) -> Figure:
    """A box a bin: median, quartiles, 5th and 95th percentile as whiskers, the mean as a dot.

    Args:
        bins: from `read_complexity`.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    figure = new_figure(max(6.0, 0.3 * len(bins) + 1.4), 3.2)
    axes = figure.subplots()
    names = ("whislo", "q1", "med", "q3", "whishi")
    boxes = [{**dict(zip(names, held["values"], strict=True)), "fliers": []} for held in bins]
    axes.bxp(
        boxes,
        positions=range(len(bins)),
        widths=0.62,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": BLUE, "alpha": 0.45, "edgecolor": BLUE},
        medianprops={"color": INK, "linewidth": 1.4},
        whiskerprops={"color": BLUE},
        capprops={"color": BLUE},
    )
    means = [held["mean"] for held in bins]
    axes.plot(range(len(bins)), means, "o", color=VERMILION, markersize=3.4, label="mean")
    dress(axes, title="How different two poses of a bin are", x=_BIN_AXIS, y="angular difference (rad a keypoint)")
    axes.set_xlim(-0.7, len(bins) - 0.3)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(13, integer=True))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    save(figure, out)
    return figure

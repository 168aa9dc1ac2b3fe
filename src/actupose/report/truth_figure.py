"""Label-free validators against the labelled score: do they rank epochs and runs as the truth does?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from actupose.report.canvas import MUTED, PALETTE, TICK_SIZE, dress, heading, new_figure, save
from actupose.report.runs import FinishedRun
from actupose.report.validator_figure import TRUTH, Series, read_epochs
from actupose.report.written import Rows, RunFigure, written

_COLUMNS, _LEAST = 4, 3
Points = dict[str, list[tuple[float, float]]]
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def write_truth(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw every validator against the target's labelled score, a dot an epoch, where runs kept both.

    More runs than there are colours are told apart by their methods.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    held = [run for run in runs if run.folder.validators.is_file()]
    many = len(held) > len(PALETTE)
    found = pairs_of([(str(run.result.get("method")) if many else run.label, read_epochs(run.folder)) for run in held])
    if not found:
        return
    rows: Rows = [
        [name, label, value, truth]
        for name, by_run in found.items()
        for label, points in by_run.items()
        for value, truth in points
    ]
    told = ", ".join(f"{name} {rank_correlation(by_run):.2f}" for name, by_run in found.items())
    figure = RunFigure(
        "validators",
        "Label-free validators against the target's labelled score, a dot an epoch",
        f"A panel for every validator; rank correlation over all dots: {told}.",
        folder / "validators_truth.png",
    )
    yield written(figure, lambda out: truth_figure(found, out), [["validator", "run", "value", "target pck"], *rows])


def pairs_of(runs: Sequence[tuple[str, Series]]) -> dict[str, Points]:
    """Validator -> label -> (value, labelled score) of each epoch that has both.

    Args:
        runs: label and series of each; runs of one label are taken together.
    """
    found: dict[str, Points] = {}
    for label, of in runs:
        truth = dict(of.get(TRUTH, ()))
        for name, points in of.items():
            both = [(value, truth[epoch]) for epoch, value in points if epoch in truth]
            if name != TRUTH and both:
                found.setdefault(name, {}).setdefault(label, []).extend(both)
    return {name: by_run for name, by_run in found.items() if sum(map(len, by_run.values())) >= _LEAST}


def rank_correlation(by_run: Points) -> float:
    """Spearman's, over the epochs of all runs; NaN where one side is constant."""
    values, truth = zip(*(pair for points in by_run.values() for pair in points), strict=True)
    if len(set(values)) < 2 or len(set(truth)) < 2:
        return math.nan
    return float(stats.spearmanr(values, truth).statistic)


def truth_figure(found: Mapping[str, Points], out: Path) -> Figure:
    """A panel a validator, a mark a run.

    Args:
        found: from `pairs_of`.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    columns = min(_COLUMNS, len(found))
    rows = math.ceil(len(found) / columns)
    labels = list(dict.fromkeys(label for by_run in found.values() for label in by_run))
    figure = new_figure(max(4.6, 2.5 * columns), 0.8 + 2.2 * rows)
    heading(figure, "Validators against the truth")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    drawn = {}
    for place, (panel, (name, by_run)) in enumerate(zip(panels, found.items(), strict=False)):
        for label, points in by_run.items():
            i = labels.index(label)
            color, mark = PALETTE[i % len(PALETTE)], _MARKS[i % len(_MARKS)]
            drawn[label] = panel.scatter(*zip(*points, strict=True), s=16, color=color, marker=mark, linewidths=0)
        title = f"{name} (lower is better)" if name == "entropy" else name
        dress(panel, title=title, y="target PCK@0.05 (%)" if place % columns == 0 else "")
        rank = rank_correlation(by_run)
        said = "no rank correlation: constant" if math.isnan(rank) else f"rank correlation {rank:.2f}"
        panel.set_xlabel(said, fontsize=TICK_SIZE, color=MUTED)
        panel.xaxis.set_major_locator(MaxNLocator(4))
    for panel in panels[len(found) :]:
        panel.remove()
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower left", ncols=4, fontsize=TICK_SIZE, frameon=False)
    save(figure, out)
    return figure

"""The figures of finished runs: each as PNG, SVG and CSV, with a text that says what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from actupose.report.ablations import write_ablations
from actupose.report.cases_figure import write_cases
from actupose.report.complexity_figure import write_complexity_figures
from actupose.report.figures import (
    bin_scores,
    bins_figure,
    curriculum_figure,
    losses_figure,
    read_curriculum,
    read_metrics,
)
from actupose.report.moves_figure import write_moves
from actupose.report.pairs_figure import write_pairs_figures
from actupose.report.pseudo_label_figure import write_pseudo_labels
from actupose.report.runs import FinishedRun
from actupose.report.truth_figure import write_truth
from actupose.report.validator_figure import read_epochs, validators_figure
from actupose.report.written import Rows, RunFigure, written

MOST_SINGLE = 12  # runs; more have more lines than can be told apart, and the page would take tens of megabytes


def write_run_figures(runs: Sequence[FinishedRun], folder: Path) -> list[RunFigure]:
    """Draw all figures of a report.

    What a run has no data for is left out. Of more than `MOST_SINGLE` runs, e.g. those of a suite, only what compares
    any number of them is drawn: single pictures, single settings, validators against the truth.

    Args:
        runs: from `read_runs`.
        folder: where to write; made if missing.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    compare = (write_cases, write_ablations, write_truth)
    single = (write_complexity_figures, _bins, _curriculum, _losses, write_moves, write_pseudo_labels)
    draw = [*compare, *single, write_pairs_figures, _validators] if len(runs) <= MOST_SINGLE else compare
    return [figure for write in draw for figure in write(runs, folder)]


def _bins(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """A figure for each number of bins: runs with different ones share no bin."""
    counts: dict[int, list[FinishedRun]] = {}
    for run in runs:
        count = sum(key.startswith(f"{run.headline}/bin/") for key in run.scores)
        if count:
            counts.setdefault(count, []).append(run)
    for count, some in counts.items():
        yield _bins_of(some, folder / ("bins.png" if len(counts) == 1 else f"bins_{count}.png"))


def _bins_of(runs: Sequence[FinishedRun], png: Path) -> RunFigure:
    binned = {run.label: run for run in runs}
    scores = {label: run.scores for label, run in binned.items()}
    nets = {label: run.headline for label, run in binned.items()}
    heights = {label: bin_scores(label, scores[label], nets[label]).tolist() for label in binned}
    told = "; ".join(
        f"{label} from {v[0]:.1f} in the easiest to {v[-1]:.1f} in the hardest" for label, v in heights.items()
    )
    rows = [[i, *values] for i, values in enumerate(zip(*heights.values(), strict=False))]
    return written(
        RunFigure(
            "bins",
            "PCK@0.05 in each bin of pose complexity, headline networks",
            f"Bars of PCK in percent over bins from easy to hard: {told}.",
            png,
        ),
        lambda out: bins_figure(scores, nets, out),
        [["bin", *heights], *rows],
    )


def _curriculum(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    for run in runs:
        if run.folder.curriculum.is_file():
            yield _curriculum_of(run, folder)


def _curriculum_of(run: FinishedRun, folder: Path) -> RunFigure:
    path = run.folder.curriculum
    log = read_curriculum(path)
    peaks = [int(line["peak_bin"]) for line in log]
    moves = f"the peak bin moves from {peaks[0]} to {peaks[-1]}" if len(set(peaks)) > 1 else "the peak does not move"
    rows: Rows = [
        [int(line["epoch"]) + 1, i, planned, drawn]
        for line in log
        for i, (planned, drawn) in enumerate(zip(line["planned"], line["drawn"], strict=True))
    ]
    return written(
        RunFigure(
            "curriculum",
            f"{run.label}: samples a bin over the epochs, planned and drawn",
            f"Left: a few epochs as bars and the plan as a line. Right: a map of all {len(log)} epochs; {moves}.",
            run.png(folder, "curriculum"),
        ),
        lambda out: curriculum_figure(path, out),
        [["epoch", "bin", "planned", "drawn"], *rows],
    )


def _losses(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    for run in runs:
        if run.folder.metrics.is_file():
            yield _losses_of(run, folder)


def _losses_of(run: FinishedRun, folder: Path) -> RunFigure:
    path = run.folder.metrics
    series = read_metrics(path)
    total = series.get("train/loss", [])
    ends = f": the total goes from {total[0][1]:.3g} to {total[-1][1]:.3g}" if total else ""
    return written(
        RunFigure(
            "losses",
            f"{run.label}: losses over the epochs, and PCK on held-out source pictures",
            f"A panel for every loss term{ends}.",
            run.png(folder, "losses"),
        ),
        lambda out: losses_figure(path, out),
        _long(series),
    )


def _validators(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    series = {run.label: read_epochs(run.folder) for run in runs if run.folder.validators.is_file()}
    if not series:
        return
    rows: Rows = [
        [label, name, epoch, value]
        for label, of in series.items()
        for name, points in of.items()
        for epoch, value in points
    ]
    yield written(
        RunFigure(
            "validators",
            "Label-free validators over the epochs, beside the labelled target score where it was kept",
            f"A panel for every validator, a line for each of {', '.join(series)}.",
            folder / "validators.png",
        ),
        lambda out: validators_figure(series, out),
        [["run", "validator", "epoch", "value"], *rows],
    )


def _long(series: Mapping[str, Sequence[tuple[int, float]]]) -> Rows:
    rows: Rows = [[name, epoch, value] for name, points in series.items() for epoch, value in points]
    return [["series", "epoch", "value"], *rows]

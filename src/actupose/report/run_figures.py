"""The figures of finished runs: each as PNG, SVG and CSV, with a text that says what it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from actupose.engine.run_folder import write_text_atomically
from actupose.errors import UserError
from actupose.report.canvas import save
from actupose.report.figures import (
    bin_scores,
    bins_figure,
    curriculum_figure,
    losses_figure,
    read_curriculum,
    read_metrics,
)
from actupose.report.runs import FinishedRun
from actupose.report.validator_figure import read_epochs, validators_figure

Rows = list[list[object]]


@dataclass(frozen=True)
class RunFigure:
    """A figure that was written.

    Attributes:
        kind: ``curriculum``, ``bins``, ``losses`` or ``validators``.
        caption: what it is, one line.
        alt: what can be seen in it, in words.
        png: the picture; SVG and CSV stand beside it under the same name.
    """

    kind: str
    caption: str
    alt: str
    png: Path

    @property
    def svg(self) -> Path:
        """The same as a drawing."""
        return self.png.with_suffix(".svg")

    @property
    def csv(self) -> Path:
        """The numbers that it shows."""
        return self.png.with_suffix(".csv")


def write_run_figures(runs: Sequence[FinishedRun], folder: Path) -> list[RunFigure]:
    """Draw PCK per bin of all runs, each run's curriculum and losses, and the label-free validators of all runs.

    What a run has no data for is left out.

    Args:
        runs: from `read_runs`.
        folder: where to write; made if missing.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    written = list(_bins(runs, folder))
    for run in runs:
        written += _curriculum(run, folder)
        written += _losses(run, folder)
    return [*written, *_validators(runs, folder)]


def _bins(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    binned = {run.label: run for run in runs if any(k.startswith(f"{run.headline}/bin/") for k in run.scores)}
    if not binned:
        return
    scores = {label: run.scores for label, run in binned.items()}
    nets = {label: run.headline for label, run in binned.items()}
    heights = {label: bin_scores(label, scores[label], nets[label]).tolist() for label in binned}
    told = "; ".join(
        f"{label} from {v[0]:.1f} in the easiest to {v[-1]:.1f} in the hardest" for label, v in heights.items()
    )
    rows = [[i, *values] for i, values in enumerate(zip(*heights.values(), strict=False))]
    yield _written(
        RunFigure(
            "bins",
            "PCK@0.05 in each bin of pose complexity, headline networks",
            f"Bars of PCK in percent over bins from easy to hard: {told}.",
            folder / "bins.png",
        ),
        lambda out: bins_figure(scores, nets, out),
        [["bin", *heights], *rows],
    )


def _curriculum(run: FinishedRun, folder: Path) -> Iterator[RunFigure]:
    path = run.folder.curriculum
    if not path.is_file():
        return
    log = read_curriculum(path)
    peaks = [int(line["peak_bin"]) for line in log]
    moves = f"the peak bin moves from {peaks[0]} to {peaks[-1]}" if len(set(peaks)) > 1 else "the peak does not move"
    rows: Rows = [
        [int(line["epoch"]) + 1, i, planned, drawn]
        for line in log
        for i, (planned, drawn) in enumerate(zip(line["planned"], line["drawn"], strict=True))
    ]
    yield _written(
        RunFigure(
            "curriculum",
            f"{run.label}: samples a bin over the epochs, planned and drawn",
            f"Left: a few epochs as bars and the plan as a line. Right: a map of all {len(log)} epochs; {moves}.",
            _file(run, folder, "curriculum"),
        ),
        lambda out: curriculum_figure(path, out),
        [["epoch", "bin", "planned", "drawn"], *rows],
    )


def _losses(run: FinishedRun, folder: Path) -> Iterator[RunFigure]:
    path = run.folder.metrics
    if not path.is_file():
        return
    series = read_metrics(path)
    total = series.get("train/loss", [])
    ends = f": the total goes from {total[0][1]:.3g} to {total[-1][1]:.3g}" if total else ""
    yield _written(
        RunFigure(
            "losses",
            f"{run.label}: losses over the epochs, and PCK on held-out source pictures",
            f"A panel for every loss term{ends}.",
            _file(run, folder, "losses"),
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
    yield _written(
        RunFigure(
            "validators",
            "Label-free validators over the epochs, beside the labelled target score where it was kept",
            f"A panel for every validator, a line for each of {', '.join(series)}.",
            folder / "validators.png",
        ),
        lambda out: validators_figure(series, out),
        [["run", "validator", "epoch", "value"], *rows],
    )


def _written(figure: RunFigure, draw: Callable[[Path], Figure], rows: Rows) -> RunFigure:
    """Write the three files."""
    save(draw(figure.png), figure.svg)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_text_atomically(figure.csv, text.getvalue())
    except OSError as error:
        raise UserError(f"{figure.csv}: cannot write ({error.strerror or error}); name another folder.") from error
    return figure


def _file(run: FinishedRun, folder: Path, kind: str) -> Path:
    return folder / f"{run.label.replace('/', '_')}_{kind}.png"


def _long(series: Mapping[str, Sequence[tuple[int, float]]]) -> Rows:
    rows: Rows = [[name, epoch, value] for name, points in series.items() for epoch, value in points]
    return [["series", "epoch", "value"], *rows]

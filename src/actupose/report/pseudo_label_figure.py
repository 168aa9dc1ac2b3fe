"""How many pseudo-labels are right over the epochs, where a run compared them with labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from actupose.engine.run_folder import read_epoch_lines
from actupose.report.canvas import PALETTE, TICK_SIZE, dress, heading, new_figure, save
from actupose.report.figures import draw_curve
from actupose.report.runs import FinishedRun
from actupose.report.written import Rows, RunFigure, written

Lines = Sequence[Mapping[str, Any]]
_PANELS = {"all": "all keypoints", "used": "keypoints that pass the mask"}


def write_pseudo_labels(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw the runs' ``pseudo_labels.jsonl`` in one figure.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    held = {run.label: lines for run in runs if (lines := read_epoch_lines(run.folder.pseudo_labels))}
    if not held:
        return
    rows: Rows = [
        [label, int(line["epoch"]) + 1, line.get("net"), *(line.get(key) for key in (*_PANELS, "used_share"))]
        for label, lines in held.items()
        for line in lines
    ]
    ends = "; ".join(
        f"{label} {lines[-1].get('all', 0):.1f} of all and {lines[-1].get('used', 0):.1f} of those used"
        for label, lines in held.items()
    )
    figure = RunFigure(
        "pseudo_labels",
        "Pseudo-labels within 0.05 of the side of the label, on target training pictures",
        f"Two panels, a line for each run; percent right after the last epoch: {ends}.",
        folder / "pseudo_labels.png",
    )
    yield written(
        figure,
        lambda out: pseudo_labels_figure(held, out),
        [["run", "epoch", "net", "all", "used", "used share"], *rows],
    )


def pseudo_labels_figure(runs: Mapping[str, Lines], out: Path) -> Figure:
    """Percent of pseudo-labels that are right: of all keypoints, and of those that training uses.

    Args:
        runs: label -> lines of ``pseudo_labels.jsonl``.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    figure = new_figure(8.2, 3.3)
    heading(figure, "Right pseudo-labels")
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for panel, (key, title) in zip(panels, _PANELS.items(), strict=True):
        for i, (label, lines) in enumerate(runs.items()):
            points = [(int(line["epoch"]) + 1, float(line[key])) for line in lines if key in line]
            if points:
                draw_curve(panel, points, PALETTE[i % len(PALETTE)], label)
        dress(panel, title=title, x="epoch", y="%" if key == "all" else "")
        panel.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    panels[0].set_ylim(bottom=0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=TICK_SIZE, frameon=False)
    save(figure, out)
    return figure

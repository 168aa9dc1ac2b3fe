"""How re-ranking by active scores moves poses between complexity bins: the paper's Fig. 6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from actupose.errors import UserError
from actupose.report.canvas import INK, LABEL_SIZE, MUTED, PALETTE, TICK_SIZE, dress, heading, new_figure, save
from actupose.report.figures import read_curriculum
from actupose.report.runs import FinishedRun
from actupose.report.written import Rows, RunFigure, written

Moves = dict[int, NDArray[np.int64]]
_KINDS = (
    ("to a harder bin", PALETTE[5], "^"),
    ("in the same bin", PALETTE[0], "o"),
    ("to an easier bin", PALETTE[2], "v"),
)


def write_moves(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw each run's moves between bins, where its curriculum re-ranks.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a log is broken, or a file cannot be written.
    """
    for run in runs:
        moves = read_moves(run.folder.curriculum) if run.folder.curriculum.is_file() else {}
        if not moves:
            continue
        shares = {epoch: move_shares(matrix) for epoch, matrix in moves.items()}
        last = list(shares)[-1]
        rows: Rows = [
            [epoch, source, to, int(matrix[source, to])]
            for epoch, matrix in moves.items()
            for source, to in zip(*np.nonzero(matrix), strict=True)
        ]
        figure = RunFigure(
            "moves",
            f"{run.label}: moves of source poses between bins, by re-ranking after each epoch",
            f"Left: a map from bin to bin over {len(moves)} epochs. Right: after epoch {last} {shares[last][0]:.0f} % "
            f"of the poses moved to a harder bin and {shares[last][2]:.0f} % to an easier one.",
            run.png(folder, "moves"),
        )
        yield written(figure, partial(moves_figure, moves), [["epoch", "from", "to", "poses"], *rows])


def read_moves(path: Path) -> Moves:
    """Epoch after which poses were re-ranked, counted from 1 -> (bins, bins) poses that went from row to column.

    Raises:
        UserError: the log is broken.
    """
    try:
        lines = [line for line in read_curriculum(path) if "moved" in line]
        moves = {int(line["epoch"]): np.asarray(line["moved"], np.int64) for line in lines}
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: is no curriculum log ({error}).") from error
    if any(m.ndim != 2 or m.shape[0] != m.shape[1] or not m.sum() for m in moves.values()):
        raise UserError(f"{path}: its moves are no square of counts; let the run write it again.")
    return moves


def move_shares(matrix: NDArray[np.int64]) -> tuple[float, float, float]:
    """Percent of the poses that went to a harder bin, stayed, and went to an easier one."""
    up, down = np.triu(matrix, 1).sum(), np.tril(matrix, -1).sum()
    total = matrix.sum()
    return 100 * up / total, 100 * (total - up - down) / total, 100 * down / total


def moves_figure(moves: Moves, out: Path) -> Figure:
    """Left: from which bin to which, over all epochs. Right: the share that moved, epoch by epoch.

    Args:
        moves: from `read_moves`.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    figure = new_figure(9.2, 4.0)
    heading(figure, "Moves between complexity bins")
    left, right = figure.subplots(1, 2, width_ratios=(1.05, 1.0))
    total = np.sum(list(moves.values()), axis=0)
    shown = np.ma.masked_equal(total, 0)
    image = left.imshow(
        shown, cmap="Blues", norm=LogNorm(0.5, max(2, total.max())), origin="lower", interpolation="nearest"
    )
    left.plot([-0.5, len(total) - 0.5], [-0.5, len(total) - 0.5], color=MUTED, linewidth=0.6)
    dress(left, title="all epochs", x="bin after", y="bin before", grid=False)
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_locator(MaxNLocator(7, integer=True))
    bar = figure.colorbar(image, ax=left, shrink=0.9, pad=0.02)
    bar.set_label("poses (logarithmic)", fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=MUTED, labelcolor=INK, length=3)
    bar.outline.set_visible(False)
    shares = np.array([move_shares(matrix) for matrix in moves.values()])
    for (name, color, mark), values in zip(_KINDS, shares.T, strict=True):
        right.plot(list(moves), values, color=color, marker=mark, markersize=4, linewidth=1.5, label=name)
    dress(right, title="share of the poses that go", x="after epoch", y="%")
    right.set_ylim(0, 100)
    right.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    right.legend(fontsize=TICK_SIZE, frameon=False, loc="best")
    save(figure, out)
    return figure

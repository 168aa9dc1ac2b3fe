"""The look of all figures: colours, fonts, axes, and writing a figure to a file; no global state of matplotlib."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from actupose.errors import UserError

# Okabe and Ito (2008): told apart with every common colour blindness and, in this order, in grey.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
BLUE, VERMILION = PALETTE[0], PALETTE[5]
INK, MUTED, GRID = "#1a1a1a", "#5f6368", "#e3e5e8"
TITLE_SIZE, LABEL_SIZE, TICK_SIZE = 10.5, 9.0, 8.0
DPI = 160
FORMATS = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure whose axes arrange themselves.

    Args:
        width: inches.
        height: inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Give axes the common look.

    Args:
        axes: what to dress.
        title: above, left aligned.
        x: label of the x axis.
        y: label of the y axis.
        grid: pale horizontal lines.
    """
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE, color=INK)
    axes.set_xlabel(x, fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(y, fontsize=LABEL_SIZE, color=INK)
    axes.tick_params(labelsize=TICK_SIZE, colors=MUTED, labelcolor=INK, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=GRID, linewidth=0.8)


def heading(figure: Figure, text: str) -> Text:
    """A line above all axes, left aligned."""
    return figure.suptitle(text, x=0.01, ha="left", fontsize=TITLE_SIZE + 1.5, fontweight="bold", color=INK)


def save(figure: Figure, out: Path, dpi: float = DPI) -> None:
    """Write a figure; the suffix tells the format. Missing folders are made.

    Args:
        figure: what to write.
        out: PNG, SVG or PDF.
        dpi: pixels an inch of a PNG.

    Raises:
        UserError: another suffix, or the file cannot be written.
    """
    if out.suffix.lower() not in FORMATS:
        raise UserError(f"{out}: a figure is written as {', '.join(FORMATS)}; name a file that ends so.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=dpi)
    except OSError as error:
        raise UserError(f"{out}: cannot write the figure ({error.strerror or error}); name another file.") from error

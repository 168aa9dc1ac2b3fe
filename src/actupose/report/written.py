"""A figure of a report in three files: PNG, SVG and CSV, with a text that says what it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from actupose.engine.run_folder import write_text_atomically
from actupose.errors import UserError
from actupose.report.canvas import save

Rows = list[list[object]]


@dataclass(frozen=True)
class RunFigure:
    """A figure that was written.

    Attributes:
        kind: the section of the page that it belongs to.
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


def written(figure: RunFigure, draw: Callable[[Path], Figure], rows: Rows) -> RunFigure:
    """Write the three files.

    Args:
        figure: where, and what is said of it.
        draw: draws into the file that it is given.
        rows: the numbers, the header first.

    Raises:
        UserError: a file cannot be written.
    """
    save(draw(figure.png), figure.svg)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_text_atomically(figure.csv, text.getvalue())
    except OSError as error:
        raise UserError(f"{figure.csv}: cannot write ({error.strerror or error}); name another folder.") from error
    return figure

"""Tables and lines of numbers for terminals and Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def number(value: float | None, digits: int = 1) -> str:
    """A number as it is printed; ``-`` where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean over seeds and its standard error.

    Attributes:
        mean: of the seeds that have the number.
        error: standard deviation (n - 1) over the root of n; None for one seed.
        seeds: n.
    """

    mean: float
    error: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Of the finite values; None where there is none."""
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return None
        error = statistics.stdev(finite) / math.sqrt(len(finite)) if len(finite) > 1 else None
        return cls(statistics.fmean(finite), error, len(finite))

    def __str__(self) -> str:
        return number(self.mean) if self.error is None else f"{number(self.mean)} ± {number(self.error)}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns; the first column is left aligned, the others right."""
    table = [list(header), *[list(r) for r in rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(padded) + " |"

    rule = "| " + " | ".join("-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)) + " |"
    return "\n".join([line(table[0]), rule, *[line(r) for r in table[1:]]])


def scores_table(runs: Mapping[str, Mapping[str, float]], groups: Sequence[str], nets: Mapping[str, str]) -> str:
    """`scores_rows` as a Markdown table."""
    return markdown_table(*scores_rows(runs, groups, nets))


def scores_rows(
    runs: Mapping[str, Mapping[str, float]], groups: Sequence[str], nets: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """PCK@0.05 per group (pooled), All in both protocols, and EvalPose; one row a run.

    Args:
        runs: row name -> scores as `PoseMethod.scores` gives them.
        groups: PCK groups, ``All`` among them.
        nets: row name -> the network that the row shows.

    Returns:
        Header and rows.
    """
    parts = [g for g in groups if g != "All"]
    header = ["PCK@0.05", *parts, "All", "All (regda)", "EvalPose"]
    rows = []
    for name, scores in runs.items():
        net = nets[name]
        cells = [number(scores.get(f"{net}/pck/{g}")) for g in [*parts, "All"]]
        rows.append([name, *cells, number(scores.get(f"{net}/pck_regda/All")), number(scores.get(f"{net}/evalpose"))])
    return header, rows

"""How far confidence is from the share that is right, of finished runs on their target test sets, as JSON.

``python benchmarks/calibration.py NAME=RUN... --out ece.json`` reads each run's ``scores.json``: the expected
calibration error of the headline network's heatmap peaks as they are, and of the probabilities that held-out source
images made of them (`actupose.metrics.calibration_error`), percent.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import figure, parser, publish, record

from actupose.errors import UserError
from actupose.report.runs import FinishedRun, named_folder, read_runs

COLUMNS = {
    "PCK@0.05": "pck/All",
    "ECE of the peaks": "ece",
    "ECE of the probabilities": "ece_calibrated",
}


def row(run: FinishedRun) -> dict[str, str | float]:
    """A run's line of the table; a cell is empty where its scores have no such number."""
    values = {title: run.scores.get(f"{run.headline}/{key}", math.nan) for title, key in COLUMNS.items()}
    return {"method": run.label} | {title: "" if math.isnan(v) else round(v, 1) for title, v in values.items()}


def found_in(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The record of some runs."""
    rows = [row(run) for run in runs]
    figures = [
        figure(title, "%", [float(line[title])], {"method": line["method"]})
        for line in rows
        for title in COLUMNS
        if line[title] != ""
    ]
    named: Mapping[str, str] = {run.label: str(run.folder.path) for run in runs}
    return {**record("calibration", figures, quick=False), "runs": named, "table": rows}


def main() -> int:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("runs", type=Path, nargs="+", help="run folders, or NAME=FOLDER")
    options = made.parse_args()
    try:
        publish(found_in(read_runs(*zip(*map(named_folder, options.runs), strict=True))), options.out)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

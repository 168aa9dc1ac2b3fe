"""Table 1 and 2: runs stand beside the numbers published for their method."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from actupose.engine.run_folder import RunFolder
from actupose.report.paper_tables import joint_table, published, task_table
from actupose.report.runs import FinishedRun


def finished(label: str, method: str, score: float, kind: str = "none", test: str = "data/real") -> FinishedRun:
    scores = {"teacher/pck/All": 1.0, "teacher/pck_regda/All": score, "student/pck_regda/All": 2.0}
    scores |= {"teacher/pck/Hip": 3.0, "teacher/pck_regda/Hip": 44.4}
    config: dict[str, Any] = {"data": {"source": "x/made", "target_test": test, "curriculum": {"kind": kind}}}
    result = {"method": method, "headline": "teacher", "scores": scores}
    return FinishedRun(RunFolder(Path(label)), label, label, result, {}, config)


def test_published_averages_are_those_of_their_joints() -> None:
    """A slip in copying a number would move the mean of its row away from the printed All."""
    for method, numbers in published()["surreal_lsp"].items():
        parts = [value for group, value in numbers.items() if group != "All"]
        if parts:
            assert math.isclose(sum(parts) / len(parts), numbers["All"], abs_tol=0.35), method


def test_a_run_stands_below_the_published_row_of_its_method() -> None:
    grid = joint_table([finished("mine", "UDAPE", 50.0), finished("hard", "UDAPE", 51.0, kind="hard")])
    assert grid.columns == ["Hip", "All"]
    told = {group: [(row.name, list(row.cells)) for row in rows] for group, rows in grid.groups.items()}
    assert told["UDAPE"] == [("published", ["85.5", "82.0"]), ("mine", ["44.4", "50.0"])]
    assert told["UDAPE + VAE-HM"] == [("published", ["84.8", "82.6"]), ("hard", ["44.4", "51.0"])]
    assert told["RegDA"] == [("published", ["81.0", "74.6"])]
    assert "Oracle" not in told


def test_seeds_of_one_task_are_averaged_and_tasks_kept_apart() -> None:
    runs = [finished("a", "UDAPE", 50.0), finished("b", "UDAPE", 52.0), finished("c", "UDAPE", 30.0, test="other")]
    grid = task_table([*runs, finished("d", "Mine", math.nan)])
    assert list(grid.columns)[-2:] == ["made → real", "made → other"]
    (row,) = grid.groups["UDAPE"]
    assert list(row.cells) == ["82.0", "79.0", "79.6", "51.0 ± 1.0 (2 runs)", "30.0"]
    assert list(grid.groups["Mine"][0].cells) == ["-"] * 5

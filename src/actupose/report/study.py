"""The table of a study: runs on the same test photographs, and how far each stands from one of them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actupose.engine.run_folder import write_text_atomically
from actupose.engine.trials import SuiteFolder
from actupose.errors import UserError
from actupose.metrics import Difference, paired_difference
from actupose.report.cases import CaseScores, Predictions, case_scores, read_predictions
from actupose.report.runs import FinishedRun, read_runs, score_groups
from actupose.report.suite import Cell
from actupose.report.table import markdown_table, number
from actupose.skeletons import Skeleton, load_skeleton
from actupose.skeletons.skeleton import near_match

NAME = "PCK@0.05"  # heading of the column of names
_SAME_PLACE = 1e-3  # of the side: a label on pictures of two sizes
_SAME_SCORE = 0.1  # points: predictions that are those of the scores


def study_table(runs: Sequence[FinishedRun], against: str, *, headline_only: bool = False) -> dict[str, Any]:
    """Rows of scores, and of each run's headline network the difference in PCK to another run's.

    The difference is over the skeleton's group ``All``, with the standard error of drawing the test photographs anew
    (`paired_difference`). Where several runs are called ``against`` (seeds), each run is compared with its seed's.

    Args:
        runs: from `read_runs`.
        against: name of the run to compare with.
        headline_only: leave the other networks' rows out.

    Returns:
        ``table``: a row a run and network, numbers rounded as they are printed. ``runs`` and ``nets``: which run folder
        and network a row is of. ``differences``: row -> the difference, its error and the number of photographs.

    Raises:
        UserError: no run has that name, or two runs were not scored on the same photographs or lack predictions.
    """
    bases = [run for run in runs if run.name == against]
    if not bases:
        names = list(dict.fromkeys(run.name for run in runs))
        raise UserError(f"there is no run '{against}'{near_match(against, names) or f'; the runs are {names}'}.")
    column, groups = f"against {against}", score_groups(runs)
    told: dict[str, Any] = {"table": [], "runs": {}, "nets": {}, "differences": {}}
    for run in runs:
        base = next((other for other in bases if other.seed == run.seed), bases[0])
        for net in [run.headline] if headline_only else run.nets:
            row = run.label if len(run.nets) == 1 or headline_only else f"{run.label} ({net})"
            compared = net == run.headline and run not in bases
            found = difference(base, run) if compared else None
            told["table"].append({NAME: row, **_scores(run, net, groups), column: _printed(found)})
            told["runs"][row], told["nets"][row] = str(run.folder.path), net
            if found is not None:
                told["differences"][row] = {
                    "points": found.value,
                    "error": None if math.isnan(found.error) else found.error,
                    "photographs": found.images,
                }
    return told


def difference(base: FinishedRun, run: FinishedRun) -> Difference:
    """PCK@0.05 over all joints of a run's headline network less another's, in points.

    Args:
        base: what it is compared with.
        run: the other.

    Raises:
        UserError: one has no predictions, they are not those of its scores, or they are of other photographs.
    """
    (names, theirs), (own_names, ours) = _cases(base), _cases(run)
    same = names.name == own_names.name and np.array_equal(names.visible, own_names.visible)
    seen = names.visible > 0
    if not same or not np.allclose(names.truth[seen], own_names.truth[seen], atol=_SAME_PLACE):
        raise UserError(
            f"{base.folder.path} and {run.folder.path} were not scored on the same photographs and labels; "
            "compare runs of one data.target_test."
        )
    gain = (ours.right - theirs.right).astype(np.float64)
    return paired_difference(100 * gain, ours.scored.astype(np.float64))


def _cases(run: FinishedRun) -> tuple[Predictions, CaseScores]:
    """A run's predictions and what each picture's are worth."""
    file = run.folder.predictions
    if not file.is_file():
        raise UserError(f"{file}: is missing; run `actupose test` on the run, which writes it.")
    held = read_predictions(file)
    scores = case_scores(held, _skeleton(run, held))
    pck = 100 * scores.right.sum() / max(1, scores.scored.sum())
    told = run.scores[f"{run.headline}/pck/All"]
    if not math.isnan(told) and abs(pck - told) > _SAME_SCORE:
        raise UserError(f"{file}: gives {pck:.1f} where scores.json has {told:.1f}; run `actupose test` on the run.")
    return held, scores


def _skeleton(run: FinishedRun, held: Predictions) -> Skeleton:
    name = run.setting("data", "skeleton")
    if name is None:
        raise UserError(f"{run.folder.config}: has no data.skeleton; name a folder that `actupose fit` wrote.")
    skeleton = load_skeleton(str(name))
    if skeleton.num_keypoints != held.points.shape[1]:
        raise UserError(
            f"{run.folder.predictions}: has {held.points.shape[1]} keypoints, not those of {skeleton.name}."
        )
    return skeleton


def _scores(run: FinishedRun, net: str, groups: Sequence[str]) -> dict[str, float | str]:
    keys = {group: f"pck/{group}" for group in groups} | {"EvalPose": "evalpose"}
    values = {column: run.scores.get(f"{net}/{key}", math.nan) for column, key in keys.items()}
    return {column: "" if math.isnan(value) else round(value, 1) for column, value in values.items()}


def _printed(found: Difference | None) -> str:
    return "" if found is None else f"{found.value:+.1f} ± {number(found.error)}"


def study_markdown(told: dict[str, Any], title: str) -> str:
    """The table as Markdown, with what it shows.

    Args:
        told: from `study_table`.
        title: heading.
    """
    rows = told["table"]
    cells = [[number(cell) if isinstance(cell, float) else cell for cell in row.values()] for row in rows]
    note = (
        "PCK@0.05 (pooled over joints) and EvalPose on the labelled target test set, in percent. The last column is "
        "the difference in PCK over all joints, headline networks alone, ± the standard error of drawing the test "
        "photographs anew."
    )
    return f"# {title}\n\n{note}\n\n{markdown_table(list(rows[0]), cells)}\n"


def write_study(told: dict[str, Any], file: Path) -> str:
    """Write a study's table as JSON, and as Markdown and CSV beside it.

    Args:
        told: from `study_table`; run folders are written as seen from the file's.
        file: the JSON file.

    Returns:
        The Markdown.

    Raises:
        UserError: a file cannot be written.
    """
    runs = {row: Path(os.path.relpath(folder, file.parent)).as_posix() for row, folder in told["runs"].items()}
    text, lines = study_markdown(told, file.stem), io.StringIO()
    writer = csv.DictWriter(lines, list(told["table"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(told["table"])
    whole = json.dumps({**told, "runs": runs}, indent=1, ensure_ascii=False) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for suffix, content in ((".md", text), (".csv", lines.getvalue()), (".json", whole)):
            write_text_atomically(file.with_suffix(suffix), content)
    except OSError as error:
        raise UserError(f"{file}: cannot write ({error.strerror or error}); name another file.") from error
    return text


def write_suite_studies(cells: Sequence[Cell], folder: SuiteFolder, against: str, title: str) -> str:
    """Write a study's table of each task's finished runs as ``TITLE_TASK_against.json``, Markdown and CSV beside.

    Args:
        cells: the suite's lines.
        folder: with their trials; the files go there.
        against: the line that the others are compared with, each with the run of its seed.
        title: the suite's name.

    Returns:
        The Markdown of all of them.

    Raises:
        UserError: as `study_table`.
    """
    texts = []
    for task in dict.fromkeys(cell.task for cell in cells):
        done = [
            (folder.run(trial.name).path, cell.row)
            for cell in cells
            if cell.task == task
            for trial in cell.trials.values()
            if folder.reason(trial.name) is None
        ]
        if against in [row for _, row in done]:
            told = study_table(read_runs(*zip(*done, strict=True)), against)
            texts.append(write_study(told, folder.path / f"{title}_{task}_against.json"))
    return "\n".join(texts)

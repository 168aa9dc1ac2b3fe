"""The table of a suite: mean and standard error over seeds, each way of choosing the epoch in a column of its own."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actupose.engine.run_folder import RunFolder, read_epoch_lines, write_text_atomically
from actupose.engine.trials import SuiteFolder, Trial
from actupose.report.paper_tables import published
from actupose.report.table import Spread, markdown_table, number
from actupose.skeletons import load_skeleton

CHOICES = {
    "last": "last epoch",
    "label_free": "epoch chosen without labels",
    "by_test_labels": "epoch chosen by the target's test labels",
}
_NOTES = {
    "last": "The result.",
    "label_free": "A result: the label-free validators choose (`validators.jsonl`, docs/label_free.md).",
    "by_test_labels": "Not a result but its upper end: nobody has these labels when it counts.",
}
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Cell:
    """One line of the table on one task.

    Attributes:
        task: the task's name.
        row: the line's name.
        published_as: the method whose published numbers stand beside it; None for a variant.
        skeleton: name or file of the skeleton, for its joint groups.
        trials: seed -> trial.
    """

    task: str
    row: str
    published_as: str | None
    skeleton: str
    trials: Mapping[int, Trial]


def chosen_scores(run: RunFolder) -> dict[str, Scores]:
    """Scores of a finished run in each way of choosing its epoch; a way that it has no record for is absent.

    Args:
        run: with ``scores.json``; ``scores.jsonl`` is read where it is.

    Returns:
        Choice -> ``metric/group`` of the headline network -> percent.
    """
    last = run.read_scores()
    found = {"last": _of_net(last["headline"], last["scores"])}
    chosen = last.get("label_free")
    if chosen:
        found["label_free"] = _of_net(chosen["headline"], chosen["scores"])
    epochs = [_of_net(line["net"], line) for line in read_epoch_lines(run.epoch_scores)]
    if epochs:
        found["by_test_labels"] = max(epochs, key=lambda scores: scores.get("pck/All", -math.inf))
    return found


def _of_net(net: str, scores: Mapping[str, Any]) -> Scores:
    """Scores of one network without its name."""
    return {k.removeprefix(f"{net}/"): float(v) for k, v in scores.items() if k.startswith(f"{net}/")}


def suite_summary(cells: Sequence[Cell], folder: SuiteFolder) -> dict[str, Any]:
    """Everything that the table says, as plain data.

    Args:
        cells: the suite's lines.
        folder: with their trials.
    """
    tasks: dict[str, Any] = {}
    for cell in cells:
        columns = _columns(cell.skeleton)
        task = tasks.setdefault(
            cell.task, {"columns": list(columns), "rows": [], "published": published().get(cell.task, {})}
        )
        task["rows"].append(_row(cell, folder, columns))
    return {"unit": "percent, PCK@0.05 pooled over joints", "choices": CHOICES, "tasks": tasks}


def _columns(skeleton: str) -> dict[str, str]:
    """Column -> key of a score."""
    groups = [group for group in load_skeleton(skeleton).groups if group != "All"]
    pooled = {group: f"pck/{group}" for group in [*groups, "All"]}
    return {**pooled, "All (regda)": "pck_regda/All", "EvalPose": "evalpose"}


def _row(cell: Cell, folder: SuiteFolder, columns: Mapping[str, str]) -> dict[str, Any]:
    runs, chosen = [], []
    for seed, trial in cell.trials.items():
        failed = folder.reason(trial.name)
        runs.append({"seed": seed, "run": f"runs/{trial.name}", "failed": failed})
        if failed is None:
            chosen.append(chosen_scores(folder.run(trial.name)))
    scores: dict[str, Any] = {}
    for choice in CHOICES:
        found = [scores_of[choice] for scores_of in chosen if choice in scores_of]
        spreads = {column: Spread.of([s[key] for s in found if key in s]) for column, key in columns.items()}
        scores[choice] = {column: vars(spread) for column, spread in spreads.items() if spread is not None}
    return {"row": cell.row, "published_as": cell.published_as, "runs": runs, "scores": scores}


# -- as text


def suite_markdown(summary: Mapping[str, Any], title: str) -> str:
    """The tables as Markdown.

    Args:
        summary: from `suite_summary`.
        title: heading.
    """
    parts = [
        f"# {title}",
        "PCK@0.05 and EvalPose on the labelled target test set, in percent: mean ± standard error over seeds; pooled "
        "over joints, and All also in the protocol of RegDA. Published numbers are of other runs and another protocol.",
    ]
    for name, task in summary["tasks"].items():
        parts += [f"## {name}", _overview(task)]
        for choice, words in CHOICES.items():
            if any(row["scores"][choice] for row in task["rows"]):
                parts += [f"### {words.capitalize()}", _NOTES[choice], _scores(task, choice)]
        parts += _published(task)
    return "\n\n".join([*parts, *_failures(summary)]) + "\n"


def _overview(task: Mapping[str, Any]) -> str:
    header = ["All", *CHOICES.values(), "published", "seeds done"]
    rows = []
    for row in task["rows"]:
        done = sum(run["failed"] is None for run in row["runs"])
        cells = [_shown(row["scores"][choice].get("All")) for choice in CHOICES]
        told = task["published"].get(row["published_as"], {}).get("All")
        rows.append([row["row"], *cells, number(told), f"{done} of {len(row['runs'])}"])
    return markdown_table(header, rows)


def _scores(task: Mapping[str, Any], choice: str) -> str:
    rows = [[r["row"], *(_shown(r["scores"][choice].get(c)) for c in task["columns"])] for r in task["rows"]]
    return markdown_table(["PCK@0.05", *task["columns"]], rows)


def _shown(spread: Mapping[str, Any] | None) -> str:
    return "-" if spread is None else str(Spread(**spread))


def _published(task: Mapping[str, Any]) -> list[str]:
    """Published numbers in a table of their own, the suite's lines first."""
    numbers = task["published"]
    groups = [column for column in task["columns"] if any(column in of for of in numbers.values())]
    if not groups:
        return []
    own = {row["published_as"]: row["row"] for row in task["rows"] if row["published_as"] in numbers}
    lines = own | {method: method for method in numbers if method not in own}
    rows = [[name, *(number(numbers[method].get(g)) for g in groups)] for method, name in lines.items()]
    note = "Other runs and another protocol, so a table of their own: see docs/method.md, section 6."
    return ["### As published", note, markdown_table(["PCK@0.05", *groups], rows)]


def _failures(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- {name}, {row['row']}, seed {run['seed']}: {run['failed']} (`{run['run']}`)"
        for name, task in summary["tasks"].items()
        for row in task["rows"]
        for run in row["runs"]
        if run["failed"] is not None
    ]
    return ["## Failed runs", "They are in no mean.", "\n".join(lines)] if lines else []


def suite_csv(summary: Mapping[str, Any]) -> str:
    """One line a task, line of the table, choice and column; published numbers in a column of their own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["task", "row", "choice", "column", "mean", "error", "seeds", "failed", "published"])
    for name, task in summary["tasks"].items():
        for row in task["rows"]:
            failed = sum(run["failed"] is not None for run in row["runs"])
            told = task["published"].get(row["published_as"], {})
            for choice in CHOICES:
                for column in task["columns"]:
                    spread = row["scores"][choice].get(column) or {"mean": None, "error": None, "seeds": 0}
                    cells = [name, row["row"], choice, column, *spread.values(), failed, told.get(column)]
                    writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def write_suite(cells: Sequence[Cell], folder: SuiteFolder, title: str) -> tuple[Path, str]:
    """Write a suite's table as Markdown, CSV and JSON, named after the suite.

    Args:
        cells: the suite's lines.
        folder: with their trials; the files go there.
        title: the suite's name.

    Returns:
        The Markdown file and its text.
    """
    summary = suite_summary(cells, folder)
    text = suite_markdown(summary, title)
    write_text_atomically(folder.path / f"{title}.json", json.dumps(summary, indent=1) + "\n")
    write_text_atomically(folder.path / f"{title}.csv", suite_csv(summary))
    file = folder.path / f"{title}.md"
    write_text_atomically(file, text)
    return file, text

"""How well each label-free validator ranks checkpoints by their true PCK.

Run ``python benchmarks/validators.py RUN... --out results/validators.json``. Every run folder holds
``validators.jsonl`` (written by ``actupose fit``) and ``scores.jsonl``, the labelled target test set's scores after
each epoch: one JSON object a line, ``{"epoch": 3, "teacher/pck/All": 41.2, ...}``. Prints a Markdown table and writes
the same as JSON, under ``table`` as the documentation prints it.

Spearman's rank correlation is taken over all checkpoints of all runs together, and within each run (its mean over
runs): the first says how well a validator compares methods, the second how well it chooses an epoch. Above 0 is right.
``choice`` is the mean rank that chooses a checkpoint by default, ``blend`` that of the verdict's four validators. The
third correlation is over the epochs of adaptation alone, of all methods that adapt: there no validator can live on the
progress of the training. The last column tells what choosing by a validator costs: how far the PCK of the epoch it
chooses lies below the best epoch's, the mean over runs, beside that of the last epoch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from common import Figure, as_text, figure, record
from scipy.stats import spearmanr

from actupose.engine.run_folder import RunFolder, read_epoch_lines, write_text_atomically
from actupose.errors import UserError
from actupose.methods import METHODS
from actupose.metrics import BLEND, CHOICE, VALIDATORS, blend_of_ranks
from actupose.report.table import markdown_table

Record = dict[str, Any]
BLENDS = {"choice": CHOICE, "blend": BLEND}
COLUMNS = (  # key of the study, heading, digits
    ("within", "within a run", 2),
    ("all", "all checkpoints", 2),
    ("adaptation", "in the adaptation", 2),
    ("regret", "PCK lost by choosing", 1),
)


def read_checkpoints(folder: Path) -> list[Record]:
    """Epochs of a run that have both validators and true scores; their ``pck`` is that of the epoch's headline network.

    Raises:
        UserError: a log is missing or broken, or the two share no epoch.
    """
    run, begin = RunFolder(folder), first_adapting(folder)
    true = {line["epoch"]: line for line in read_epoch_lines(folder / "scores.jsonl")}
    found = []
    for line in read_epoch_lines(run.validators):
        pck = true.get(line["epoch"], {}).get(f"{line['net']}/pck/All")
        if pck is not None:
            adapting = begin is not None and line["epoch"] >= begin
            found.append({**line, "run": str(folder), "pck": float(pck), "adapting": adapting})
    if not found:
        raise UserError(f"{folder}: has no epoch in both validators.jsonl and scores.jsonl.")
    return found


def first_adapting(folder: Path) -> int | None:
    """First epoch of a run's adaptation; None for a method that does not adapt.

    Raises:
        UserError: the run has no config.
    """
    config = RunFolder(folder).config
    if not config.is_file():
        raise UserError(f"{folder}: has no config.yaml; name a folder that `actupose fit` wrote.")
    model = yaml.safe_load(config.read_text(encoding="utf-8"))["model"]
    adapts = {method.__name__ for method in METHODS.values() if method.needs_target}
    name = model["class_path"].rpartition(".")[2]
    return int(model["init_args"]["schedule"]["adapt_from"]) if name in adapts else None


def correlation(records: Sequence[Mapping[str, Any]], values: Sequence[float]) -> float:
    """Spearman's correlation with PCK, signed so that 1 is a perfect validator; NaN where one side never changes."""
    pck = [r["pck"] for r in records]
    kept = np.isfinite(values)
    if kept.sum() < 3 or len(set(np.asarray(values)[kept])) < 2 or len(set(np.asarray(pck)[kept])) < 2:
        return float("nan")
    return float(spearmanr(np.asarray(values)[kept], np.asarray(pck)[kept]).statistic)


def values_of(name: str, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """A validator's values with higher = better, or a blend's."""
    if name in BLENDS:
        return blend_of_ranks(records, BLENDS[name])
    return [VALIDATORS[name] * float(r.get(name, np.nan)) for r in records]


def study(runs: Sequence[Sequence[Record]]) -> dict[str, dict[str, float]]:
    """Validator -> its correlations and what choosing by it costs in points of PCK."""
    together = [record for run in runs for record in run]
    table = {}
    adapting = [record for record in together if record["adapting"]]
    for name in (*VALIDATORS, *BLENDS):
        within = [correlation(run, values_of(name, run)) for run in runs]
        regret = [_regret(run, values_of(name, run)) for run in runs]
        table[name] = {
            "all": correlation(together, values_of(name, together)),
            "within": float(np.nanmean(within)) if np.isfinite(within).any() else float("nan"),
            "adaptation": correlation(adapting, values_of(name, adapting)),
            "regret": float(np.mean(regret)),
            "regret_last": float(np.mean([max(r["pck"] for r in run) - run[-1]["pck"] for run in runs])),
        }
    return table


def _regret(run: Sequence[Record], values: Sequence[float]) -> float:
    """Points of PCK between the best epoch and the one with the highest value; the last where there is none."""
    chosen = int(np.nanargmax(values)) if np.isfinite(values).any() else len(run) - 1
    return float(max(r["pck"] for r in run) - run[chosen]["pck"])


def printed_rows(table: Mapping[str, Mapping[str, float]]) -> list[dict[str, str | float]]:
    """The study as docs/label_free.md shows it, the best chooser of an epoch first; what could not be told is empty."""
    order = sorted(table, key=lambda name: (np.isnan(table[name]["within"]), -table[name]["within"]))
    rows: list[dict[str, str | float]] = []
    for name in order:
        values = {title: (table[name][key], digits) for key, title, digits in COLUMNS}
        cells = {title: round(value, digits) if np.isfinite(value) else "" for title, (value, digits) in values.items()}
        rows.append({"validator": f"`{name}`", **cells})
    return rows


def as_markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """The same as text, with what the last epoch loses."""
    rows = printed_rows(table)
    last = next(iter(table.values()))["regret_last"]
    text = markdown_table(list(rows[0]), [[str(cell) for cell in row.values()] for row in rows])
    return f"{text}\n\nTaking the last epoch loses {last:.1f}."


def figures(table: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """The study in the benchmarks' common form; what could not be told is left out."""
    named = {
        "all": "rank correlation, all",
        "within": "rank correlation within a run",
        "adaptation": "rank correlation in the adaptation",
        "regret": "PCK lost by choosing",
    }
    return [
        figure(title, "points" if key == "regret" else "Spearman", [values[key]], {"validator": name})
        for name, values in table.items()
        for key, title in named.items()
        if np.isfinite(values[key])
    ]


def main(args: Sequence[str]) -> int:
    """Read the runs, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args(args)
    try:
        runs = [read_checkpoints(folder) for folder in parsed.runs]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    table = study(runs)
    print(as_markdown(table))
    if parsed.out:
        facts = {
            "runs": [str(p) for p in parsed.runs],
            "checkpoints": sum(map(len, runs)),
            "blends": {name: list(names) for name, names in BLENDS.items()},
        }
        parsed.out.parent.mkdir(parents=True, exist_ok=True)
        form = record("validators", figures(table), quick=False)
        write_text_atomically(parsed.out, as_text({**form, **facts, "validators": table, "table": printed_rows(table)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

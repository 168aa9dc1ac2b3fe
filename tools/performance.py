"""The tables of docs/performance.md: each record below docs/results/performance/ gets a ``table`` from its figures.

    python tools/performance.py && python tools/published.py

A record is what `benchmarks/step.py`, `step_sweep.py` and `predict.py` write with ``--out``; ``gpu.json`` holds several
of `gpu_table.py` as ``runs``, each with its number, ``launches.json`` two of `launches.py`, before and now, and
``step_cpu.json`` one of `step.py` a compilation. What was not measured is an empty cell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "results" / "performance"
Record = Mapping[str, Any]
Row = dict[str, str | int | float]

_STEP, _BARE, _RATIO = "step", "bare passes", "step over bare passes"
_RATE, _MEMORY = "images of one domain", "peak memory of the step"
_KINDS = {
    ("32", False, "none"): "fp32",
    ("32", True, "none"): "fp32, TF32 allowed",
    ("bf16-mixed", True, "none"): "bf16",
    ("bf16-mixed", True, "parts"): "bf16, parts compiled",
    ("bf16-mixed", True, "default"): "bf16, all compiled",
    ("bf16-mixed", True, "reduce-overhead"): "bf16, all compiled, CUDA graphs",
}


def value(record: Record, name: str, **at: object) -> float | str:
    """A figure's value, empty where it was not measured."""
    for figure in record["figures"]:
        if figure["figure"] == name and at.items() <= figure["at"].items():
            return float(figure["value"])
    return ""


def spread(record: Record, name: str, **at: object) -> float | str:
    """How far a figure's repeats lie apart, empty where it was not measured."""
    for figure in record["figures"]:
        if figure["figure"] == name and at.items() <= figure["at"].items():
            return float(figure["spread"])
    return ""


def rounded(number: float | str, digits: int) -> float | str:
    """A number as the table prints it."""
    if isinstance(number, str):
        return number
    return round(number, digits) if digits else round(number)


def step_columns(record: Record, **at: object) -> Row:
    """What a table of steps tells of one setting."""
    return {
        "step, ms": rounded(value(record, _STEP, **at), 1),
        "bare passes, ms": rounded(value(record, _BARE, **at), 1),
        "ratio": rounded(value(record, _RATIO, **at), 2),
        "its spread": rounded(spread(record, _RATIO, **at), 2),
        "images/s": rounded(value(record, _RATE, **at), 0),
        "peak memory, MiB": rounded(value(record, _MEMORY, **at), 0),
    }


def gpu_table(record: Record) -> list[Row]:
    """One row a network and precision and run that measured it; an empty one where none did."""
    rows: list[Row] = []
    for backbone, title in (("resnet50", "ResNet-50"), ("resnet101", "ResNet-101")):
        for (precision, tf32, compilation), kind in _KINDS.items():
            at = {"backbone": backbone, "precision": precision, "tf32": tf32, "compilation": compilation}
            runs = [run for run in record["runs"] if value(run, _RATIO, **at) != ""]
            name = {"network": title, "precision": kind}
            rows += [{**name, "run": run["run"], **step_columns(run, **at)} for run in runs]
            if not runs:
                rows.append({**name, "run": "", **step_columns({"figures": []})})
    return rows


def step_table(record: Record) -> list[Row]:
    """One row a run of `step.py`."""
    rows = []
    for run in record["runs"]:
        at = run["figures"][0]["at"]
        name = f"{at['backbone']}, {at['size']} px, batch {at['batch']}"
        rows.append({"network": name, "compilation": at["compilation"], **step_columns(run)})
    return rows


def sweep_table(record: Record) -> list[Row]:
    """One row a size and batch, with the plain step beside where it was measured."""
    settings = sorted({(f["at"]["size"], f["at"]["batch"]) for f in record["figures"] if f["figure"] == _STEP})
    return [
        {
            "image side": size,
            "batch": batch,
            **step_columns(record, size=size, batch=batch, plain=False),
            "plain step, ms": rounded(value(record, _STEP, size=size, batch=batch, plain=True), 1),
            "plain over step": rounded(value(record, "plain step over step", size=size, batch=batch), 2),
        }
        for size, batch in settings
    ]


def predict_table(record: Record) -> list[Row]:
    """One row a number of threads."""
    return [
        {
            "threads": threads,
            "PyTorch, images/s": rounded(value(record, "PyTorch, whole graph", threads=threads), 1),
            "ONNX Runtime, images/s": rounded(value(record, "ONNX Runtime, whole graph", threads=threads), 1),
            "network, ms": rounded(value(record, "network alone", threads=threads), 1),
            "decoding, ms": rounded(value(record, "decoding alone", threads=threads), 2),
            "decode share, %": rounded(value(record, "decode share", threads=threads), 2),
        }
        for threads in (1, 2)
    ]


def launches_table(record: Record) -> list[Row]:
    """One row a part of the step, most launches first, then the sums; before the step was thinned out, and now."""
    before, now = record["runs"]
    names = dict.fromkeys(f["at"]["part"] for run in (before, now) for f in run["figures"] if "part" in f["at"])
    rows = [_launches_of(before, now, part, part=part) for part in names]
    rows.sort(key=lambda row: -float(row["step before"]))
    return [*rows, _launches_of(before, now, "all")]


def _launches_of(before: Record, now: Record, title: str, **at: object) -> Row:
    one = ", one part" if at else ""

    def number(run: Record, name: str) -> int | float | str:
        return rounded(value(run, f"{name}{one}", **at), 0)

    return {
        "part": title,
        "bare passes": number(now, "bare passes"),
        "step before": number(before, "step"),
        "step now": number(now, "step"),
        "on the host before": number(before, "on the host"),
        "on the host now": number(now, "on the host"),
    }


TABLES: dict[str, Callable[[Record], list[Row]]] = {
    "gpu_table": gpu_table,
    "step": step_table,
    "step_sweep": sweep_table,
    "predict": predict_table,
    "launches": launches_table,
}


def with_table(record: Record) -> dict[str, Any]:
    """A record with its table."""
    return {**record, "table": TABLES[record["benchmark"]](record)}


def main() -> int:
    """Write the tables into the records."""
    for path in sorted(FOLDER.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(with_table(record), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every benchmark prints one record of the common form."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


QUICK = {
    "curriculum": [],
    "store": [],
    "step": [],
    "gpu_table": ["--rows", "50-bf16"],
    "launches": [],
    "step_sweep": ["--batches", "2", "--sizes", "64"],
    "predict": [],
    "predict_verb": [],
    "synth": [],
}


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_run_prints_a_record(name: str, tmp_path: Path) -> None:
    options = ["--quick", "--out", str(tmp_path / "record.json"), *QUICK[name]]
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    record = json.loads(done.stdout)
    assert record == json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert (record["benchmark"], record["quick"]) == (name, True)
    assert record["device"]
    assert {"python", "torch"} <= set(record["versions"])
    assert record["figures"]
    for figure in record["figures"]:
        assert set(figure) == {"figure", "unit", "value", "spread", "repeats", "at"}
        assert math.isfinite(figure["value"])
        assert figure["unit"]
        assert figure["repeats"] >= 1


def test_a_row_that_fails_does_not_end_the_table(tmp_path: Path) -> None:
    """No row begins after the budget; the record says so, and was written."""
    options = ["--quick", "--budget", "-1", "--rows", "50-bf16", "101-fp32", "--out", str(tmp_path / "record.json")]
    command = [sys.executable, str(FOLDER / "gpu_table.py"), *options]
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert record["figures"] == []
    assert [(m["row"], m["reason"]) for m in record["missing"]] == [
        ("50-bf16", "not begun after 0 s"),
        ("101-fp32", "not begun after 0 s"),
    ]

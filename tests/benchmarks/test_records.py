"""Every benchmark prints one record of the common form."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("name", ["curriculum", "store"])
def test_a_quick_run_prints_a_record(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--quick", "--out", str(tmp_path / "record.json")]
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

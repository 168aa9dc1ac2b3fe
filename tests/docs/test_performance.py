"""The tables of docs/performance.md come from the figures of their records; `test_published.py` compares the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docs_index import ROOT
from docs_tools import tool

performance = tool("performance")


@pytest.mark.parametrize("path", sorted(performance.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_table_is_what_its_figures_say(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["table"] == performance.with_table(record)["table"]
    assert f"<!-- table: results/performance/{path.name} -->" in (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_what_was_not_measured_is_empty() -> None:
    at = {"backbone": "resnet50", "precision": "bf16-mixed", "tf32": True, "compilation": "none"}
    figure = {"figure": "step over bare passes", "unit": "ratio", "value": 1.204, "spread": 0.1, "repeats": 3, "at": at}
    rows = performance.gpu_table({"runs": [{"run": 4, "figures": [figure]}]})
    assert [row["ratio"] for row in rows if row["ratio"] != ""] == [1.2]
    assert (rows[2]["precision"], rows[2]["run"], rows[2]["ratio"], rows[2]["images/s"]) == ("bf16", 4, 1.2, "")

"""The table of a suite from run folders written by hand."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from actupose.engine.trials import SuiteFolder, Trial, failure_reason
from actupose.report.paper_tables import published
from actupose.report.suite import Cell, write_suite


def scores(net: str, pck: float) -> dict[str, float]:
    return {f"{net}/pck/All": pck, f"{net}/pck/Sld": pck + 1, "other/pck/All": 99.0}


def write_run(folder: SuiteFolder, trial: Trial, last: float, epochs: list[float], chosen: float | None = None) -> None:
    run = folder.run(trial.name)
    run.path.mkdir(parents=True)
    record: dict[str, Any] = {"headline": "teacher", "scores": scores("teacher", last)}
    if chosen is not None:
        record["label_free"] = {"headline": "student", "scores": scores("student", chosen)}
    run.scores.write_text(json.dumps(record), encoding="utf-8")
    lines = [json.dumps({"epoch": i, "net": "student", **scores("student", pck)}) for i, pck in enumerate(epochs)]
    run.epoch_scores.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def table(tmp_path: Path) -> tuple[dict[str, Any], str, list[dict[str, str]]]:
    """Two lines on a published task: one of three seeds with one failed, one without the optional records."""
    folder = SuiteFolder(tmp_path)
    trials = {seed: Trial.of("surreal_lsp", "udape", seed, f"seed: {seed}\n") for seed in (0, 1, 2)}
    write_run(folder, trials[0], 40.0, [10.0, 44.0, 40.0], chosen=42.0)
    write_run(folder, trials[1], 44.0, [10.0, 11.0, 44.0], chosen=43.0)
    folder.failure(trials[2].name).parent.mkdir(parents=True)
    folder.failure(trials[2].name).write_text(json.dumps({"reason": "loss is nan"}), encoding="utf-8")
    plain = {0: Trial.of("surreal_lsp", "actupose", 0, "")}
    write_run(folder, plain[0], 50.0, [])
    cells = [
        Cell("surreal_lsp", "udape", "udape", "body16", trials),
        Cell("surreal_lsp", "mine", None, "body16", plain),
    ]
    file, text = write_suite(cells, folder, "t")
    assert file.read_text(encoding="utf-8") == text
    with (tmp_path / "t.csv").open(encoding="utf-8") as lines:
        return json.loads((tmp_path / "t.json").read_text(encoding="utf-8")), text, list(csv.DictReader(lines))


def test_means_and_errors_of_each_choice_stand_apart(table: Any) -> None:
    udape, mine = table[0]["tasks"]["surreal_lsp"]["rows"]
    # By hand: the deviation of 40 and 44 is sqrt(8), its error sqrt(8) / sqrt(2) = 2.
    assert udape["scores"]["last"]["All"] == {"mean": 42.0, "error": pytest.approx(2.0), "seeds": 2}
    assert udape["scores"]["label_free"]["All"] == {"mean": 42.5, "error": pytest.approx(0.5), "seeds": 2}
    assert udape["scores"]["by_test_labels"]["Sld"] == {"mean": 45.0, "error": 0.0, "seeds": 2}
    assert mine["scores"]["last"]["All"] == {"mean": 50.0, "error": None, "seeds": 1}
    assert mine["scores"]["label_free"] == mine["scores"]["by_test_labels"] == {}


def test_the_text_shows_published_numbers_and_failures_apart(table: Any) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines() if line[:1] == "|"]
    assert rows[2] == ["udape", "42.0 \u00b1 2.0", "42.5 \u00b1 0.5", "44.0 \u00b1 0.0", "82.0", "2 of 3"]
    assert rows[3] == ["mine", "50.0", "-", "-", "-", "1 of 1"]
    assert "- surreal_lsp, udape, seed 2: loss is nan (`runs/surreal_lsp/udape-2-" in table[1]


def test_the_csv_keeps_published_numbers_in_their_own_column(table: Any) -> None:
    row = next(r for r in table[2] if (r["row"], r["choice"], r["column"]) == ("udape", "last", "All"))
    assert (row["mean"], row["seeds"], row["failed"], row["published"]) == ("42.0", "2", "1", "82.0")
    assert {r["published"] for r in table[2] if r["row"] == "mine"} == {""}


def test_published_averages_are_means_of_their_groups() -> None:
    for groups in published()["surreal_lsp"].values():
        parts = [value for name, value in groups.items() if name != "All"]
        assert not parts or sum(parts) / len(parts) == pytest.approx(groups["All"], abs=0.1)
    assert "synth_lspet" not in published()


def test_a_failure_is_told_by_its_own_line_or_signal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("epoch 1\nactupose fit: data/none: no such store.\nlater noise\n", encoding="utf-8")
    assert failure_reason(2, log) == "data/none: no such store."
    assert "SIGKILL" in failure_reason(-signal.SIGKILL, log)
    log.write_text("Traceback:\n  File x\nValueError: odd\n\n", encoding="utf-8")
    assert failure_reason(1, log) == "ValueError: odd"
    log.write_text("", encoding="utf-8")
    assert failure_reason(7, log) == "exit code 7"

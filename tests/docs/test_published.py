"""Numbers in the documentation are those of the records; `tools/published.py` ties them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docs_index import ROOT
from docs_tools import tool

published = tool("published")


@pytest.mark.parametrize("page", published.pages(), ids=lambda page: page.name)
def test_a_page_says_what_its_records_say(page: Path) -> None:
    assert published.complaints(page) == []


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page beside a record of two rows."""
    monkeypatch.setattr(published, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    record = {"table": [{"what": "a", "images/s": 30.7}, {"what": "b", "images/s": 8}], "machine": "2 cores", "n": 1500}
    (tmp_path / "docs" / "r.json").write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "docs" / "r.jsonl").write_text('{"a": 1}\n{"a": 3, "b": {"c": 77.25}}\n', encoding="utf-8")
    (tmp_path / "docs" / "r.csv").write_text("epoch,val/pck,note\n0,41.5,\n1,43.25,x\n", encoding="utf-8")
    page = tmp_path / "docs" / "p.md"
    page.write_text("# Speed\n\n<!-- table: r.json -->\n\nMore.\n", encoding="utf-8")
    page.write_text(published.with_tables(page.read_text("utf-8")), encoding="utf-8")
    return page


def test_a_table_is_written_from_its_record(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert lines[2:8] == [
        "<!-- table: r.json -->",
        "",
        "| what | images/s |",
        "| ---- | -------: |",
        "| a    |     30.7 |",
        "| b    |        8 |",
    ]
    assert lines[-1] == "More."
    assert published.complaints(page) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("30.7", "31.7", "a table is not its record"),
        ("| b    |        8 |\n", "", "a table is not its record"),
        (
            "More.",
            "On 2 cores 30.8 of 1,500.\n<!-- numbers: r.json -->",
            "30.8 (r.json): the record has no",
        ),
        ("More.", "| x | 1.5 | 2 |\n", "a table of numbers without a record"),
        ("More.", "It takes 12 s.", "12 s: measured?"),
        ("More.", "* It takes seven minutes\n* or 1,200 MiB.", "seven minutes: measured?"),
        ("More.", "PCK rises to 30.7.", "30.7: measured?"),
        ("More.", "8 of b.\n<!-- numbers: r.json#images/s r.jsonl#b -->\n\n8 % of a", "8 %: measured?"),
        ("More.", "On 2 cores.\n<!-- numbers: r.json#images/s r.jsonl -->", "2 (r.json#images/s r.jsonl)"),
    ],
)
def test_what_the_record_does_not_say_is_found(page: Path, old: str, new: str, said: str) -> None:
    text = page.read_text("utf-8")
    assert old in text
    page.write_text(text.replace(old, new), encoding="utf-8")
    assert any(said in line for line in published.complaints(page))


def test_numbers_may_be_rounded(page: Path) -> None:
    good = "On 2 cores 31 or 30.7 of 1,500, `99` aside.\n<!-- numbers: r.json -->"
    page.write_text(page.read_text("utf-8").replace("More.", good), encoding="utf-8")
    assert published.complaints(page) == []


def test_records_of_lines_and_of_columns_are_read_by_key(page: Path) -> None:
    good = "From 41.5 to 43.3 %, or 77 s.\n<!-- numbers: r.csv#val/pck\nr.jsonl#b/c -->"
    page.write_text(page.read_text("utf-8").replace("More.", good), encoding="utf-8")
    assert published.complaints(page) == []


def test_rules_versions_and_code_are_no_measurements(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text("utf-8").replace(
        "More.", "At most 5 %, `12 s`, torch 2.11, 1.5 times, four of 25.\n```\n9 s\n```"
    )
    page.write_text(text, encoding="utf-8")
    assert len(published.complaints(page)) == 1
    monkeypatch.setattr(published, "GIVEN", {"docs/p.md": ["5 %"]})
    assert published.complaints(page) == []


def test_no_exception_is_left_behind() -> None:
    for name, figures in published.GIVEN.items():
        text = (ROOT / name).read_text("utf-8")
        assert [figure for figure in figures if figure not in published.loose_figures(text)] == [], name


def test_the_readme_shows_rows_of_the_results() -> None:
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.count("|") > 8]
    results = (ROOT / "docs" / "results.md").read_text("utf-8").splitlines()
    assert rows
    assert [row for row in rows if row not in results] == []


def test_the_readme_shows_the_times_of_its_run() -> None:
    kept = [published.read(f"results/demo/{run}/scores.json") for run in ("source_only", "actupose")]
    plain, ours = (f"{record['train_seconds']:.0f}" for record in kept)
    wanted = f"training: source-only {plain} s, ACTUPose {ours} s (side by side)"
    assert wanted in (ROOT / "README.md").read_text("utf-8").splitlines()

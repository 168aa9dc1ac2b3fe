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


def test_the_readme_shows_rows_of_the_results() -> None:
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.count("|") > 8]
    results = (ROOT / "docs" / "results.md").read_text("utf-8").splitlines()
    assert rows
    assert [row for row in rows if row not in results] == []

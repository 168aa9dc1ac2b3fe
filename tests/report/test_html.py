"""The page of `actupose report` in a real browser: whole, silent, without a network, by keyboard, light and dark."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from actupose.data.store import open_store
from actupose.report.html import inline_svg, report_html
from actupose.report.run_figures import write_run_figures
from actupose.report.runs import read_runs
from commands.conftest import TinyRun, tiny_run
from commands.test_report_verb import write_run

__all__ = ["tiny_run"]


@pytest.fixture(scope="module")
def page_file(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    other = write_run(root / "a<b>&'c'")
    record = {"epoch": 0, "net": "student", "all": 5.0, "used": 9.0, "used_share": 50.0}
    (other / "pseudo_labels.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    line = {"epoch": 0, "net": "student", "agreement": 40.0, "flip": 30.0}
    (other / "validators.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    (other / "scores.jsonl").write_text(json.dumps({"epoch": 0, "net": "student", "student/pck/All": 12.0}) + "\n")
    run = shutil.copytree(tiny_run.folder, root / "run")
    store = {part: open_store(tiny_run.folder.parent / part).rows["name"] for part in ("source", "target")}
    pose = {"points": [[0.1 * (i % 9), 0.06 * i] for i in range(14)], "used": [1] * 14}
    pairs = [{"distance": 0.01 * i, **{p: {"name": store[p][i], **pose} for p in store}} for i in range(4)]
    (run / "pairs.json").write_text(json.dumps({"compared": 9999, "found": 4, "gamma": 0.12, "pairs": pairs}))
    runs = read_runs([run, other])
    file = root / "r.html"
    file.write_text(report_html(runs, write_run_figures(runs, root / "figures")), encoding="utf-8")
    return file


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    """The opened page; anything it asks for or complains of fails the test."""
    opened = browser.new_page(color_scheme="dark")
    noise: list[str] = []
    opened.on("console", lambda message: noise.append(message.text))
    opened.on("pageerror", lambda error: noise.append(str(error)))
    opened.on("request", lambda request: noise.append(request.url) if not request.url.startswith("file:") else None)
    opened.goto(page_file.as_uri())
    yield opened
    opened.close()
    assert not noise


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_tables_and_figures_are_there(page: Page) -> None:
    assert page.locator("#table1 ~ .wide table").first.locator("tr.ours th").all_inner_texts() == ["a<b>&'c'", "run"]
    shown = page.get_by_role("img")
    assert shown.count() == page.locator("figure").count() >= 9
    assert all(image.get_attribute("aria-label") for image in shown.all())
    for kind in ("complexity", "cases", "moves", "pseudo_labels", "pairs", "validators"):
        assert page.locator(f"#{kind} + p + figure").count() == 1, kind
    assert page.locator("#pairs + p + figure image").count() == 8
    assert "4 of 9,999 pairs are nearer than 0.12" in page.locator("#pairs + p + figure figcaption").inner_text()
    names = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(names)) == len(names)
    for link in page.locator("nav a").all():
        assert page.locator(str(link.get_attribute("href"))).count() == 1
    assert page.locator("dd code").count() == 2


def test_the_keyboard_reaches_colours_and_numbers(page: Page) -> None:
    assert ground(page) == "rgb(20, 23, 26)"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#theme").inner_text() == "Colours: light"
    assert ground(page) == "rgb(255, 255, 255)"
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.tagName"))
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Space")
            break
    assert {"A", "DIV", "SUMMARY"} <= seen
    assert page.locator("details[open] table").count() == 1
    page.emulate_media(color_scheme="light")


def test_figures_are_saved_as_they_look(page: Page, tmp_path: Path) -> None:
    """By keyboard too; the drawing has the page's colours and needs no page."""
    figure = page.locator("#cases + p + figure")
    for kind, start in (("PNG", b"\x89PNG"), ("CSV", b"case,picture,run"), ("SVG", b"<svg")):
        link = figure.locator(".files > *").filter(has_text=kind)
        link.focus()
        with page.expect_download() as waiting:
            page.keyboard.press("Enter")
        assert waiting.value.suggested_filename == f"cases_hardest.{kind.lower()}"
        waiting.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(start)
    drawing = (tmp_path / "SVG").read_text(encoding="utf-8")
    assert "var(--" not in drawing
    assert "rgb(236, 239, 241)" in drawing
    assert "data:image/jpeg" in drawing


def test_it_follows_the_systems_light(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    assert ground(page) == "rgb(255, 255, 255)"


def test_absent_data_are_said_in_a_line(tmp_path: Path) -> None:
    text = report_html(read_runs([write_run(tmp_path / "run")]), [])
    files = ["curriculum.jsonl", "curriculum.jsonl with moves", "metrics.csv", "validators.jsonl", "scores per bin"]
    files += ["predictions.npz", "complexity.json", "pseudo_labels.jsonl", "pairs.json"]
    for file in files:
        assert re.search(rf'class="missing">No run has (a )?{file}', text)
    assert 'class="missing">No runs differ in a single setting' in text
    assert text.count('class="missing"') == len(files) + 1


def test_a_drawing_takes_the_pages_colours_and_names_of_its_own() -> None:
    drawing = (
        '<?xml?><svg><style>*{}</style><g id="a" style="fill: #1A1A1A"/><use href="#a" style="stroke: #5f6368"/></svg>'
    )
    found = inline_svg(drawing, "f1", 'a "b"')
    assert found == (
        '<svg role="img" aria-label="a &#34;b&#34;"><g id="f1-a" style="fill: var(--ink)"/>'
        '<use href="#f1-a" style="stroke: var(--muted)"/></svg>'
    )

"""Finished runs as one HTML file that opens without a network."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from actupose.report.canvas import BLUE, GRID, INK, MUTED
from actupose.report.paper_tables import TASKS, joint_table, task_table
from actupose.report.run_figures import MOST_SINGLE
from actupose.report.runs import FinishedRun, repeat_facts, run_facts, run_scores
from actupose.report.written import RunFigure

# What a drawing's colours become in the page, so that it follows light and dark.
_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", BLUE: "var(--blue)", "#000000": "var(--ink)"}
_MARK = "**"
_PHOTOS = {"cases", "pairs"}
_QUALITY = 88
_SHOWN_ROWS = 600  # more numbers stand in the CSV alone
_TASK = "surreal_lsp"


@dataclass(frozen=True)
class _Shown:
    """A figure as the page holds it; ``downloads`` are name of the kind, of the file, and the file itself."""

    caption: str
    picture: Markup
    downloads: list[tuple[str, str, str]]
    rows: list[list[str]]


@dataclass(frozen=True)
class _Section:
    """A section of figures; ``missing`` is said in their place where there are none."""

    kind: str
    title: str
    text: str
    missing: str
    figures: list[_Shown] = field(default_factory=list)


_SECTIONS = (
    _Section(
        "complexity",
        "Complexity bins",
        "Are hard bins more diverse? The angular difference (Eq. 7) of random pairs of source poses of a bin: median, "
        "quartiles, 5th and 95th percentile, the mean as a dot (the paper's Fig. 3).",
        "No run has a complexity.json; a curriculum that ranks poses writes it.",
    ),
    _Section(
        "cases",
        "Single pictures",
        "Labels and every run's headline network on the target's test pictures (the paper's Fig. 8), PCK@0.05 and "
        "EvalPose below.",
        "No run has a predictions.npz whose test pictures are still where the run found them; run actupose test again.",
    ),
    _Section(
        "curriculum",
        "Curriculum",
        "How many samples of each bin of pose complexity an epoch trains on (the paper's Fig. 5).",
        "No run has a curriculum.jsonl.",
    ),
    _Section(
        "moves",
        "Moves between bins",
        "How re-ranking by active scores after an epoch (Eq. 4) moves source poses between bins (the paper's Fig. 6).",
        "No run has a curriculum.jsonl with moves; the curricula active and self_paced write them.",
    ),
    _Section(
        "bins",
        "PCK by pose complexity",
        "The target's test poses in bins of equal count, easiest first (the paper's Fig. 9).",
        "No run has scores per bin; they need a training with data.target_test.",
    ),
    _Section(
        "ablations",
        "Single settings",
        "Runs that are equal but for one setting and the seed, e.g. those of a suite (the paper's Fig. 10).",
        "No runs differ in a single setting alone.",
    ),
    _Section("losses", "Losses", "Every loss term at its own scale.", "No run has a metrics.csv."),
    _Section(
        "pseudo_labels",
        "Pseudo-labels",
        "How many predictions on target training pictures are right, by their labels: to look at, never to train or "
        "choose by.",
        "No run has a pseudo_labels.jsonl; a training with eval_pseudo_labels writes it.",
    ),
    _Section(
        "pairs",
        "Pairs across domains",
        "Pictures that the cross-domain loss would pull together (Eq. 6 and 7), with the predicted keypoints it uses.",
        "No run has a pairs.json with pairs whose pictures are still where the run found them; ACTUPose writes it.",
    ),
    _Section(
        "validators",
        "Label-free validators",
        "Scores that read no target label. Where the run kept them, the labelled scores stand last: to judge the "
        "validators by, never to choose.",
        "No run has a validators.jsonl.",
    ),
)


def report_html(runs: Sequence[FinishedRun], figures: Sequence[RunFigure]) -> str:
    """The page: tables, figures, settings and commands; styles, script and pictures are inside it.

    Args:
        runs: from `read_runs`.
        figures: from `write_run_figures`.
    """
    shown = [(figure.kind, _shown(figure, f"f{i}")) for i, figure in enumerate(figures)]
    sections = [
        _Section(s.kind, s.title, s.text, _missing(s, len(runs)), [f for kind, f in shown if kind == s.kind])
        for s in _SECTIONS
    ]
    environment = Environment(
        loader=PackageLoader("actupose.report", "page"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["headline"] = _headline
    return environment.get_template("page.html").render(
        runs=runs,
        scores=run_scores(runs, _MARK),
        task=TASKS[_TASK],
        table1=joint_table(runs, _TASK),
        table2=task_table(runs),
        sections=sections,
        facts=run_facts(runs),
        repeat=[(run, repeat_facts(run)) for run in runs],
        style=_asset("style.css"),
        script=_asset("script.js"),
    )


def _missing(section: _Section, runs: int) -> str:
    """What is said where a section has no figure."""
    if runs > MOST_SINGLE and section.kind not in ("cases", "ablations"):
        return f"Left out for more than {MOST_SINGLE} runs; name fewer to see it."
    return section.missing


def inline_svg(svg: str, prefix: str, alt: str) -> Markup:
    """A drawing of matplotlib as an element of a page.

    Its names become unique, its white ground transparent, and its greys and blue those of the page.

    Args:
        svg: the file's text.
        prefix: of every name.
        alt: said in place of the picture.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"fill: #ffffff", "fill: none", text)
    for colour, name in _COLOURS.items():
        text = re.sub(rf"(fill|stroke): {colour}", rf"\1: {name}", text, flags=re.IGNORECASE)
    opening = f'<svg role="img" aria-label="{escape(alt)}"'
    return Markup(text.replace("<svg", opening, 1))


def with_jpegs(svg: str) -> str:
    """A drawing whose PNG pictures have become JPEG: an eighth of the bytes for photographs."""

    def smaller(match: re.Match[str]) -> str:
        """The same picture as JPEG."""
        with Image.open(io.BytesIO(base64.b64decode(match[1]))) as image:
            held = io.BytesIO()
            image.convert("RGB").save(held, "JPEG", quality=_QUALITY)
        return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"

    return re.sub(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", smaller, svg)


def _shown(figure: RunFigure, prefix: str) -> _Shown:
    text = figure.csv.read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    drawing = figure.svg.read_text(encoding="utf-8")
    if figure.kind in _PHOTOS:
        drawing = with_jpegs(drawing)
    files = (("PNG", figure.png, "image/png"), ("CSV", figure.csv, "text/csv"))
    return _Shown(
        figure.caption,
        inline_svg(drawing, prefix, figure.alt),
        [(kind, file.name, _data_url(file, media)) for kind, file, media in files],
        [[_rounded(cell) for cell in row] for row in rows[: _SHOWN_ROWS + 1]],
    )


def _data_url(file: Path, media: str) -> str:
    return f"data:{media};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _rounded(cell: str) -> str:
    """A number at five digits, other cells as they are."""
    return f"{float(cell):.5g}" if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", cell) else cell


def _headline(name: str) -> Markup:
    """A marked name in bold."""
    if name.startswith(_MARK) and name.endswith(_MARK):
        return Markup("<strong>{}</strong>").format(name.removeprefix(_MARK).removesuffix(_MARK))
    return escape(name)


def _asset(name: str) -> Markup:
    """A style or script of ours, as it is."""
    return Markup(Path(str(resources.files("actupose.report") / "page" / name)).read_text(encoding="utf-8"))

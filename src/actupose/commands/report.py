"""`actupose report`: finished runs in one Markdown table or one HTML page, with their figures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from actupose.report.runs import FinishedRun


def run(args: list[str]) -> None:
    """Print or write the report of finished runs.

    Args:
        args: the verb's arguments.
    """
    parsed = parse(_parser(), args)
    _refuse_used(parsed.out, parsed.html, parsed.study, parsed.figures, overwrite=parsed.overwrite)
    if parsed.study is None and (parsed.against is not None or parsed.nets != "all"):
        raise UserError("--against and --nets are of a study's table; name its file with --study FILE.json.")

    from actupose.report.runs import named_folder, read_runs, runs_markdown

    folders, names = zip(*map(named_folder, parsed.runs), strict=True)
    runs = read_runs(folders, names)
    runs_text = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    if parsed.study is not None:
        _write_study(runs, parsed.study, parsed.against, headline_only=parsed.nets == "headline")
    with _figures_folder(parsed.figures, wanted=parsed.html is not None) as folder:
        figures = []
        if folder is not None:
            from actupose.report.run_figures import write_run_figures

            figures = write_run_figures(runs, Path(folder))
        if parsed.html is not None:
            from actupose.report.html import report_html

            _write(parsed.html, report_html(runs, figures), "--html")
            print(f"{parsed.html}: page of {runs_text}")
    if parsed.out is None and (parsed.html is not None or parsed.study is not None):
        return
    base = Path() if parsed.out is None else parsed.out.parent
    kept = [] if parsed.figures is None else figures
    text = runs_markdown(runs, [Path(os.path.relpath(figure.png, base)).as_posix() for figure in kept])
    if parsed.out is None:
        print(text, end="")
        return
    _write(parsed.out, text, "--out")
    print(f"{parsed.out}: report of {runs_text}" + (f", {len(kept)} figures" if kept else ""))


def _parser() -> ArgumentParser:
    parser = verb_parser("report", "One Markdown table or HTML page of finished runs, with what repeats them.")
    parser.add_argument("runs", type=Path, nargs="+", help="run folders that `actupose fit` finished, or NAME=FOLDER")
    parser.add_argument("--out", type=Path | None, default=None, help="write the Markdown here instead of printing it")
    parser.add_argument("--html", type=Path | None, default=None, help="write one HTML file that needs no network")
    parser.add_argument(
        "--figures", type=Path | None, default=None, help="folder for the runs' figures (PNG, SVG and CSV)"
    )
    parser.add_argument(
        "--study",
        type=Path | None,
        default=None,
        help="write the table of a study: FILE.json, with FILE.md and FILE.csv",
    )
    parser.add_argument(
        "--against",
        type=str | None,
        default=None,
        help="name of the run that a study compares with; without it the first",
    )
    parser.add_argument(
        "--nets", type=Literal["all", "headline"], default="all", help="networks of each run that a study has a row for"
    )
    parser.add_argument("--overwrite", type=bool, default=False, help="replace an earlier report and its figures")
    return parser


def _write_study(runs: Sequence[FinishedRun], file: Path, against: str | None, *, headline_only: bool) -> None:
    from actupose.report.study import study_table, write_study

    told = study_table(runs, runs[0].name if against is None else against, headline_only=headline_only)
    print(write_study(told, file), end="")


def _figures_folder(figures: Path | None, *, wanted: bool) -> AbstractContextManager[Path | str | None]:
    """Where figures go: the user's folder, a passing one for a page alone, or nowhere."""
    if figures is None and wanted:
        return tempfile.TemporaryDirectory(prefix="actupose-report-")
    return nullcontext(figures)


def _refuse_used(
    out: Path | None, html: Path | None, study: Path | None, figures: Path | None, *, overwrite: bool
) -> None:
    if study is not None and study.suffix != ".json":
        raise UserError(f"{study}: a study's table is a .json file (.md and .csv beside it); name --study FILE.json.")
    beside = [] if study is None else [study, study.with_suffix(".md"), study.with_suffix(".csv")]
    for option, file in (("--out", out), ("--html", html), *(("--study", file) for file in beside)):
        if file is not None and (file.is_dir() or (file.exists() and not overwrite)):
            raise UserError(f"{file}: exists already; name another {option}, or replace it with --overwrite true.")
    if figures is None:
        return
    if figures.exists() and not figures.is_dir():
        raise UserError(f"{figures}: is a file, not a folder; name another --figures.")
    if figures.is_dir() and any(figures.iterdir()) and not overwrite:
        raise UserError(f"{figures}: holds files; name an empty or new --figures, or use --overwrite true.")


def _write(out: Path, text: str, option: str) -> None:
    temporary = out.with_name(f"{out.name}.tmp{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror or error}); name another {option}.") from error

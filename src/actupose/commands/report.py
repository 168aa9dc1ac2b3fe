"""`actupose report`: finished runs in one Markdown table, with their figures."""

from __future__ import annotations

import os
from pathlib import Path

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError


def run(args: list[str]) -> None:
    """Print or write the report of finished runs.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("report", "One Markdown table of finished runs, with what repeats them.")
    parser.add_argument("runs", type=Path, nargs="+", help="run folders that `actupose fit` finished")
    parser.add_argument("--out", type=Path | None, default=None, help="write the Markdown here instead of printing it")
    parser.add_argument("--figures", type=Path | None, default=None, help="folder for the runs' figures (PNG)")
    parser.add_argument("--overwrite", type=bool, default=False, help="replace an earlier report and its figures")
    parsed = parse(parser, args)
    _refuse_used(parsed.out, parsed.figures, overwrite=parsed.overwrite)

    from actupose.report.runs import read_runs, runs_markdown, write_run_figures

    runs = read_runs(parsed.runs)
    figures = [] if parsed.figures is None else write_run_figures(runs, parsed.figures)
    base = Path() if parsed.out is None else parsed.out.parent
    text = runs_markdown(runs, [Path(os.path.relpath(file, base)).as_posix() for file in figures])
    if parsed.out is None:
        print(text, end="")
        return
    _write(parsed.out, text)
    runs_text = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"{parsed.out}: report of {runs_text}" + (f", {len(figures)} figures" if figures else ""))


def _refuse_used(out: Path | None, figures: Path | None, *, overwrite: bool) -> None:
    if out is not None and (out.is_dir() or (out.exists() and not overwrite)):
        raise UserError(f"{out}: exists already; name another --out, or replace it with --overwrite true.")
    if figures is None:
        return
    if figures.exists() and not figures.is_dir():
        raise UserError(f"{figures}: is a file, not a folder; name another --figures.")
    if figures.is_dir() and any(figures.iterdir()) and not overwrite:
        raise UserError(f"{figures}: holds files; name an empty or new --figures, or use --overwrite true.")


def _write(out: Path, text: str) -> None:
    temporary = out.with_name(f"{out.name}.tmp{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror or error}); name another --out.") from error

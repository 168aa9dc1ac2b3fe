"""The numbers of the documentation: tables are written from records, numbers in prose are looked up in them.

A line of Markdown that a reader does not see ties a text to a record below ``docs/``:

``<!-- table: results/FILE.json -->``, then the table: it is the list ``table`` of the record, one flat object a row,
keys as headings, values as they stand (the record rounds). ``<!-- table: FILE KEY -->`` takes another list of it.

``<!-- numbers: results/FILE.json -->`` behind a paragraph: every number in it, but for those in backticks, is a number
of the record, rounded as it is printed. Several files may be named, of JSON, JSON lines or CSV. ``FILE#TEXT`` takes the
numbers under keys with TEXT in their path alone (``scores.json#teacher/pck``): a record of hundreds has any number.

    python tools/published.py          # writes all tables anew, complains about numbers in prose
    python tools/published.py --check  # writes nothing, complains about tables too

A table with two numbers in a row must have such a line; rows of scores (``PCK@0.05``) have a test of their own. So must
a paragraph with a figure that looks measured (``FIGURE``), but for those in ``GIVEN``, which nobody measured.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"^<!-- table: (\S+)(?: (\S+))? -->\n(?:\n*((?:\|.*\n)+))?", re.MULTILINE)
_PROSE = re.compile(r"((?:^(?!\||<!--).+\n)+)<!-- numbers: ([^>]+?) -->", re.MULTILINE)
_CODE = re.compile(r"```.*?```", re.DOTALL)
_QUOTED = re.compile(r"`[^`]*`|\]\([^)]*\)")
_SCORES = re.compile(r"^\| PCK@.*\n(?:\|.*\n)+", re.MULTILINE)
_ANY_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.@])\d[\d,]*(?:\.\d+)?(?!\w)")

# What a measurement looks like: a time, a memory, a speed, a share, a length, a difference, or a score (30.7).
_COUNT = r"\d+(?:,\d{3})*(?:\.\d+)?|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty"
_UNIT = r"s|ms|mm|(?:CPU )?(?:second|minute|hour)s?|images(?:/s| a second)|[KMG]i?B|%|percent|points?"
FIGURE = re.compile(
    rf"(?<![\w.@-])(?:(?:{_COUNT}) (?:{_UNIT})(?!\w)|an? (?:minute|hour)(?!\w)|\d{{2,}}\.\d+(?!\w|\.\d))"
)
# Figures that look so and are rules, settings, arithmetic or of the paper.
GIVEN = {
    "docs/app.md": ["15 minutes"],  # how long the page keeps uploads
    "docs/cli.md": ["40 %", "a minute"],  # the rule of `data.loader.cache: auto`; uploads a minute
    "docs/data.md": ["5 %"],  # the rule on unusable items
    "docs/label_free.md": ["95 %"],  # the bootstrap's level
    "docs/methods/udape.md": ["5 %"],  # the published views
    "docs/own_skeleton.md": ["5 %"],  # PCK@0.05 in words
    "docs/performance.md": ["5 %"],  # the aim for decoding
    "docs/predict.md": ["5 %"],  # the rule on skipped pictures
    "docs/synth.md": ["4 mm", "0.5 mm"],  # how far fingers may intersect; the bound of a test
    "docs/training.md": ["3.7 GiB", "40 %"],  # bytes of 20,000 pictures; the rule of `cache: auto`
}


def pages() -> list[Path]:
    """All pages that hold numbers: the documentation and the README."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read(name: str) -> Any:  # noqa: ANN401 - JSON
    """A record by its path below ``docs/``; JSON lines and CSV are lists of rows."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    if name.endswith(".csv"):
        return list(csv.DictReader(text.splitlines()))
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; columns of numbers stand to the right."""
    columns = list(rows[0])
    cells = [[str(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, (name, *column))) for name, column in zip(columns, zip(*cells, strict=True), strict=True)]
    right = [all(isinstance(row[column], int | float) for row in rows) for column in columns]

    def line(texts: Sequence[str]) -> str:
        padded = (t.rjust(w) if r else t.ljust(w) for t, w, r in zip(texts, widths, right, strict=True))
        return f"| {' | '.join(padded)} |\n"

    rule = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right, strict=True)]
    return line(columns) + line(rule) + "".join(map(line, cells))


def with_tables(text: str) -> str:
    """A page with every tied table as its record says."""

    def written(found: re.Match[str]) -> str:
        name, key, _ = found.groups()
        return f"<!-- table: {name}{f' {key}' if key else ''} -->\n\n{table(read(name)[key or 'table'])}"

    return _TABLE.sub(written, text)


def numbers(record: object, only: str = "", path: str = "") -> Iterator[float]:
    """Numbers of a record under keys with ``only`` in their path, those inside its texts too."""
    if isinstance(record, Mapping):
        for key, part in record.items():
            yield from numbers(part, only, f"{path}/{key}")
    elif isinstance(record, list):
        for part in record:
            yield from numbers(part, only, path)
    elif only in path and isinstance(record, int | float | str) and not isinstance(record, bool):
        yield from (float(found.replace(",", "")) for found in _NUMBER.findall(str(record)))


def is_in(printed: str, known: Sequence[float]) -> bool:
    """Whether a printed number is one of the known ones, rounded to its decimals."""
    decimals = len(printed.partition(".")[2])
    value = float(printed.replace(",", ""))
    return any(abs(number - value) <= 0.5 * 10**-decimals + 1e-9 for number in known)


def unknown_numbers(text: str) -> list[str]:
    """Numbers in tied paragraphs that their records do not have."""
    found = []
    for paragraph, names in _PROSE.findall(text):
        ties = [name.partition("#") for name in names.split()]
        known = [number for file, _, only in ties for number in numbers(read(file), only)]
        plain = _QUOTED.sub(" ", paragraph)
        found += [f"{n} ({names})" for n in _NUMBER.findall(plain) if not is_in(n, known)]
    return found


def loose_figures(text: str, given: Sequence[str] = ()) -> list[str]:
    """Figures that look measured, in paragraphs that no record stands behind."""
    for tied in (_CODE, _TABLE, _PROSE, _SCORES, _QUOTED):
        text = tied.sub(" ", text)
    return [figure for figure in FIGURE.findall(text) if figure not in given]


def loose_tables(text: str) -> list[str]:
    """First lines of tables with two numbers in a row that no record stands behind."""
    tied = {found[3] for found in _TABLE.finditer(text)}
    loose = []
    for found in _ANY_TABLE.findall(text):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in found.splitlines()]
        measured = any(sum(bool(re.fullmatch(r"[\d.,]+( \S+)?", cell)) for cell in row) >= 2 for row in rows)
        if measured and found not in tied and not rows[0][0].startswith("PCK@"):
            loose.append(found.splitlines()[0])
    return loose


def complaints(page: Path) -> list[str]:
    """What a page says that no record does."""
    text = page.read_text(encoding="utf-8")
    here = page.relative_to(ROOT).as_posix()
    found = [f"{here}: {number}: the record has no such number" for number in unknown_numbers(text)]
    found += [
        f"{here}: {line}: a table of numbers without a record; see tools/published.py" for line in loose_tables(text)
    ]
    found += [
        f"{here}: {figure}: measured? Tie it to its record; see tools/published.py"
        for figure in loose_figures(text, GIVEN.get(here, []))
    ]
    if with_tables(text) != text:
        found.append(f"{here}: a table is not its record; run python tools/published.py")
    return found


def main() -> int:
    """Write or check; 1 = something is wrong."""
    if "--check" not in sys.argv[1:]:
        for page in pages():
            text = page.read_text(encoding="utf-8")
            if (written := with_tables(text)) != text:
                page.write_text(written, encoding="utf-8")
    found = [line for page in pages() for line in complaints(page)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

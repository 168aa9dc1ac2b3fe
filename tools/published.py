"""The numbers of the documentation: tables are written from records, numbers in prose are looked up in them.

A line of Markdown that a reader does not see ties a text to a record below ``docs/``:

``<!-- table: results/FILE.json -->``, then the table: it is the list ``table`` of the record, one flat object a row,
keys as headings, values as they stand (the record rounds). ``<!-- table: FILE KEY -->`` takes another list of it.

``<!-- numbers: results/FILE.json -->`` behind a paragraph: every number in it, but for those in backticks, is a number
of the record, rounded as it is printed. Several files may be named.

    python tools/published.py          # writes all tables anew, complains about numbers in prose
    python tools/published.py --check  # writes nothing, complains about tables too

A table with two numbers in a row must have such a line; rows of scores (``PCK@0.05``) have a test of their own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"^<!-- table: (\S+)(?: (\S+))? -->\n(?:\n*((?:\|.*\n)+))?", re.MULTILINE)
_PROSE = re.compile(r"((?:^(?!\||<!--).+\n)+)<!-- numbers: (.+?) -->", re.MULTILINE)
_ANY_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.@])\d[\d,]*(?:\.\d+)?(?!\w)")


def pages() -> list[Path]:
    """All pages that hold numbers: the documentation and the README."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read(name: str) -> Any:  # noqa: ANN401 - JSON
    """A record by its path below ``docs/``."""
    return json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))


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


def numbers(record: object) -> Iterator[float]:
    """All numbers of a record, those inside its texts too."""
    if isinstance(record, bool) or record is None:
        return
    if isinstance(record, int | float):
        yield float(record)
    elif isinstance(record, str):
        yield from (float(found.replace(",", "")) for found in _NUMBER.findall(record))
    else:
        for part in record.values() if isinstance(record, Mapping) else record:  # type: ignore[attr-defined]
            yield from numbers(part)


def is_in(printed: str, known: Sequence[float]) -> bool:
    """Whether a printed number is one of the known ones, rounded to its decimals."""
    decimals = len(printed.partition(".")[2])
    value = float(printed.replace(",", ""))
    return any(abs(number - value) <= 0.5 * 10**-decimals + 1e-9 for number in known)


def unknown_numbers(text: str) -> list[str]:
    """Numbers in tied paragraphs that their records do not have."""
    found = []
    for paragraph, names in _PROSE.findall(text):
        known = [number for name in names.split() for number in numbers(read(name))]
        plain = re.sub(r"`[^`]*`|\]\([^)]*\)", " ", paragraph)
        found += [f"{n} ({names})" for n in _NUMBER.findall(plain) if not is_in(n, known)]
    return found


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

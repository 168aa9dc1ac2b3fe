"""Hook of MkDocs: shows a notebook of examples/notebooks/ on a page, text and code, without outputs.

A page asks for one with ``<!-- notebook: NAME -->``. Notebooks are kept without outputs, and a test runs them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "notebooks"
_ASKED = re.compile(r"<!-- notebook: (\w+) -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace every request by the notebook's cells; MkDocs calls it."""
    return _ASKED.sub(lambda asked: cells_markdown(FOLDER / f"{asked[1]}.ipynb"), markdown)


def cells_markdown(notebook: Path) -> str:
    """A notebook's cells as Markdown."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts)

"""The notebooks run from top to bottom, are kept without outputs, and each has its page."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiny_stores import REPO_ROOT

NOTEBOOKS = sorted((REPO_ROOT / "examples" / "notebooks").glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    """Through nbmake in a process of its own, with one thread; what a cell complains of is in the message."""
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=280", "-p", "no:cacheprovider", "-q"]
    ours = [str(REPO_ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(ours)}
    environment |= {"IPYTHONDIR": str(tmp_path / "ipython"), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    where = [str(notebook), "-c", os.devnull, f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [*command, *where], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_it_is_kept_without_outputs(notebook: Path) -> None:
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None]


def test_each_has_a_page_that_shows_all_of_it() -> None:
    spec = importlib.util.spec_from_file_location("notebook_pages", REPO_ROOT / "tools" / "notebook_pages.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    pages = {page.stem: page for page in (REPO_ROOT / "docs" / "notebooks").glob("*.md")}
    assert sorted(pages) == [notebook.stem for notebook in NOTEBOOKS]
    for notebook in NOTEBOOKS:
        shown = hook.on_page_markdown(pages[notebook.stem].read_text(encoding="utf-8"))
        assert all("".join(cell["source"]) in shown for cell in cells(notebook))
        assert "<!-- notebook" not in shown

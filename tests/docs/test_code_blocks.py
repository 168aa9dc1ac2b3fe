"""Every block of commands or Python in the pages runs, on tiny data, or says beside it why it does not.

A block that is not run has a comment before it, ``<!-- not run: REASON -->``. All others are run in order in a folder
that holds what the page takes for granted (`docs_workspace`). Commands get sizes of a test after their own.
"""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docs_index import DOCS, FENCE, ROOT
from docs_workspace import SHARED, write_template

from actupose.cli import main
from commands.conftest import TinyRun, tiny_run
from tiny_stores import Stores

__all__ = ["tiny_run"]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
MARKED = re.compile(r"<!-- not run: ([^>]{10,}?) -->\n+```(?:bash|python)\n.*?^```$", re.MULTILINE | re.DOTALL)
RUNNABLE = ("bash", "python")
INSTALLING = ("pip", "make")  # the environment is there already; `make test` is what runs this
TINY = {
    "synth": "--num 3 --workers 0 --render.size 64 --render.supersample 1",
    "prepare": "--workers 0 --size 64",
    "inspect": "--images 8",
    "fit": "--data.size 64 --data.loader.batch_size 2 --data.loader.iterations 2 --data.pose_vae.epochs 2 "
    "--data.curriculum.n_bins 2 --data.validation_share 0.2 --label_free.images 12 --trainer.max_epochs 2 "
    "--trainer.accelerator cpu --model.net.backbone test_efficientnet --model.net.weights random --model.net.head fpn "
    "--model.net.width 8 --model.schedule.milestones [1] --model.schedule.adapt_from 1",
    "export": "--format onnx",
    "style": "--size 64 --steps 1 --batch_size 2 --encoder lite0",
}
SMALLER = {"--data.closed_loop.budget": "2", "--data.closed_loop.every": "1", "--data.labelled_target.num": "1"}


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and text of the blocks that are run."""
    return [(kind, body) for kind, body in FENCE.findall(MARKED.sub("", text)) if kind in RUNNABLE]


def command_lines(body: str) -> list[list[str]]:
    """Words of each command of a shell block."""
    lines = (re.sub(r"\s+#.*$", "", line).strip() for line in body.replace("\\\n", " ").splitlines())
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def outputs(words: list[str]) -> list[Path]:
    """Files and folders that a command writes."""
    found = [Path(words[i + 1]) for i, word in enumerate(words) if word in ("--out", "--html", "--figures", "--sheet")]
    if words[1:2] == ["synth"]:
        found.append(Path(words[2]))
    if words[1:2] == ["prepare"]:
        found.append(Path(words[4]))
    return found


def run_command(words: list[str]) -> None:
    program = words[0].removeprefix(".venv/bin/")
    for path in outputs(words):
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
    if program == "actupose":
        args = [*words[1:], *TINY.get(words[1], "").split()]
        for option, value in SMALLER.items():
            args += [option, value] if option in words else []
        assert code_of(main, args) == 0, words
    elif program == "python":
        tiny = ["--num", "12"] if words[1].endswith("render.py") else []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [*words[1:], *tiny])
            patch.syspath_prepend(str(Path(words[1]).resolve().parent))  # as Python does for a script
            assert code_of(runpy.run_path, words[1], run_name="__main__") in (0, None), words
    else:
        assert program in INSTALLING, words


def code_of(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What a program ends with, by return or by exit."""
    try:
        result = function(*args, **named)
    except SystemExit as stop:
        return stop.code
    return result if isinstance(result, int) else None


@pytest.fixture(scope="session")
def template(stores: Stores, tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template")
    write_template(root, stores, tiny_run)
    return root


@pytest.fixture
def workspace(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "work"
    shutil.copytree(template, root)
    for name in SHARED:
        (root / name).symlink_to(ROOT / name)
    monkeypatch.chdir(root)
    return root


@pytest.mark.usefixtures("workspace")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("file", [f for f in FILES if blocks(f.read_text("utf-8"))], ids=lambda f: f.stem)
def test_the_blocks_of_a_page_run(file: Path) -> None:
    for kind, body in blocks(file.read_text("utf-8")):
        if kind == "python":
            exec(compile(body, file.name, "exec"), {"__name__": "block"})
        else:
            for words in command_lines(body):
                run_command(words)


def test_every_block_names_its_language() -> None:
    found = [(file.name, *block) for file in FILES for block in FENCE.findall(file.read_text("utf-8"))]
    assert not [f"{name}: {body[:60]}" for name, kind, body in found if not kind]


def test_a_block_that_is_not_run_says_why() -> None:
    reasons = [reason for file in FILES for reason in MARKED.findall(file.read_text("utf-8"))]
    markers = [m for file in FILES for m in re.findall(r"^<!-- not run.*$", file.read_text("utf-8"), re.MULTILINE)]
    assert len(markers) == len(reasons)
    assert len(reasons) <= 12

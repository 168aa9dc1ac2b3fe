"""A configuration cannot make the program import what it was not written to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.runs import fit_args, run
from tiny_stores import REPO_ROOT, Stores

# Imported in another process than this one: the mark is what foreign code would do.
FOREIGN = """
from pathlib import Path
from lightning.pytorch.callbacks import Callback
Path(__file__).with_suffix(".mark").touch()
class Mine(Callback): ...
def call(*_): ...
"""
CALLBACK = {"trainer": {"callbacks": [{"class_path": "foreign.Mine"}]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "foreign.py").write_text(FOREIGN, encoding="utf-8")
    return tmp_path


def say(folder: Path, args: list[str]) -> tuple[int, str]:
    """Exit code and last line of a verb of its own process, in whose path the foreign module is."""
    path = os.pathsep.join([str(REPO_ROOT / "src"), str(folder)])
    command = [sys.executable, "-m", "actupose", *args]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def imported(folder: Path) -> bool:
    return (folder / "foreign.mark").exists()


LAMBDA = {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {"on_fit_start": "foreign.call"}}


@pytest.mark.parametrize(
    ("content", "key", "name"),
    [
        (CALLBACK, "trainer.callbacks", "foreign.Mine"),
        ({"trainer": {"callbacks": [LAMBDA]}}, "trainer.callbacks.on_fit_start", "foreign.call"),
        ({"trainer": {"logger": "foreign.Mine"}}, "trainer.logger", "foreign.Mine"),
        ({"model": {"class_path": "foreign.Mine"}}, "model", "foreign.Mine"),
    ],
)
def test_a_file_that_names_foreign_code_is_refused(
    content: dict[str, Any], key: str, name: str, folder: Path, stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "theirs.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        assert run(fit_args("actupose", stores, folder / "run", "--config", file)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"{key}: '{name}' is of a package that configs may not name" in lines[0]
    assert lines[0].endswith("add --trust.")
    assert not imported(folder)
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "option",
    [
        "--trainer.callbacks+=foreign.Mine",
        "--trainer.callbacks.class_path=foreign.Mine",
        "--model.help=foreign.Mine",
        '--trainer={"logger": {"class_path": "foreign.Mine"}}',
        "--trainer.callbacks+=lightning.pytorch.callbacks.model_checkpoint.os.system",
    ],
)
def test_so_is_an_option(option: str, folder: Path, stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        assert run(fit_args("actupose", stores, folder / "run", option)) == 2
    assert "--trust" in capsys.readouterr().err.splitlines()[-1]
    assert not imported(folder)


def test_a_suite_is_refused_and_trusted_by_the_user_alone(folder: Path) -> None:
    """Trust is in the command, never in a file; a trusted name is imported and only then found to be no method."""
    (folder / "m.yaml").write_text(yaml.safe_dump({"model": {"class_path": "foreign.Mine"}}), encoding="utf-8")
    task = {"data": {"source": "s", "target": "t", "target_test": "e"}}
    (folder / "t.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    suite = folder / "suite.yaml"
    suite.write_text(yaml.safe_dump({"tasks": ["t.yaml"], "methods": ["m.yaml"]}), encoding="utf-8")
    options = ["benchmark", str(suite), "--out", str(folder / "out")]
    code, line = say(folder, options)
    assert code == 2
    assert f"{suite}: 'm' on t: model: 'foreign.Mine' is of a package that configs may not name" in line
    assert not imported(folder)
    code, line = say(folder, [*options, "--trust"])
    assert code == 2
    assert "subclass of PoseMethod" in line
    assert imported(folder)


def test_a_file_cannot_say_that_it_is_trusted(folder: Path, stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "theirs.yaml"
    file.write_text(yaml.safe_dump({"trust": True, **CALLBACK}), encoding="utf-8")
    assert run(fit_args("actupose", stores, folder / "run", "--config", file)) == 2
    assert capsys.readouterr().err
    assert not imported(folder)


def test_what_lightning_ships_may_be_named(stores: Stores, tmp_path: Path) -> None:
    timer = {"class_path": "lightning.pytorch.callbacks.ModelSummary"}
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(tmp_path / "logs")}}
    plugin = {"class_path": "lightning.pytorch.plugins.TorchCheckpointIO"}
    file = tmp_path / "mine.yaml"
    content = {"trainer": {"callbacks": [timer], "logger": logger, "plugins": [plugin], "max_epochs": 1}}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run(fit_args("source_only", stores, tmp_path / "run", "--config", file)) == 0
    assert list((tmp_path / "logs").rglob("metrics.csv"))

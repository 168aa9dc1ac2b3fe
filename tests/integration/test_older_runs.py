"""Runs of an older version, whose configurations have fewer keys, go on; what differs is refused by its name."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from actupose.engine.trials import mark_of
from integration.runs import CONFIGS, TINY, differing, fit, fit_args, metrics, run, run_and_stop, weights
from tiny_stores import Stores

NEW_KEYS = ("jitter", "compound", "eval_pseudo_labels", "images")  # as if they had come since; all at their defaults


def without(file: Path, *keys: str) -> str:
    """Take keys out of a configuration, and return what is left."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    left = [line for line in lines if not line.lstrip().startswith(tuple(f"{key}:" for key in keys))]
    assert len(left) == len(lines) - len(keys)
    file.write_text("".join(left), "utf-8")
    return "".join(left)


@pytest.fixture(scope="module")
def older(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed in its third epoch, under an older version."""
    out = tmp_path_factory.mktemp("older") / "run"
    assert run_and_stop(fit_args("actupose", stores, out), 2, 1) == -signal.SIGKILL
    without(out / "config.yaml", *NEW_KEYS)
    return out


@pytest.fixture
def again(older: Path, stores: Stores, tmp_path: Path) -> Callable[..., list[str]]:
    """The same command, on a copy of the folder."""
    shutil.copytree(older, tmp_path / "run")
    return lambda *options: fit_args("actupose", stores, tmp_path / "run", *options)


def test_a_run_without_the_keys_that_came_since_goes_on(
    again: Callable[..., list[str]], stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(again()) == 0
    assert "run: continues from" in capsys.readouterr().out
    unbroken = fit("actupose", stores, tmp_path / "unbroken")
    assert differing(weights(tmp_path / "run"), unbroken) == []
    assert metrics(tmp_path / "run") == metrics(tmp_path / "unbroken")
    held = [yaml.safe_load((tmp_path / name / "config.yaml").read_text("utf-8")) for name in ("run", "unbroken")]
    assert {**held[0], "out": ""} == {**held[1], "out": ""}, "it has the new keys from here on"


@pytest.mark.parametrize(
    ("lacks", "options", "said"),
    [
        # the task sets 0.3: the older run did without
        (["floor"], [], "(data.curriculum.floor: 0.0 there, 0.3 now)"),
        ([], ["--data.curriculum.compound", "true"], "(data.curriculum.compound: false there, true now)"),
        (
            [],
            ["--data.size", "96", "--model.jitter", "0"],
            "(data.size: 64 there, 96 now; model.init_args.jitter: 0.25 there, 0.0 now",
        ),
    ],
)
def test_what_differs_is_named(
    lacks: list[str],
    options: list[str],
    said: str,
    again: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "run" / "config.yaml"
    held = without(config, *lacks)
    assert run(again(*options)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"run: holds another run {said}" in line
    assert line.endswith("; set another `out` or remove the folder.")
    assert config.read_text("utf-8") == held


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("eval_evry_epoch: true\n", "does not fit this version: there is no option or key 'eval_evry_epoch' (did you"),
        ("label_free: {\n", "its config.yaml is not readable YAML"),
    ],
)
def test_a_configuration_that_this_version_cannot_read(
    more: str, said: str, again: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "run" / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(more)
    assert run(again()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_suite_keeps_the_names_of_an_older_versions_trials(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = {"data": {name: str(path) for name, path in asdict(stores).items()}}
    rows: list[Any] = ["source_only", {"method": "source_only", "name": "bright", "settings": {"model.jitter": 0.5}}]
    suite = {"tasks": ["t"], "profiles": ["p"], "methods": rows, "settings": {"trainer.max_epochs": 1}}
    for kind, name, content in (("tasks", "t", task), ("profiles", "p", TINY), ("suites", "s", suite)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (tmp_path / "methods").symlink_to(CONFIGS / "methods")
    out = tmp_path / "out"
    args = ["benchmark", str(tmp_path / "suites" / "s.yaml"), "--out", str(out), "--workers", "1"]
    assert run(args) == 0
    table = (out / "s.csv").read_bytes()
    for file in (out / "configs" / "t").iterdir():  # as an older version, without `jitter`, would have left them
        name = f"source_only-0-{mark_of(without(file, 'jitter'))}"
        if "jitter: 0.5" in (out / "runs" / "t" / file.stem / "config.yaml").read_text("utf-8"):
            file.unlink()
            shutil.rmtree(out / "runs" / "t" / file.stem)
        else:
            without((out / "runs" / "t" / file.stem).rename(out / "runs" / "t" / name) / "config.yaml", "jitter")
            file.rename(file.with_stem(name))
            older = name
    capsys.readouterr()
    assert run(args) == 0
    assert f"{out}: 2 runs, 1 to train" in capsys.readouterr().out
    names = {folder.name for folder in (out / "runs" / "t").iterdir()}
    assert older in names
    assert len(names) == 2, "the line with another value is a run of its own"
    assert (out / "s.csv").read_bytes() == table

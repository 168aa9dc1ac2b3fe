"""`actupose benchmark` for real: bad suites, a killed suite, a run that diverges, Ray here and by address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from actupose.commands.suite import plan, read_suite
from integration.runs import CONFIGS, TINY, differing, metrics, run, weights
from tiny_stores import Stores

SUITE: dict[str, Any] = {
    "tasks": ["looks"],
    "profiles": ["tiny"],
    "methods": [
        "source_only",
        {"method": "source_only", "name": "again", "settings": {"trainer.max_epochs": 3}},  # as the profile: one run
        {"method": "source_only", "name": "too fast", "settings": {"model.schedule.lr": 1e6}},
    ],
}

EPOCHS = 8  # of the suite that is killed: enough to be killed within


@pytest.fixture
def suite(stores: Stores, tmp_path: Path) -> Path:
    """A suite beside configs of its own: the tiny stores, the real methods, the tiny profile."""
    task = {"data": {name: str(path) for name, path in asdict(stores).items()}}
    for kind, name, content in (("tasks", "looks", task), ("profiles", "tiny", TINY), ("suites", "s", SUITE)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (tmp_path / "methods").symlink_to(CONFIGS / "methods")
    return tmp_path / "suites" / "s.yaml"


def edited(suite: Path, **changes: object) -> Path:
    suite.write_text(yaml.safe_dump({**SUITE, **changes}, sort_keys=False), encoding="utf-8")
    return suite


def tables(out: Path) -> dict[str, bytes]:
    names = [f"{stem}.{kind}" for stem in ("s", "s_looks_against") for kind in ("md", "csv", "json")]
    return {name: (out / name).read_bytes() for name in names}


# -- bad input


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tasks": ["look"]}, "there is no task 'look' (did you mean 'looks'?)"),
        ({"methods": ["actpose"]}, "there is no method 'actpose' (did you mean 'actupose'?)"),
        ({"methods": ["mine.yaml"]}, "there is no file"),
        ({"profiles": ["tinny"]}, "there is no profile 'tinny' (did you mean 'tiny'?)"),
        ({"seed": [1]}, "there is no key 'seed' (did you mean 'seeds'?)"),
        ({"seeds": ["one"]}, "seeds: expected int, got one"),
        ({"methods": [{"method": "udape", "seting": {}}]}, "'seting' (did you mean 'settings'?)"),
        ({"settings": {"data.curiculum.sigma": 1}}, "'data.curiculum.sigma' (did you mean 'curriculum'?)"),
        ({"methods": [{"method": "udape", "settings": {"data.size": "big"}}]}, "'udape' on looks: data.size: expected"),
        ({"methods": [{"method": "udape", "tasks": ["lookz"]}]}, "task 'lookz' (did you mean 'looks'?)"),
        ({"methods": ["udape", {"method": "actupose", "name": "udape"}]}, "'udape' stands twice on task looks"),
        ({"methods": []}, "methods is empty"),
        ({"methods": "udape"}, "methods: expected a list, got 'udape'"),
        ({"methods": [{"name": "x"}]}, "method"),
        ({"seeds": [0, 0]}, "seeds holds one twice"),
        ({"against": "source_onli"}, "against: there is no line 'source_onli' (did you mean 'source_only'?)"),
        ({"settings": {"data.target_test": None}}, "task looks has no data.target_test"),
    ],
)
def test_a_wrong_suite_is_one_line_before_anything_starts(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    assert run(["benchmark", str(edited(suite, **changes)), "--out", str(tmp_path / "out"), "--workers", "1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"actupose benchmark: {suite}")
    assert said in lines[0]
    assert not (tmp_path / "out").exists()


def test_wrong_arguments_are_one_line(suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for args, said in (
        ([str(tmp_path / "no.yaml"), "--out", "o"], "no.yaml: no such suite"),
        ([str(suite), "--out", str(tmp_path / "file")], "is a file, not a folder"),
        ([str(suite), "--out", "o", "--workers", "0"], "--workers is 0"),
        (
            [str(suite), "--out", str(tmp_path / "out"), "--ray", "127.0.0.1:9"],
            "no Ray cluster to be had at '127.0.0.1:9'",
        ),
    ):
        assert run(["benchmark", *args]) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]


# -- runs


def test_equal_configurations_are_one_run_and_unequal_ones_are_not(suite: Path) -> None:
    changed = {"method": "actupose", "vary": {"data.curriculum.sigma": [0.25, 0.5], "data.curriculum.pace": [2, 3]}}
    edited(suite, methods=[*SUITE["methods"], "actupose", changed], seeds=[0, 1])
    read, configs = read_suite(suite)
    cells = {cell.row: cell for cell in plan(read, configs, suite)}
    assert list(cells)[3:] == ["actupose", *(f"actupose {v}" for v in ("sigma=0.25", "sigma=0.5", "pace=2", "pace=3"))]
    assert cells["again"].trials == cells["source_only"].trials
    assert cells["actupose sigma=0.25"].trials == cells["actupose pace=2"].trials == cells["actupose"].trials
    names = [trial.name for cell in cells.values() for trial in cell.trials.values()]
    assert len(set(names)) == 2 * 5  # source_only, too fast, actupose, sigma, pace
    assert [row for row, cell in cells.items() if cell.published_as] == ["source_only", "actupose"]


def popen(*args: object, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *map(str, args)], stdout=subprocess.DEVNULL, **options)


def kill_in_the_middle(suite: Path, out: Path) -> None:
    """Kill a suite whose first run has ended an epoch; the run must end with it."""
    process = popen("actupose", "benchmark", suite, "--out", out, "--workers", 1, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (found := list(out.glob("runs/looks/*/metrics.csv"))):
        assert process.poll() is None, "ended before its first epoch"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert children
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline, "a training outlived its suite"
        time.sleep(0.05)
    assert len(metrics(found[0].parent)) < EPOCHS


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Ray cluster of one CPU, started as its users start one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=1"]
    options += ["--include-dashboard=false", "--disable-usage-stats"]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    detached: dict[str, Any] = {"stderr": subprocess.DEVNULL, "start_new_session": True, "env": environment}
    process = popen("ray.scripts.scripts", "start", *options, **detached)
    address, deadline = f"127.0.0.1:{port}", time.monotonic() + 120
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield address
    os.kill(process.pid, signal.SIGTERM)
    process.wait(60)


def test_killed_resumed_and_unbroken_suites_end_alike(
    suite: Path, cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(
        suite,
        settings={"trainer.max_epochs": EPOCHS, "label_free.images": 4},
        methods=[SUITE["methods"][0], SUITE["methods"][2]],
        against="source_only",
    )
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    kill_in_the_middle(suite, broken)
    assert run(["benchmark", str(suite), "--out", str(broken), "--workers", "2"]) == 3
    assert "1 of 2 runs failed" in capsys.readouterr().err
    assert run(["benchmark", str(suite), "--out", str(unbroken), "--ray", cluster]) == 3
    assert tables(broken) == tables(unbroken)
    done = [next(out.glob("runs/looks/*/scores.json")).parent for out in (broken, unbroken)]
    assert differing(*map(weights, done)) == []
    text = (broken / "s.md").read_text(encoding="utf-8")
    assert "- looks, too fast, seed 0: train/" in text
    assert str(tmp_path) not in text

"""SIGKILL at seeded random writes of a verb, time after time: the same command ends with the bytes of an unbroken run.

A process is killed where it is about to change something below the output folder, or has just opened a file to write:
that is where a half-done change would show. Kills within a training step are in `test_resume.py`, and by the clock in
`test_synth_resume.py` and `test_build.py`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from integration.runs import differing, fit_args, in_child, metrics, run, scores, validators, weights
from tiny_stores import Stores

KILLS = 3
CHANGES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.truncate", "shutil.copyfile"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def changes(event: str, args: tuple[Any, ...], below: str) -> bool:
    """Whether an audit event of Python is a change of something in a folder."""
    if event == "open":
        path, _, flags = args
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(below) and bool(flags & WRITING)
    return event in CHANGES and any(isinstance(a, str | os.PathLike) and os.fspath(a).startswith(below) for a in args)


def killed_at(args: list[str], below: Path, change: int, *, opened: bool = False) -> tuple[int, int]:
    """Exit code and number of changes of a process that is killed at its n-th change.

    Args:
        args: the verb's.
        below: the folder whose changes count.
        change: n; 0 = never killed.
        opened: where the change is to write a file, open it first, so that it stands there empty.
    """
    read, write = os.pipe()

    def work() -> int:
        count = 0

        def hook(event: str, given: tuple[Any, ...]) -> None:
            nonlocal count
            if count < 0 or not changes(event, given, str(below)):
                return
            count += 1
            if count == change:
                count = -1  # what follows is our own
                if opened and event == "open":
                    os.open(given[0], given[2])
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        code = run(args)
        os.write(write, str(count).encode())
        return code

    code = in_child(work)
    os.close(write)
    with os.fdopen(read) as told:
        return code, int(told.read() or 0)


def kill_again_and_again(args: list[str], below: Path, seed: int, num_changes: int) -> int:
    """Kill the command at seeded random changes, each time after starting it anew; then let it end."""
    draw, kills = random.Random(seed), 0
    for i in range(KILLS):
        code, _ = killed_at(args, below, draw.randint(1, num_changes // 2), opened=i % 2 == 0)
        assert code in (-signal.SIGKILL, 0)
        kills += code != 0
    assert run(args) == 0
    return kills


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def small_pictures(folder: Path) -> Path:
    folder.mkdir()
    for i, noise in enumerate(np.random.default_rng(0).integers(0, 255, (260, 40, 40, 3), np.uint8)):
        Image.fromarray(noise).save(folder / f"{i:03d}.png", compress_level=1)
    return folder


def command(verb: str, raw: Path, out: Path) -> list[str]:
    made = {
        "synth": ["synth", out / "store", "--num", 258, "--coco", out / "coco", "--render.size", 32],
        "prepare": ["prepare", "folder", raw, out / "store", "--size", 32],
    }[verb]
    extra = {"synth": ["--render.supersample", 1, "--render.shadows", "false"], "prepare": []}[verb]
    return [str(arg) for arg in (*made, *extra, "--workers", 0)]


@pytest.mark.parametrize("verb", ["synth", "prepare"])
def test_stores(verb: str, tmp_path: Path) -> None:
    """Two shards each; the rendering exports COCO too."""
    raw = small_pictures(tmp_path / "raw")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, num_changes = killed_at(command(verb, raw, whole), whole, 0)
    assert code == 0
    assert num_changes > 10
    assert kill_again_and_again(command(verb, raw, broken), broken, 7, min(num_changes, 60)) >= 2
    assert contents(broken) == contents(whole)


def test_fit(stores: Stores, tmp_path: Path) -> None:
    """Every file that a result depends on, but for the seconds in two of them."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, num_changes = killed_at(fit_args("actupose", stores, whole), whole, 0)
    assert code == 0
    assert kill_again_and_again(fit_args("actupose", stores, broken), broken, 3, num_changes) >= 3
    for name in ("last", "previous", "warmup", "label_free"):
        assert differing(weights(broken, name), weights(whole, name)) == [], name
    assert set(contents(broken)) == set(contents(whole)), "nothing is left over"
    assert metrics(broken) == metrics(whole)
    assert validators(broken) == validators(whole)
    for name in ("curriculum.jsonl", "verdict.json"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    told = [{k: v for k, v in scores(out).items() if k != "train_seconds"} for out in (whole, broken)]
    assert told[0] == told[1]


def test_benchmark(stores: Stores, tmp_path: Path) -> None:
    """The suite's own process; the trainings in it end with it and are those of `test_fit`."""
    args = fit_args("source_only", stores, tmp_path / "configs" / "x", "--trainer.max_epochs", 1)
    suite = tmp_path / "configs" / "suites" / "s.yaml"
    suite.parent.mkdir(parents=True)
    files = {"tasks": args[4], "methods": args[6], "profiles": args[8]}
    content = {"settings": {"trainer.max_epochs": 1}, **{kind: [file] for kind, file in files.items()}}
    suite.write_text(yaml.safe_dump(content), encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ["benchmark", str(suite), "--workers", "1", "--out"]
    code, num_changes = killed_at([*options, str(whole)], whole, 0)
    assert code == 0
    assert kill_again_and_again([*options, str(broken)], broken, 5, num_changes) >= 3
    for name in ("s.md", "s.csv", "s.json"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()

"""Renderings that are killed, continued and spread: the same bytes, nobody twice, nobody missing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.synth import SynthConfig, synthesize

NUM, SHARD = 60, 5
SCRIPT = """
import sys
from pathlib import Path
from actupose.synth import SynthConfig, synthesize
if __name__ == "__main__":
    config = SynthConfig(size=32, supersample=1, shadows=False)
    synthesize(Path(sys.argv[1]), int(sys.argv[2]), 3, config, workers=2, shard_size=5)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run_until_killed(script: Path, out: Path, shards: int) -> None:
    """Start the rendering and kill it, with its workers, at a random moment after some shards."""
    command = [sys.executable, str(script), str(out), str(NUM)]
    child = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while len(list((out / "shards").glob("*.arrow"))) < shards:
        assert child.poll() is None, "the child ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(random.Random().uniform(0, 0.2))
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def test_a_rendering_killed_twice_ends_with_the_bytes_of_an_unbroken_one(tmp_path: Path) -> None:
    script = tmp_path / "render.py"
    script.write_text(SCRIPT, encoding="utf-8")
    for shards in (1, 4):
        run_until_killed(script, tmp_path / "broken", shards)
        with pytest.raises(UserError, match="not finished"):
            open_store(tmp_path / "broken")
    config = SynthConfig(size=32, supersample=1, shadows=False)
    synthesize(tmp_path / "broken", NUM, 3, config, shard_size=SHARD)
    synthesize(tmp_path / "whole", NUM, 3, config, shard_size=SHARD)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert open_store(tmp_path / "broken").rows["name"][:] == [f"3-{i:07d}" for i in range(NUM)]


def test_another_seed_or_look_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    synthesize(tmp_path / "s", 2, 3, SynthConfig(size=32))
    before = contents(tmp_path / "s")
    with pytest.raises(UserError, match=r"other settings \(recipe\.seed: 3 there, 4 now\)"):
        synthesize(tmp_path / "s", 2, 4, SynthConfig(size=32))
    with pytest.raises(UserError, match="other settings"):
        synthesize(tmp_path / "s", 2, 3, SynthConfig(size=32, look="plain"))
    assert contents(tmp_path / "s") == before

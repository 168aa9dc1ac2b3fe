"""Push to a hub and load from it, over real HTTP to a hub on the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actupose.deploy.export import export
from actupose.deploy.load import load_model
from deploy.fake_hub import Hub
from deploy.test_checkpoint import method, save

PUSH = """
import sys
from pathlib import Path
from actupose.deploy.hub import push
print(push(Path(sys.argv[1]), "me/pose"))
"""
LOAD = """
import sys, numpy as np, actupose
for source, kept in zip(sys.argv[1::2], sys.argv[2::2]):
    np.save(kept, actupose.load(source)(np.full((64, 64, 3), 90, np.uint8)).confidence)
"""
ERRORS = """
import sys, actupose
from actupose.errors import UserError
for source in sys.argv[1:]:
    try:
        actupose.load(source)
    except UserError as error:
        print(error)
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def python(code: str, hub: str, home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own: the hub's address is read when its package is imported."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    env |= {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_TOKEN": "hf_test", "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)


def test_what_was_pushed_is_loaded(hub: Hub, tmp_path: Path) -> None:
    checkpoint = save(method("UDAPE"), tmp_path / "last.ckpt")
    export(load_model(checkpoint), tmp_path / "out", "safetensors")
    (tmp_path / "out" / "README.md").write_text("# card", encoding="utf-8")
    pushed = python(PUSH, hub.address, tmp_path / "home", str(tmp_path / "out"))
    assert pushed.stdout.strip() == f"{hub.address}/me/pose", pushed.stderr
    assert hub.files == {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    of_hub, of_file = (str(tmp_path / name) for name in ("hub.npy", "local.npy"))
    done = python(LOAD, hub.address, tmp_path / "home", "me/pose", of_hub, str(checkpoint), of_file)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "hub.npy"), np.load(tmp_path / "local.npy"))


def test_what_is_not_there_is_one_line(hub: Hub, tmp_path: Path) -> None:
    hub.files["other.txt"] = b"x"
    done = python(ERRORS, hub.address, tmp_path / "home", "me/other", "me/pose")
    assert done.returncode == 0, done.stderr
    for line, said in zip(
        done.stdout.splitlines(), ("neither here nor on the hub", "holds no config.json"), strict=True
    ):
        assert said in line


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    done = python(ERRORS, "http://127.0.0.1:9", tmp_path / "home", "me/pose")
    assert "me/pose: not here, and the hub gives nothing" in done.stdout, done.stderr

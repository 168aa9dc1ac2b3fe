"""What all tests share: one torch thread, and the way to real data."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from tiny_stores import NUM_SOURCE, NUM_TARGET, NUM_TEST, REPO_ROOT, Stores

# A forked child must not collect the garbage of other tests: a scaler of PyAV waits there for threads it has not.
os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)
# Autograd starts its threads at its first gradient; after a compiler is loaded they would make gradients in forks fail.
torch.zeros((), requires_grad=True).backward()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """One thread before any fixture, of whatever scope, computes: another number of threads adds in another order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the published data sets; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("ACTUPOSE_TEST_DATA", REPO_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set ACTUPOSE_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    from actupose.synth import SynthConfig, synthesize

    root = tmp_path_factory.mktemp("stores")
    made = Stores(root / "source", root / "target", root / "target_test")
    plain = {"size": 64, "supersample": 1, "shadows": False}
    synthesize(made.source, NUM_SOURCE, 0, SynthConfig(**plain))
    synthesize(made.target, NUM_TARGET, 1, SynthConfig(look="target", **plain))
    synthesize(made.target_test, NUM_TEST, 2, SynthConfig(look="target", **plain))
    return made


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 1 MB, or of the parameter's; tests that need it are skipped without the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', '1m')}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium without a window; tests that need it are skipped where it is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this system: sudo apt install chromium")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()

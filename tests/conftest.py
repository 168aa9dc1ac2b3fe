"""What all tests share: one torch thread, and the way to real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

REPO_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the published data sets; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("ACTUPOSE_TEST_DATA", REPO_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set ACTUPOSE_TEST_DATA")
    return folder

"""The tiny rendered stores that many tests share: their names and counts; `conftest.py` renders them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPO_ROOT = Path(__file__).resolve().parent.parent
NUM_SOURCE, NUM_TARGET, NUM_TEST = 40, 20, 12


@dataclass(frozen=True)
class Stores:
    """Rendered people in two looks, 64 pixels wide; never written to by a test."""

    source: Path
    target: Path
    target_test: Path

"""Progress of long work: a bar on a terminal, lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

_LINE_EVERY_S = 15.0


class Progress(Protocol):
    """What a bar and the plain lines have in common."""

    def update(self, n: int = 1) -> object:
        """Count ``n`` more items."""


class _Lines:
    """A line every few seconds and one at the end, for logs."""

    def __init__(self, total: int, label: str) -> None:
        self._total, self._label, self._done, self._said_at = total, label, 0, -1
        self._start = self._said = time.monotonic()

    def update(self, n: int = 1) -> None:
        """Count, and say so when it is time."""
        self._done += n
        now = time.monotonic()
        if now - self._said >= _LINE_EVERY_S:
            self._say(now)

    def _say(self, now: float) -> None:
        self._said, self._said_at = now, self._done
        rate = self._done / max(now - self._start, 1e-6)
        print(f"{self._label}: {self._done}/{self._total} ({rate:.1f}/s)", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Say the end, unless it was just said."""
        if self._said_at != self._done:
            self._say(time.monotonic())


@contextmanager
def progress_bar(total: int, label: str) -> Iterator[Progress]:
    """A progress bar on a terminal, plain lines where standard error is none.

    Args:
        total: items to come.
        label: what is being done.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=label, dynamic_ncols=True, smoothing=0.1) as bar:
            yield bar
        return
    lines = _Lines(total, label)
    try:
        yield lines
    finally:
        lines.close()

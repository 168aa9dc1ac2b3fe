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

    def __init__(self, total: int | None, label: str, unit: str, initial: int) -> None:
        self._total, self._label, self._unit = total, label, unit
        self._initial, self._done, self._said_at = initial, initial, -1
        self._start = self._said = time.monotonic()

    def update(self, n: int = 1) -> None:
        """Count, and say so when it is time."""
        self._done += n
        now = time.monotonic()
        if now - self._said >= _LINE_EVERY_S:
            self._say(now)

    def _say(self, now: float) -> None:
        self._said, self._said_at = now, self._done
        rate = (self._done - self._initial) / max(now - self._start, 1e-6)
        share = f"{self._done}" if self._total is None else f"{self._done}/{self._total}"
        print(f"{self._label}: {share} ({rate:.1f}{self._unit}/s)", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Say the end, unless it was just said."""
        if self._said_at != self._done:
            self._say(time.monotonic())


@contextmanager
def progress_bar(total: int | None, label: str, *, unit: str = "", initial: int = 0) -> Iterator[Progress]:
    """A progress bar on a terminal, plain lines where standard error is none.

    Args:
        total: items, with those that are done already; None = nobody knows.
        label: what is being done.
        unit: what is counted, e.g. ``images``.
        initial: items that an earlier call has done; they do not count as speed.
    """
    unit = f" {unit}" if unit else ""
    if sys.stderr.isatty():
        with tqdm(
            total=total, desc=label, unit=unit or "it", initial=initial, dynamic_ncols=True, smoothing=0.1
        ) as bar:
            yield bar
        return
    lines = _Lines(total, label, unit, initial)
    try:
        yield lines
    finally:
        lines.close()

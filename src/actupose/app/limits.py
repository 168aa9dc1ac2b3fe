"""What one upload may hold, and how many there may be."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from actupose.errors import UserError

_MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Limits:
    """Bounds of the page.

    Attributes:
        megabytes: most of one file.
        pictures: most pictures of one upload; a video gives as many frames, evenly spread.
        per_minute: most uploads a minute, all visitors together.
        pixels: most pixels of a picture, looked up before it is decoded.
    """

    megabytes: int = 32
    pictures: int = 12
    per_minute: int = 30
    pixels: int = 50_000_000

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a limit below 1.
        """
        for name in ("megabytes", "pictures", "per_minute", "pixels"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} {getattr(self, name)}: must be 1 or more.")


class Rate:
    """Counts the uploads of the last minute.

    Args:
        per_minute: how many are let through.
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._times: deque[float] = deque()

    def check(self) -> None:
        """Count one more.

        Raises:
            UserError: there were too many in the last minute; this one is not counted.
        """
        now = self._clock()
        while self._times and now - self._times[0] >= _MINUTE:
            self._times.popleft()
        if len(self._times) >= self._per_minute:
            wait = _MINUTE - (now - self._times[0])
            raise UserError(f"more than {self._per_minute} uploads in a minute; try again in {wait:.0f} s.")
        self._times.append(now)

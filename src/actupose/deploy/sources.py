"""Where pictures come from, batch by batch, and where each can be looked at again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from actupose.data.frames import VideoFrame
from actupose.deploy.inputs import Picture, inputs_fingerprint
from actupose.deploy.journal import Row


class Source(Protocol):
    """Gives pictures in an order that does not change."""

    facts: Any  # which pictures they are, as plain data
    total: int | None  # how many; None = until somebody stops it

    def batches(self, start: int, size: int) -> Iterator[Sequence[Picture]]:
        """Pictures from number ``start`` on, ``size`` at once."""

    def locate(self, row: Row) -> Path | VideoFrame:
        """Where the picture of a row lies."""


class Files:
    """Images and videos on disk.

    Args:
        pictures: from `find_pictures`.
    """

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures = pictures
        self.total: int | None = len(pictures)
        self.facts = inputs_fingerprint(pictures)

    def batches(self, start: int, size: int) -> Iterator[Sequence[Picture]]:
        """Slices of the list."""
        for first in range(start, len(self._pictures), size):
            yield self._pictures[first : first + size]

    def locate(self, row: Row) -> Path | VideoFrame:
        """The file, or the frame."""
        image = self._pictures[row.number].image
        assert not isinstance(image, bytes)
        return image

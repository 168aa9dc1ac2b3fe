"""What every writer shares: what it is told, and that its file stands under its name only when it is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actupose.data.frames import VideoFrame
from actupose.deploy.journal import Row
from actupose.skeletons import Skeleton


@dataclass(frozen=True)
class OutputJob:
    """What a writer may need beside the rows.

    Attributes:
        out: folder of the outputs.
        skeleton: what the K keypoints are.
        locate: where the picture of a row lies.
        threshold: least confidence of a joint that is drawn.
    """

    out: Path
    skeleton: Skeleton
    locate: Callable[[Row], Path | VideoFrame]
    threshold: float = 0.0


class Writer(ABC):
    """One format: made, given all rows in order, and finished or abandoned.

    Args:
        job: what to write, and where.
    """

    name: ClassVar[str]  # file or folder below `OutputJob.out`

    def __init__(self, job: OutputJob) -> None:
        self.job = job
        self.target = job.out / self.name
        self.part = job.out / f"{self.name}.part"

    @classmethod  # noqa: B027 - most need nothing
    def require(cls) -> None:
        """Raise `UserError` where a package is missing; before anything is predicted."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""

    @abstractmethod
    def close(self) -> None:
        """Complete the temporary file; may be called again."""

    def finish(self) -> None:
        """Give the file its name."""
        self.close()
        self.part.replace(self.target)

    def abandon(self) -> None:
        """Leave nothing half written; does nothing after `finish`."""
        self.part.unlink(missing_ok=True)

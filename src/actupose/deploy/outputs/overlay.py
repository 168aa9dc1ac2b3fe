"""The pictures with their poses drawn: an image an image, a video a video."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actupose.data.crop import ItemError, decode_image
from actupose.data.frames import FrameReader, VideoFrame
from actupose.data.video import Timing, read_timing
from actupose.deploy.journal import Row
from actupose.deploy.outputs.base import OutputJob, Writer
from actupose.deploy.outputs.video_file import VideoFile
from actupose.skeletons.draw import draw_pose

_KEEP = (".jpg", ".jpeg", ".png")


class OverlayWriter(Writer):
    """The folder ``overlay``, upright: images with at least one person, and videos with all frames that were predicted.

    A frame of a video keeps its time, and the video its rate; sound is left out.
    """

    name = "overlay"

    def __init__(self, job: OutputJob) -> None:
        super().__init__(job)
        self._frames = FrameReader()
        self._video: _OverlayVideo | None = None

    def write(self, rows: Sequence[Row]) -> None:
        """Draw and save; a video is complete when the next one begins."""
        for row in rows:
            place = self.job.locate(row)
            if isinstance(place, VideoFrame):
                self._write_frame(row, place)
            elif row.people:
                target = self._target(row.name, _KEEP, ".jpg")
                part = target.with_name(f"{target.name}.part")
                pixels = self._drawn(row, place)
                if pixels is not None:
                    kind = "PNG" if target.suffix.lower() == ".png" else "JPEG"
                    Image.fromarray(pixels).save(part, kind, quality=92)
                    part.replace(target)

    def close(self) -> None:
        """Complete the last video."""
        if self._video is not None:
            self._video.finish()
            self._video = None
        self._frames.close()

    def finish(self) -> None:
        """Every file has its name already but the last video."""
        self.close()

    def abandon(self) -> None:
        """Remove the video that is not complete."""
        if self._video is not None:
            self._video.abandon()
            self._video = None
        self._frames.close()

    def _write_frame(self, row: Row, place: VideoFrame) -> None:
        if self._video is None or self._video.path != place.path:
            self.close()
            self._video = _OverlayVideo(place.path, self._target(row.video or row.name, (".mp4",), ".mp4"))
        pixels = None if row.skipped and not row.people else self._drawn(row, place)
        if pixels is not None:
            self._video.write(pixels, place.index)

    def _drawn(self, row: Row, place: Path | VideoFrame) -> NDArray[np.uint8] | None:
        """The picture with everybody drawn; None where it has become unreadable since."""
        try:
            pixels = np.asarray(decode_image(place, row.name, frames=self._frames), np.uint8)
        except ItemError:
            return None
        for person in row.people:
            pixels = draw_pose(
                pixels,
                person.keypoints,
                self.job.skeleton,
                confidence=person.confidence,
                threshold=self.job.threshold,
            )
        return pixels

    def _target(self, name: str, keep: tuple[str, ...], suffix: str) -> Path:
        target = self.target / (name if name.lower().endswith(keep) else f"{name}{suffix}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class _OverlayVideo:
    """One video on its way, with the times of the one it was made of."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path, self._target, self._part = path, target, target.with_name(f"{target.name}.part")
        self._timing: Timing = read_timing(path)
        timed, rate = self._timing.ticks is not None, self._timing.rate or Fraction(25)
        self._file = VideoFile(self._part, self._timing.rate, self._timing.time_base if timed else 1 / rate)

    def write(self, pixels: NDArray[np.uint8], index: int) -> None:
        """Add a drawn frame at the time of frame ``index``."""
        ticks = self._timing.ticks
        self._file.write(pixels, index if ticks is None else ticks[index])

    def finish(self) -> None:
        """Give the complete video its name."""
        self._file.close()
        self._part.replace(self._target)

    def abandon(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._part.unlink(missing_ok=True)

"""One open video: which frames it has, when each is shown, and any of them by its number.

Frames are counted from 0 in the order they are shown. A frame that cannot be decoded keeps its number, so that the
frames after it keep theirs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from actupose.errors import UserError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_JUMP_FROM = 64  # decoding this many frames costs more than looking for a key frame
_UNKNOWN = -(1 << 62)  # before any time that a packet has


@dataclass(frozen=True)
class Timing:
    """When the frames of a video are shown.

    Attributes:
        ticks: one a frame that is there, rising; None where the file does not say it of every one.
        count: how many frames, with those at the end of a file that was cut short.
        time_base: seconds of a tick.
        rate: frames a second, on average; None where the file does not say it.
    """

    ticks: tuple[int, ...] | None
    count: int
    time_base: Fraction
    rate: Fraction | None

    def seconds(self, index: int) -> float | None:
        """When a frame is shown, in seconds of the file's own clock; None where the file does not say it."""
        if self.ticks is not None and index < len(self.ticks):
            return float(self.ticks[index] * self.time_base)
        return None if self.rate is None else float(index / self.rate)


def read_timing(path: Path) -> Timing:
    """The timing of a video, without decoding it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is no video.
        UserError: PyAV is not installed.
    """
    with closing(_open(path)) as container:
        stream = container.streams.video[0]
        stored = list(_packets(container))
        ticks = sorted(time for time, shown in stored if shown)
        lost = max(0, stream.frames - len(stored))  # an index may promise more than a file cut short has
        # AVI stores no time of showing; what PyAV gives is the packets' order, another one where frames wait.
        guessed = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
        sure = len(set(ticks)) == len(ticks) and _UNKNOWN not in ticks and not guessed
        base = stream.time_base or Fraction(1, 1000)
        return Timing(tuple(ticks) if sure else None, len(ticks) + lost, base, stream.average_rate)


class Video:
    """An open video and the number of the frame that comes next.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is no video.
        UserError: PyAV is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._timing = read_timing(path)
        self._at = -1  # number of the frame at hand, which is kept: one with several people is asked for again
        self._frame: av.VideoFrame | None = None
        self._from = 0  # what lies from here to the frame at hand is broken
        self._rewind()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def read(self, index: int, *, upright: bool) -> Image.Image:
        """Decode a frame; frames in rising order cost one pass over the file.

        Args:
            index: its number.
            upright: turn it as the file says.

        Raises:
            OSError: the video has no such frame, or it is broken or larger than Pillow's limit on pixels.
        """
        if index >= self._timing.count:
            raise OSError(f"the video ends after {self._timing.count} frames")
        if index < self._from:
            self.close()
            self._rewind()
        if index - self._at > _JUMP_FROM:
            self._jump(index)
        while self._at < index:
            self._from = self._at + 1
            self._at, self._frame = next(self._frames, (self._timing.count, None))
        if self._at > index or self._frame is None:
            raise OSError("the frame is broken")
        return _picture(self._frame, upright=upright)

    def _rewind(self) -> None:
        self._container = _open(self.path)
        self._frames = self._numbered(self._container)
        self._at, self._frame, self._from = -1, None, 0

    def _numbered(self, container: InputContainer) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Frames with their numbers, rising: by their times where the file has them, else counted."""
        number = 0
        for frame in _decoded(container):
            ticks = self._timing.ticks
            if ticks is not None:
                if frame is None or frame.pts is None:
                    continue
                number = max(bisect_left(ticks, frame.pts), number)
            yield number, frame
            number += 1

    def _jump(self, index: int) -> None:
        """Go to the key frame before a frame, if the file says when each frame is shown."""
        ticks = self._timing.ticks
        if ticks is None or index >= len(ticks):
            return
        self._container.seek(ticks[index], stream=self._container.streams.video[0])
        self._frames = self._numbered(self._container)
        self._at, self._frame = next(self._frames, (self._timing.count, None))
        self._from = self._at
        if self._at > index:
            self.close()
            self._rewind()


def _open(path: Path) -> InputContainer:
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"{path}: reading videos needs PyAV; install it with: pip install 'actupose[video]'."
        ) from error
    if not path.is_file():
        raise FileNotFoundError(str(path))
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"no video that can be read: {reason}") from error
    if not container.streams.video:
        container.close()
        raise OSError("the file holds no video")
    return container


def _packets(container: InputContainer) -> Iterator[tuple[int, bool]]:
    """The time of each packet, in the order of the file, and whether it is a frame that is shown."""
    import av

    try:
        for packet in container.demux(video=0):
            if packet.dts is not None or packet.size:  # not the empty one that ends them
                yield _UNKNOWN if packet.pts is None else packet.pts, bool(packet.size) and not packet.is_discard
    except av.FFmpegError as error:
        raise OSError(f"the video is broken: {error}") from error


def _decoded(container: InputContainer) -> Iterator[av.VideoFrame | None]:
    """The frames in the order they are shown; None for a packet that cannot be decoded, about where it belongs."""
    import av

    try:
        for packet in container.demux(video=0):
            try:
                for frame in packet.decode():
                    yield None if frame.is_corrupt else frame
            except av.FFmpegError:
                yield None
    except av.FFmpegError as error:
        raise OSError(f"the video is broken: {error}") from error


def _picture(frame: av.VideoFrame, *, upright: bool) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and frame.width * frame.height > limit:
        raise OSError(f"has frames of more than {limit} pixels; reduce it first")
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    return image.rotate(frame.rotation, expand=True) if upright and frame.rotation else image

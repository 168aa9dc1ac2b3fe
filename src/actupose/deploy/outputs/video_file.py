"""A video that is written frame by frame, each with its own time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from actupose.errors import UserError

if TYPE_CHECKING:
    from av.video import VideoStream

_USUAL = Fraction(25)


class VideoFile:
    """Frames of one size into an H.264 file; an odd side grows by one copied row or column, as the codec needs.

    Args:
        path: the file; an existing one is replaced.
        rate: frames a second, which players show; None where nobody knows.
        time_base: seconds of a tick.
        container: ``mp4``, or ``matroska``, which can be read while it is written and after a kill.
    """

    def __init__(self, path: Path, rate: Fraction | None, time_base: Fraction, container: str = "mp4") -> None:
        require_av()
        import av

        self._rate, self._base = rate or _USUAL, time_base
        self._live = container == "matroska"
        often = {"flush_packets": "1", "cluster_time_limit": "1000"} if self._live else {}
        self._container = av.open(str(path), "w", format=container, options=often)
        self._stream: VideoStream | None = None
        self._next = 0

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, pixels: NDArray[np.uint8], ticks: int) -> None:
        """Add a frame.

        Args:
            pixels: (H, W, 3) RGB.
            ticks: when it is shown; moved behind the frame before where it is not later than that.
        """
        import av

        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._stream = self._add_stream(even.shape[1], even.shape[0])
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        ticks = max(ticks, self._next)
        frame.pts, frame.time_base, self._next = ticks, self._base, ticks + 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the codec still holds; may be called again."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
            self._stream = None
        self._container.close()

    def _add_stream(self, width: int, height: int) -> VideoStream:
        import av

        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"  # builds without GPL parts lack the first
        quick = {"preset": "veryfast", "crf": "20"} | ({"tune": "zerolatency"} if self._live else {})
        options = quick if codec == "libx264" else {}
        stream = cast("VideoStream", self._container.add_stream(codec, rate=self._rate, options=options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._base
        stream.time_base = self._base
        return stream


def require_av() -> None:
    """Raise `UserError` where PyAV is missing."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise UserError("videos need PyAV; pip install 'actupose[video]'.") from error

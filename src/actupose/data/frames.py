"""A frame of a video as an image of a record: named by file and number, decoded only when its crop is made.

Frames are counted from 0 in the order they are shown, so a name means the same picture however it is reached: one
after the other, or by a jump to the nearest key frame before it.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from actupose.errors import UserError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_JUMP_FROM = 64  # decoding this many frames costs more than looking for a key frame


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """Names one frame.

    Attributes:
        path: the video.
        index: number of the frame, from 0.
    """

    path: Path
    index: int

    def __str__(self) -> str:
        return f"{self.path}, frame {self.index}"


@dataclass(frozen=True)
class PackedImage:
    """Names one encoded image inside a SLEAP package.

    Attributes:
        path: the package, an HDF5 file.
        dataset: the images in it.
        index: place of the image there, from 0.
    """

    path: Path
    dataset: str
    index: int

    def __str__(self) -> str:
        return f"{self.path}, image {self.index} of {self.dataset}"

    def read(self) -> Image.Image:
        """Decode the image.

        Raises:
            OSError: the package or the image is missing or broken.
        """
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                images = file[self.dataset]
                stored = np.asarray(images[self.index])
                swapped = images.attrs.get("channel_order", "RGB") == "BGR"
        except (KeyError, ValueError, IndexError, RuntimeError) as error:
            raise OSError(f"the package has no such image: {error}") from error
        if stored.ndim > 1:
            image = Image.fromarray(stored.squeeze().astype(np.uint8))
        else:
            image = Image.open(io.BytesIO(stored.astype(np.int8).tobytes()))
        image = image.convert("RGB")
        return Image.merge("RGB", image.split()[::-1]) if swapped else image


class FrameReader:
    """Decodes frames by name and keeps the video it read last open.

    Frames of one video asked for in rising order cost one pass over it. Use it as a context manager, or call
    `close`; one reader belongs to one thread.
    """

    def __init__(self) -> None:
        self._video: _Video | None = None

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the video that is open."""
        if self._video is not None:
            self._video.close()
            self._video = None

    def read(self, frame: VideoFrame, *, upright: bool = True) -> Image.Image:
        """Decode one frame.

        Args:
            frame: its name.
            upright: turn it as the video says it is to be shown (telephones film sideways).

        Returns:
            The picture, RGB.

        Raises:
            FileNotFoundError: there is no such file.
            OSError: it is no video, is broken before this frame, has fewer frames, or its pictures are larger than
                Pillow's limit on pixels.
            UserError: PyAV is not installed.
        """
        if self._video is None or self._video.path != frame.path:
            self.close()
            self._video = _Video(frame.path)
        return self._video.read(frame.index, upright=upright)


def count_frames(path: Path) -> int:
    """How many frames a video has, without decoding them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is no video.
        UserError: PyAV is not installed.
    """
    with closing(_open(path)) as container:
        return sum(1 for _ in _packets(container))


class _Video:
    """One open video and the number of the frame that comes next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._times: list[int] | None = None
        self._last: av.VideoFrame | None = None
        self._rewind()

    def close(self) -> None:
        self._container.close()

    def read(self, index: int, *, upright: bool) -> Image.Image:
        if self._last is not None and index == self._next - 1:
            return _picture(self._last, upright=upright)  # a frame with several people is asked for again
        if index < self._next:
            self.close()
            self._rewind()
        if index - self._next > _JUMP_FROM:
            self._jump(index)
        for frame in self._frames:
            self._next += 1
            if self._next == index + 1:
                self._last = frame
                return _picture(frame, upright=upright)
        raise OSError(f"the video ends after {self._next} frames")

    def _rewind(self) -> None:
        self._container = _open(self.path)
        self._frames = _decoded(self._container)
        self._next = 0
        self._last = None

    def _jump(self, index: int) -> None:
        """Go to the key frame before a frame, if the file says when each frame is shown."""
        if self._times is None:
            with closing(_open(self.path)) as container:
                self._times = sorted(_packets(container))
        if not self._next <= index < len(self._times) or self._times[0] == _UNKNOWN:
            return
        self._last = None
        self._container.seek(self._times[index], stream=self._container.streams.video[0])
        frames = _decoded(self._container)
        first = next(frames, None)
        if first is None or first.pts is None or first.pts > self._times[index]:
            self.close()
            self._rewind()
        else:
            self._next = bisect_left(self._times, first.pts)
            self._frames = chain([first], frames)


_UNKNOWN = -(1 << 62)  # before any time that a packet has


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
        raise OSError(f"no video that can be read: {error}") from error
    if not container.streams.video:
        container.close()
        raise OSError("the file holds no video")
    return container


def _packets(container: InputContainer) -> Iterator[int]:
    """The time each shown frame has in the file, in the order of the file; one packet is one frame."""
    import av

    try:
        for packet in container.demux(video=0):
            if packet.size and not packet.is_discard:
                yield _UNKNOWN if packet.pts is None else packet.pts
    except av.FFmpegError as error:
        raise OSError(f"the video is broken: {error}") from error


def _decoded(container: InputContainer) -> Iterator[av.VideoFrame]:
    import av

    try:
        yield from container.decode(video=0)
    except av.FFmpegError as error:
        raise OSError(f"the video is broken: {error}") from error


def _picture(frame: av.VideoFrame, *, upright: bool) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and frame.width * frame.height > limit:
        raise OSError(f"has frames of more than {limit} pixels; reduce it first")
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    return image.rotate(frame.rotation, expand=True) if upright and frame.rotation else image

"""A frame of a video as an image of a record: named by file and number, decoded only when its crop is made.

Frames are counted from 0 in the order they are shown, so a name means the same picture however it is reached: one
after the other, or by a jump to the nearest key frame before it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from actupose.data.video import Video, read_timing


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
        self._video: Video | None = None

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
            OSError: it is no video, this frame is broken or there is none, or its pictures are larger than Pillow's
                limit on pixels.
            UserError: PyAV is not installed.
        """
        if self._video is None or self._video.path != frame.path:
            self.close()
            self._video = Video(frame.path)
        return self._video.read(frame.index, upright=upright)


def count_frames(path: Path) -> int:
    """How many frames a video has, without decoding them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is no video.
        UserError: PyAV is not installed.
    """
    return read_timing(path).count

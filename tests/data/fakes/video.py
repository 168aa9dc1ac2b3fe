"""A small video whose frames tell their number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

LEVELS = 16


def frame_pixels(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Four even quarters: the upper two hold the frame's number in base 16, the lower two mark the way up."""
    image = np.zeros((height, width, 3), np.uint8)
    high, low = divmod(number, LEVELS)
    image[: height // 2, : width // 2] = 8 + 15 * high
    image[: height // 2, width // 2 :] = 8 + 15 * low
    image[height // 2 :, : width // 2] = 255
    return image


def read_number(image: Image.Image) -> int:
    """The number that `frame_pixels` wrote, out of a decoded frame."""
    pixels = np.asarray(image, np.float64).mean(2)
    height, width = pixels.shape
    places = (pixels[height // 4, width // 4], pixels[height // 4, 3 * width // 4])
    high, low = (round((value - 8) / 15) for value in places)
    return LEVELS * high + low


def write_video(path: Path, count: int, width: int = 64, height: int = 48, codec: str = "mpeg4") -> None:
    """An mp4 with a key frame every 12 frames and, with ``libx264``, frames stored in another order than shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 12
        stream.bit_rate = 2_000_000
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(frame_pixels(number, width, height), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def break_packets(path: Path, first: int, count: int) -> None:
    """Overwrite the contents of some packets, counted in the order of the file; the index stays whole."""
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for place, size in places[first : first + count]:
        assert place is not None
        data[place : place + size] = bytes((37 * k + 11) % 256 for k in range(size))
    path.write_bytes(bytes(data))


def turn_video(path: Path) -> None:
    """Say in the file, as telephones do, that its pictures are to be shown a quarter turn clockwise."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, wide = 1 << 16, 1 << 30
    turned = np.array([0, one, 0, -one, 0, 0, 0, 0, wide], ">i4")
    data[matrix : matrix + 36] = turned.tobytes()
    path.write_bytes(bytes(data))

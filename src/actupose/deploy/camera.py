"""A webcam as a source: its frames are kept in a recording as they come, so that everything else can be made of it."""

from __future__ import annotations

import io
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actupose.data.frames import VideoFrame
from actupose.deploy.inputs import Picture
from actupose.deploy.journal import Row
from actupose.deploy.outputs.video_file import VideoFile, require_av
from actupose.errors import UserError

if TYPE_CHECKING:
    from av import VideoFrame as DecodedFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.video import VideoStream

RECORDING = "camera.mkv"
_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_DEVICE = re.compile(rf"({'|'.join(_FORMATS.values())}|lavfi):(.+)")
_TICK = Fraction(1, 1000)  # Matroska's


class Device(NamedTuple):
    """What FFmpeg calls a camera.

    Attributes:
        kind: FFmpeg's input device, e.g. ``v4l2``; ``lavfi`` makes test pictures.
        name: the device's name there.
        given: what the user wrote.
    """

    kind: str
    name: str
    given: str


def as_camera(inputs: Sequence[str]) -> Device | None:
    """The camera that the inputs name: an index, where no file is called so, or ``KIND:NAME``; None where they do not.

    Raises:
        UserError: a camera beside other inputs, or an index on a system whose cameras have none here.
    """
    named = [text for text in inputs if _DEVICE.fullmatch(text) or (text.isdecimal() and not Path(text).exists())]
    if not named:
        return None
    if len(inputs) > 1:
        raise UserError(f"{named[0]}: a camera is predicted alone; leave out the other inputs.")
    found = _DEVICE.fullmatch(named[0])
    return Device(found[1], found[2], named[0]) if found else _numbered(named[0])


def _numbered(index: str) -> Device:
    kind = _FORMATS.get(sys.platform)
    if kind == "v4l2":
        return Device(kind, f"/dev/video{index}", index)
    if kind == "avfoundation":
        return Device(kind, index, index)
    raise UserError(f"camera {index}: cameras have no numbers here; name it as dshow:video=NAME.")


class Camera:
    """Frames of a camera, in the order they come, until it ends, is interrupted, or gave enough.

    Args:
        device: from `as_camera`.
        out: folder of the outputs; the recording is written there.
        num_frames: how many frames are wanted; None = until interrupted.
        overwrite: an earlier recording there is about to be removed.

    Raises:
        UserError: PyAV is missing, ``num_frames`` is below 1, there is a recording already, for a camera cannot go
            back, or it cannot be opened.
    """

    def __init__(self, device: Device, out: Path, num_frames: int | None, *, overwrite: bool = False) -> None:
        require_av()
        if (out / RECORDING).exists() and not overwrite:
            raise UserError(
                f"{out / RECORDING}: is a recording already; predict that file, name another --out, or give "
                "--overwrite true."
            )
        if num_frames is not None and num_frames < 1:
            raise UserError(f"num_frames {num_frames}: must be at least 1.")
        self._device, self._path, self.total = device, out / RECORDING, num_frames
        self.facts = f"camera {device.given}"
        self._container = _open(device)

    def batches(self, start: int, size: int) -> Iterator[Sequence[Picture]]:
        """Record and hand on; what waits for the network waits in the driver, which drops what is too much.

        An interrupt ends the recording, and what is recorded is still handed on; a second one ends the program.

        Args:
            start: 0; a camera cannot go back.
            size: frames at once.
        """
        assert start == 0
        part: list[Picture] = []
        stream = self._container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        with VideoFile(self._path, rate, _TICK, "matroska") as recording, _interrupt_as_event() as interrupted:
            for number, (ticks, pixels) in enumerate(self._frames()):
                recording.write(pixels, ticks)
                part.append(self._picture(number, ticks, pixels))
                last = number + 1 == self.total or interrupted.is_set()
                if len(part) == size or last:
                    yield part
                    part = []
                if last:
                    break
            if part:
                yield part

    def locate(self, row: Row) -> VideoFrame:
        """The frame of the recording."""
        return VideoFrame(self._path, row.number)

    def _picture(self, number: int, ticks: int, pixels: NDArray[np.uint8]) -> Picture:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PPM")  # the cheapest that a record's bytes can be
        return Picture(buffer.getvalue(), f"{RECORDING}#{number:06d}", RECORDING, number, float(ticks * _TICK))

    def _frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Milliseconds since the first frame, rising, and (H, W, 3) RGB; frames that cannot be decoded are left out."""
        import av

        first: float | None = None
        last = -1
        try:
            for packet in self._container.demux(video=0):
                for frame in _decode(packet):
                    time = frame.time or 0.0
                    first = time if first is None else first
                    last = max(last + 1, round((time - first) / _TICK))
                    yield last, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        except av.FFmpegError as error:  # unplugged: what came before is kept
            print(f"camera {self._device.given}: stopped giving pictures ({error.strerror})", file=sys.stderr)
        finally:
            self._container.close()


@contextmanager
def _interrupt_as_event() -> Iterator[Event]:
    """An event that the first interrupt sets instead of raising `KeyboardInterrupt`."""
    event = Event()
    if current_thread() is not main_thread():
        yield event  # signals reach the main thread alone
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            signal.default_int_handler(number, frame)
        event.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def _decode(packet: Packet[VideoStream]) -> list[DecodedFrame]:
    import av

    try:
        return packet.decode()
    except av.FFmpegError:
        return []


def _open(device: Device) -> InputContainer:
    import av

    try:
        container = av.open(device.name, format=device.kind)
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"camera {device.given}: cannot be opened as {device.kind}:{device.name} ({reason}); is one attached, and "
            "may you read it?"
        ) from error
    if not container.streams.video:
        raise UserError(f"camera {device.given}: gives no pictures; name another.")
    return container

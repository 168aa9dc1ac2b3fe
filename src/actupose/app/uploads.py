"""Uploaded files as records in memory; the files themselves are removed at once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

from actupose.app.limits import Limits
from actupose.data.crop import ItemError, decode_image, encode_jpeg
from actupose.data.frames import FrameReader, VideoFrame, count_frames
from actupose.data.readers import folder, video
from actupose.data.records import PoseRecord
from actupose.errors import UserError


def read_uploads(files: Sequence[Path], limits: Limits) -> tuple[list[PoseRecord], list[str]]:
    """Read files into memory and remove them, also where reading fails.

    Args:
        files: as the browser sent them, in a folder for each.
        limits: what is refused.

    Returns:
        Records with encoded pictures, and a line for each file that cannot be used or is left out.
    """
    records: list[PoseRecord] = []
    problems: list[str] = []
    try:
        for file in files:
            if len(records) >= limits.pictures:
                problems.append(f"{file.name}: is left out; one upload shows at most {limits.pictures} pictures.")
                continue
            try:
                # of a video that breaks off, the frames before are in the list by then
                records.extend(_read(file, limits, limits.pictures - len(records)))
            except (ItemError, UserError, OSError) as error:
                problems.append(_line(file, error))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
            with suppress(OSError):  # holds another upload of this moment
                file.parent.rmdir()
    return records, problems


def _line(file: Path, error: Exception) -> str:
    """One line that begins with the file's name, not with where it lay for a moment."""
    text = str(error).replace(f"{file.parent}/", "").rstrip(".")
    return f"{text if text.startswith(file.name) else f'{file.name}: {text}'}."


def _read(file: Path, limits: Limits, most: int) -> Iterator[PoseRecord]:
    suffix = file.suffix.lower()
    if suffix in video.SUFFIXES:
        yield from _frames(file, limits, most)
    elif suffix in folder.SUFFIXES:
        data = file.read_bytes()
        _check_pixels(io.BytesIO(data), limits)
        yield PoseRecord(data, file.name)
    else:
        raise UserError("is neither a picture nor a video that is known here")


def _check_pixels(source: io.BytesIO, limits: Limits) -> None:
    """Refuse a picture by the size that its header states; broken ones are told when they are decoded."""
    try:
        with Image.open(source) as opened:
            width, height = opened.size
    except Image.DecompressionBombError as error:  # Pillow's own limit is a higher one
        raise UserError(f"has more than {limits.pixels:,} pixels; reduce it first") from error
    except Exception:  # whatever Pillow raises on a broken header
        return
    if width * height > limits.pixels:
        raise UserError(f"has {width * height:,} pixels, more than {limits.pixels:,}; reduce it first")


def _frames(file: Path, limits: Limits, most: int) -> Iterator[PoseRecord]:
    """Evenly spread frames, encoded again, so that the video need not be kept."""
    total = count_frames(file)
    if not total:
        raise OSError("the video has no frames")
    count = min(most, total)
    with FrameReader() as reader:
        for i in range(count):
            index = i * total // count
            name = f"{file.name}#{index:06d}"
            image = decode_image(VideoFrame(file, index), name, frames=reader)
            if image.width * image.height > limits.pixels:
                raise UserError(f"has frames of {image.width * image.height:,} pixels, more than {limits.pixels:,}")
            yield PoseRecord(encode_jpeg(image), name)

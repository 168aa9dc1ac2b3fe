"""What a user wants predicted: images, videos, folders of both, and patterns, as a list of pictures."""

from __future__ import annotations

import glob
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from actupose.data.frames import VideoFrame
from actupose.data.readers import folder, video
from actupose.data.records import PoseRecord
from actupose.data.video import read_timing
from actupose.errors import UserError

_SUFFIXES = (*folder.SUFFIXES, *video.SUFFIXES)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image, or one frame of a video.

    Attributes:
        image: where it is; the encoded image itself for a frame of a camera.
        name: what it is called: a path, or ``VIDEO#NUMBER``.
        video: name of its video; None for an image.
        frame: number of the frame, from 0.
        time: when it is shown, seconds of the video's own clock; None where the file does not say it.
    """

    image: Path | VideoFrame | bytes
    name: str
    video: str | None = None
    frame: int | None = None
    time: float | None = None

    def record(self) -> PoseRecord:
        """The whole picture, without labels."""
        return PoseRecord(self.image, self.name)


def find_pictures(
    inputs: Sequence[str | Path], frame_stride: int = 1, num_frames: int | None = None
) -> tuple[Picture, ...]:
    """List the pictures to predict; no image is opened yet, and of videos only the index.

    Args:
        inputs: image files, videos, folders, which are searched to any depth but for hidden files, and patterns with
            ``*``, ``?`` or ``**`` for a program that is called without a shell.
        frame_stride: take every n-th frame of a video.
        num_frames: take at most so many frames of a video, evenly spread; None = all.

    Returns:
        In the order of the inputs, a folder's by name. Names are relative to the folder, or to the part of a pattern
        before its first wildcard; where there are several inputs, those of a folder begin with the folder's own name.

    Raises:
        UserError: an input is missing, is no image or video or holds none, a video cannot be opened, two files have one
            name, or an option is out of range.
    """
    if not inputs:
        raise UserError("no input; name images, videos or folders.")
    files = [found for given in inputs for found in _files(str(given), alone=len(inputs) == 1)]
    name, count = Counter(name for name, _ in files).most_common(1)[0]
    if count > 1:
        raise UserError(f"{count} inputs are called '{name}'; predict them in separate calls.")
    return tuple(p for name, path in files for p in _pictures(name, path, frame_stride, num_frames))


def inputs_fingerprint(pictures: Sequence[Picture]) -> str:
    """Names, sizes and times of change of all files, and which frames of them, as a short hash.

    Raises:
        UserError: a file has gone.
    """
    digest = hashlib.sha256()
    last: Path | None = None
    for picture in pictures:
        path = picture.image.path if isinstance(picture.image, VideoFrame) else picture.image
        if path != last and isinstance(path, Path):
            digest.update(_facts(path).encode())
            last = path
        digest.update(f"{picture.name}\n".encode())
    return digest.hexdigest()[:16]


def _facts(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}\n"


def _files(given: str, *, alone: bool) -> Iterator[tuple[str, Path]]:
    """Name and path of each image and video that one input means."""
    path = Path(given)
    if path.is_dir():
        found = _below(path)
        if not found:
            raise UserError(f"{path}: holds no image or video; put files with one of {' '.join(_SUFFIXES)} there.")
        before = "" if alone else f"{path.resolve().name}/"
        yield from ((before + file.relative_to(path).as_posix(), file) for file in found)
    elif not path.exists() and glob.has_magic(given):
        yield from _matching(given)
    else:
        if not path.exists():
            raise UserError(f"{path}: no such image, video or folder.")
        if path.suffix.lower() not in _SUFFIXES:
            raise UserError(f"{path}: is no image or video known here; name a file with one of {' '.join(_SUFFIXES)}.")
        yield path.name, path


def _below(root: Path) -> list[Path]:
    found = (p for p in root.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts))


def _matching(pattern: str) -> Iterator[tuple[str, Path]]:
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    fixed = Path(*parts[:first])
    wanted = [p for p in sorted(fixed.glob("/".join(parts[first:]))) if p.suffix.lower() in _SUFFIXES and p.is_file()]
    if not wanted:
        raise UserError(f"{pattern}: fits no image or video; look at the pattern.")
    yield from ((p.relative_to(fixed).as_posix(), p) for p in wanted)


def _pictures(name: str, path: Path, stride: int, most: int | None) -> Iterator[Picture]:
    if path.suffix.lower() in folder.SUFFIXES:
        yield Picture(path, name)
        return
    try:
        timing = read_timing(path)
    except OSError as error:
        raise UserError(f"{path}: {error}; copy it again or leave it out.") from error
    for i in video.chosen_frames(timing.count, stride, most):
        yield Picture(VideoFrame(path, i), f"{name}#{i:06d}", name, i, timing.seconds(i))

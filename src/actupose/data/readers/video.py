"""Videos without labels: an unlabelled target domain, a record a frame. Frames are decoded when their crop is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actupose.data.frames import VideoFrame, count_frames
from actupose.data.readers.base import ReadOptions, ReadResult, choose_split
from actupose.data.readers.boxes import read_boxes, with_boxes
from actupose.data.readers.files import require_folder
from actupose.data.record_file import packed
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
SPLITS = ("all",)
_DEFAULT_SKELETON = "body16"


def read_video(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the frames of one video, or of every video below a folder; hidden files are left out.

    A frame is called ``VIDEO#NUMBER``, with the number from 0 in six digits.

    Args:
        root: the video or the folder.
        split: ``all``.
        options: ``frame_stride`` takes every n-th frame; ``num_frames`` takes at most so many of a video, evenly
            spread; ``boxes`` and ``skeleton`` as for a folder of images.

    Raises:
        UserError: there is no video, one cannot be opened, PyAV is missing, or an option is out of range.
    """
    choose_split(split, SPLITS, root)
    if root.is_file():
        base, videos = root.parent, [root]
    else:
        base = require_folder(root, "video or folder of videos", "name an existing one")
        videos = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in SUFFIXES and not _hidden(p, root)]
    if not videos:
        raise UserError(f"{root}: holds no video; put files with one of {' '.join(SUFFIXES)} there.")
    records = packed(
        PoseRecord(image=VideoFrame(path, i), name=f"{path.relative_to(base).as_posix()}#{i:06d}")
        for path in videos
        for i in chosen_frames(
            _length(path), 1 if options.frame_stride is None else options.frame_stride, options.num_frames
        )
    )
    if not records:
        raise UserError(f"{root}: the video holds no frame; copy it again.")
    if options.boxes is not None:
        records = with_boxes(records, read_boxes(options.boxes, [r.name for r in records]))
    return ReadResult(records, options.skeleton or load_skeleton(_DEFAULT_SKELETON), "video", root, split)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _length(path: Path) -> int:
    try:
        return count_frames(path)
    except OSError as error:
        raise UserError(f"{path}: {error}; copy it again or take it away.") from error


def chosen_frames(length: int, stride: int, most: int | None) -> Sequence[int]:
    """Numbers of the frames to take of a video.

    Args:
        length: how many frames it has.
        stride: take every n-th.
        most: take at most so many of these, evenly spread; None = all.

    Raises:
        UserError: a number is out of range.
    """
    if stride < 1 or (most is not None and most < 1):
        raise UserError(f"frame_stride {stride}, num_frames {most}: both must be at least 1.")
    frames = range(0, length, stride)
    if most is None or len(frames) <= most:
        return frames
    return [frames[int(i)] for i in np.linspace(0, len(frames) - 1, most).round()]

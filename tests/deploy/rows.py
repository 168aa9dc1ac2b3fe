"""Rows of a journal by hand: images of nobody, one and two people, a video with an empty and a broken frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from actupose.data.frames import VideoFrame
from actupose.deploy.journal import Person, Row
from actupose.deploy.outputs import OutputJob, writer_classes
from actupose.skeletons import load_skeleton
from data.fakes import picture
from data.fakes.video import write_video

SKELETON = load_skeleton("lsp14")
IMAGES = ("a.png", "deep/b.png", "c.webp", "d.png")
FRAMES = 6
EMPTY, BROKEN = 1, 3


def person(seed: int, box: tuple[float, ...] | None = None) -> Person:
    rng = np.random.default_rng(seed)
    points = np.round(rng.uniform(5, 40, (14, 2)), 2)
    return Person(box, points, np.round(rng.uniform(0, 1, 14), 4), np.round(rng.uniform(0, 1, 14), 4))


def image_rows(most: int = 2) -> list[Row]:
    people = ((person(0),), (person(1, (3.0, 4.0, 33.0, 41.5)), person(2, (8.0, 8.0, 20.0, 30.0)))[:most], ())
    rows = [Row(i, name, None, None, None, some) for i, (name, some) in enumerate(zip(IMAGES, people, strict=False))]
    return [*rows, Row(3, IMAGES[3], None, None, None, (), ("d.png: is no image",))]


def frame_rows(first: int = 4, video: str = "clips/v.mp4") -> list[Row]:
    rows = []
    for i in range(FRAMES):
        people = () if i in (EMPTY, BROKEN) else (person(10 + i),)
        skipped = (f"{video}#{i:06d}: cannot be decoded",) if i == BROKEN else ()
        rows.append(Row(first + i, f"{video}#{i:06d}", video, i, i / 25, people, skipped))
    return rows


def make_files(root: Path) -> None:
    for name in IMAGES[:3]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(48, 46).save(root / name)
    write_video(root / "clips" / "v.mp4", FRAMES, 65 + 1, 48)


def locate_in(root: Path) -> Callable[[Row], Path | VideoFrame]:
    return lambda row: root / row.name if row.video is None else VideoFrame(root / row.video, row.frame or 0)


def write(out: Path, rows: list[Row], *formats: str, root: Path | None = None, **more: object) -> Path:
    """Through the writers themselves, in two parts."""
    out.mkdir(parents=True, exist_ok=True)
    job = OutputJob(out, SKELETON, locate_in(root or out), **more)  # type: ignore[arg-type]
    names = [f for f in formats if f != "overlay"]
    writers = [cls(job) for cls in writer_classes(names, overlay="overlay" in formats)]
    for writer in writers:
        writer.write(rows[:3])
        writer.write(rows[3:])
        writer.finish()
        writer.abandon()
    return out

"""Uploads: read, bounded, removed from the disk whatever happens; comparisons drawn and packed."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actupose.app.compare import Comparison, compare
from actupose.app.limits import Limits, Rate
from actupose.app.uploads import read_uploads
from actupose.data.records import PoseRecord
from actupose.deploy.load import load
from actupose.errors import UserError
from commands.conftest import TinyRun, tiny_run
from data.fakes import picture
from data.fakes.video import read_number, write_video

__all__ = ["tiny_run"]


def upload(root: Path, name: str, data: bytes) -> Path:
    """A file as Gradio puts it: in a folder of its own."""
    folder = root / f"upload {name}"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(data)
    return folder / name


def png(width: int, height: int, seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    picture(width, height, seed).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_files_come_into_memory_and_leave_the_disk(tmp_path: Path) -> None:
    files = [
        upload(tmp_path, "a.png", png(30, 20)),
        upload(tmp_path, "huge.png", bomb(9000, 9000)),
        upload(tmp_path, "larger still.png", bomb(60_000, 60_000)),
        upload(tmp_path, "notes.txt", b"text"),
        upload(tmp_path, "broken.mp4", b"no video"),
    ]
    records, problems = read_uploads(files, Limits())
    assert [record.name for record in records] == ["a.png"]
    assert isinstance(records[0].image, bytes)
    assert [p.split(":")[0] for p in problems] == ["huge.png", "larger still.png", "notes.txt", "broken.mp4"]
    assert "81,000,000 pixels, more than 50,000,000" in problems[0]
    assert "more than 50,000,000 pixels" in problems[1]
    assert not [p for p in problems if str(tmp_path) in p or not p.endswith(".") or p.endswith("..")]
    assert not list(tmp_path.iterdir())


def test_a_video_gives_evenly_spread_frames_up_to_the_limit(tmp_path: Path) -> None:
    write_video(tmp_path / "made.mp4", 20)
    data = (tmp_path / "made.mp4").read_bytes()
    files = [upload(tmp_path / "up", "clip.mp4", data), upload(tmp_path / "up", "late.png", png(9, 9))]
    records, problems = read_uploads(files, Limits(pictures=4))
    assert [record.name for record in records] == [f"clip.mp4#{i:06d}" for i in (0, 5, 10, 15)]
    assert [read_number(Image.open(io.BytesIO(bytes(r.image)))) for r in records] == [0, 5, 10, 15]  # type: ignore[arg-type]
    assert problems == ["late.png: is left out; one upload shows at most 4 pictures."]
    assert not list((tmp_path / "up").iterdir())


def test_large_frames_of_a_video_are_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 3)
    records, problems = read_uploads([tmp_path / "clip.mp4"], Limits(pixels=1000))
    assert not records
    assert problems == ["clip.mp4: has frames of 3,072 pixels, more than 1,000."]


def test_files_are_removed_where_reading_fails_in_an_unforeseen_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> bytes:
        raise RuntimeError("unforeseen")

    file = upload(tmp_path, "a.png", png(30, 20))
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(RuntimeError):
        read_uploads([file], Limits())
    assert not list(tmp_path.iterdir())


def test_the_rate_counts_a_sliding_minute() -> None:
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    rate.check()
    now[0] = 40.0
    rate.check()
    with pytest.raises(UserError, match=r"more than 2 uploads .* in 20 s"):
        rate.check()
    now[0] = 60.0
    rate.check()
    with pytest.raises(UserError):
        rate.check()


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="per_minute 0: must be 1"):
        Limits(per_minute=0)


@pytest.fixture(scope="module")
def compared(tiny_run: TinyRun) -> tuple[Comparison, list[str]]:
    before = load(tiny_run.checkpoint.with_name("warmup.ckpt"))
    files = {"one.png": png(100, 80, 1), "bad.png": b"no", "2.JPG": png(2000, 1800, 2)}
    pictures = [PoseRecord(data, name) for name, data in files.items()]
    return compare(pictures, [("source-only", before), ("adapted", load(tiny_run.checkpoint))])


def test_both_models_answer_and_a_broken_picture_is_told_once(
    tiny_run: TinyRun, compared: tuple[Comparison, list[str]]
) -> None:
    comparison, problems = compared
    assert problems == ["bad.png: is no image that can be read."]
    assert comparison.names == ("one.png", "2.JPG")
    found = load(tiny_run.checkpoint)([Image.open(io.BytesIO(png(100, 80, 1)))])
    np.testing.assert_allclose(comparison.answers[1].predictions[0].keypoints, found.xy[0], atol=1e-3)
    assert not np.allclose(comparison.answers[0].predictions[0].keypoints, found.xy[0])


def test_the_pose_stands_where_it_was_found_at_any_size(compared: tuple[Comparison, list[str]]) -> None:
    comparison, _ = compared
    answer = comparison.answers[1]
    copy = Image.open(io.BytesIO(comparison.pictures[1]))
    assert (copy.size, comparison.scales[1]) == ((1600, 1440), 0.8)
    plain, drawn = (
        np.asarray(Image.open(io.BytesIO(comparison.drawn(1, answer, threshold, side=1600, enlarge=1.0))), int)
        for threshold in (9.0, -9.0)
    )
    marked = np.argwhere(np.abs(plain - drawn).max(2) > 60)[:, ::-1]
    assert len(marked)
    places = answer.predictions[1].keypoints * 0.8
    places = places[((places > 0) & (places < [1600, 1440])).all(1)]
    assert len(places) > 5
    assert all(np.linalg.norm(marked - place, axis=1).min() < 25 for place in places)
    assert Image.open(io.BytesIO(comparison.drawn(0, answer, 0.0))).size == (560, 448)


def test_the_archive_holds_results_and_overlays_of_both(compared: tuple[Comparison, list[str]]) -> None:
    comparison, _ = compared
    with zipfile.ZipFile(io.BytesIO(comparison.archive(0.5))) as packed:
        assert sorted(packed.namelist()) == [
            f"{title}/{name}"
            for title in ("adapted", "source-only")
            for name in ("overlay/01_one.png.jpg", "overlay/02_2.JPG", "predictions.json")
        ]
        results = json.loads(packed.read("adapted/predictions.json"))
        assert Image.open(packed.open("adapted/overlay/01_one.png.jpg")).size == (100, 80)
    assert [r["file_name"] for r in results] == ["one.png", "2.JPG"]
    wanted = comparison.answers[1].predictions[1].keypoints
    np.testing.assert_allclose(np.reshape(results[1]["keypoints"], (-1, 3))[:, :2], wanted, atol=0.01)

"""Videos as a target without labels: which frames, what they are called, and what is wrong with broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actupose.data.crop import decode_image
from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.errors import UserError
from data.fakes.video import read_number, write_video


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    write_video(tmp_path / "v" / "a.mp4", 30)
    write_video(tmp_path / "v" / "deep" / "b.avi", 7)
    (tmp_path / "v" / ".hidden").mkdir()
    write_video(tmp_path / "v" / ".hidden" / "c.mp4", 3)
    (tmp_path / "v" / "notes.txt").write_text("", encoding="utf-8")
    return tmp_path / "v"


def test_every_frame_is_a_record(videos: Path) -> None:
    found = read("video", videos)
    assert [r.name for r in found.records] == [f"a.mp4#{i:06d}" for i in range(30)] + [
        f"deep/b.avi#{i:06d}" for i in range(7)
    ]
    assert [read_number(decode_image(r.image, r.name)) for r in found.records[::9]] == [0, 9, 18, 27, 6]
    assert all(r.keypoints is None and r.box is None for r in found.records)


@pytest.mark.parametrize(
    ("stride", "most", "wanted"),
    [(10, None, [0, 10, 20]), (None, 3, [0, 14, 29]), (7, 2, [0, 28]), (1, 99, list(range(30))), (100, 5, [0])],
)
def test_stride_and_count(videos: Path, stride: int | None, most: int | None, wanted: list[int]) -> None:
    found = read("video", videos / "a.mp4", frame_stride=stride, num_frames=most)
    assert [int(r.name.split("#")[1]) for r in found.records] == wanted


def test_boxes_of_frames(videos: Path, tmp_path: Path) -> None:
    boxes = {"a.mp4#000003": [[0, 0, 20, 20], [10, 10, 40, 40]], "a.mp4#000009": [1, 2, 30, 40]}
    (tmp_path / "b.json").write_text(json.dumps(boxes), encoding="utf-8")
    found = read("video", videos / "a.mp4", boxes=tmp_path / "b.json")
    assert [(r.name, r.box) for r in found.records] == [
        ("a.mp4#000003", (-0.5, -0.5, 19.5, 19.5)),
        ("a.mp4#000003#1", (9.5, 9.5, 39.5, 39.5)),
        ("a.mp4#000009", (0.5, 1.5, 29.5, 39.5)),
    ]


def test_to_a_store(videos: Path, tmp_path: Path) -> None:
    report = prepare(read("video", videos, frame_stride=5), tmp_path / "s", size=32, workers=2, shard_size=3)
    assert (report.num_rows, report.problems) == (8, [])


def test_bad_videos(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone.mp4: no such folder"):
        read("video", tmp_path / "gone.mp4")
    with pytest.raises(UserError, match=r"frame_stride 0, num_frames None: both must be at least 1"):
        read("video", videos, frame_stride=0)
    with pytest.raises(UserError, match=r"reader 'folder' takes no 'num_frames'"):
        read("folder", videos, num_frames=3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: holds no video"):
        read("video", tmp_path / "empty")
    (videos / "deep" / "b.avi").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"b.avi: no video that can be read"):
        read("video", videos)


def test_a_video_cut_short(videos: Path, tmp_path: Path) -> None:
    path = videos / "a.mp4"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # its index stands at the end
    with pytest.raises(UserError, match=r"a.mp4: no video that can be read"):
        read("video", path)
    path.write_bytes(whole)
    found = read("video", path)
    path.write_bytes(whole[:200])
    with pytest.raises(UserError, match=r"30 of 30 items are unusable.*a.mp4#000000"):
        prepare(found, tmp_path / "s", size=32)

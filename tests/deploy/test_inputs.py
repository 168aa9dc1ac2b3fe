"""Which pictures are predicted, under which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actupose.data.frames import VideoFrame
from actupose.deploy.inputs import find_pictures, inputs_fingerprint
from actupose.errors import UserError
from data.fakes import picture, write_folder
from data.fakes.video import write_video


def names(*args: object, **more: int) -> list[str]:
    return [p.name for p in find_pictures([str(a) for a in args], **more)]


def test_a_folder_by_relative_names(tmp_path: Path) -> None:
    wanted = write_folder(tmp_path / "photos")
    found = find_pictures([tmp_path / "photos"])
    assert [p.name for p in found] == wanted
    assert [p.image for p in found] == [tmp_path / "photos" / name for name in wanted]
    assert all(p.video is p.frame is p.time is None for p in found)


def test_several_inputs_are_told_apart_by_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        picture(40, 30).save(tmp_path / folder / "x.png")
    picture(40, 30).save(tmp_path / "x.JPG", "JPEG")
    assert names(tmp_path / "b", tmp_path / "x.JPG", tmp_path / "a") == ["b/x.png", "x.JPG", "a/x.png"]


def test_a_pattern(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/deep/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(40, 30).save(tmp_path / name)
    (tmp_path / "a" / "1.txt").write_text("", encoding="utf-8")
    assert names(tmp_path / "*" / "1.*") == ["a/1.png", "b/1.png"]
    assert names(tmp_path / "b" / "**" / "*.png") == ["1.png", "deep/3.png"]
    with pytest.raises(UserError, match=r"\*\.gif: fits no image or video"):
        names(tmp_path / "*.gif")
    picture(40, 30).save(tmp_path / "[1].png")
    assert names(tmp_path / "[1].png") == ["[1].png"], "a file of that name is no pattern"


def test_frames_of_videos_with_their_times(tmp_path: Path) -> None:
    write_video(tmp_path / "v" / "deep" / "a.mp4", 10)
    picture(40, 30).save(tmp_path / "v" / "z.png")
    found = find_pictures([tmp_path / "v"], frame_stride=4)
    assert [p.name for p in found] == [*(f"deep/a.mp4#{i:06d}" for i in (0, 4, 8)), "z.png"]
    assert [p.image for p in found[:3]] == [VideoFrame(tmp_path / "v/deep/a.mp4", i) for i in (0, 4, 8)]
    assert [(p.video, p.frame, p.time) for p in found[:3]] == [
        ("deep/a.mp4", i, pytest.approx(i / 25)) for i in (0, 4, 8)
    ]
    assert names(tmp_path / "v" / "deep" / "a.mp4", num_frames=2) == ["a.mp4#000000", "a.mp4#000009"]


def test_the_fingerprint_knows_changed_files_and_other_frames(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 3)
    write_video(tmp_path / "photos" / "v.mp4", 6)
    found = find_pictures([tmp_path / "photos"])
    first = inputs_fingerprint(found)
    assert inputs_fingerprint(find_pictures([tmp_path / "photos"])) == first
    assert inputs_fingerprint(find_pictures([tmp_path / "photos"], frame_stride=2)) != first
    os.utime(tmp_path / "photos" / "v.mp4", ns=(0, 0))
    assert inputs_fingerprint(found) != first
    (tmp_path / "photos" / "v.mp4").unlink()
    with pytest.raises(UserError, match=r"v\.mp4: cannot be read"):
        inputs_fingerprint(found)


def test_inputs_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    picture(40, 30).save(tmp_path / "x.png")
    for given, said in {
        (): "no input",
        ("gone",): "gone: no such image, video or folder",
        ("empty",): "empty: holds no image or video",
        ("notes.txt",): r"notes\.txt: is no image or video",
        ("text.mp4",): r"text\.mp4: no video that can be read.*copy it again",
        ("x.png", "x.png"): r"2 inputs are called 'x\.png'",
    }.items():
        with pytest.raises(UserError, match=said):
            names(*(tmp_path / name for name in given))
    write_video(tmp_path / "v.mp4", 3)
    with pytest.raises(UserError, match="frame_stride 0"):
        names(tmp_path / "v.mp4", frame_stride=0)

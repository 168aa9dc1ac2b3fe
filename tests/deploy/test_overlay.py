"""Drawn images and videos: upright, in place, with the times of what they were made of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from actupose.data.frames import FrameReader, VideoFrame, count_frames
from actupose.data.video import read_timing
from actupose.deploy.outputs.video_file import VideoFile
from actupose.skeletons.draw import draw_pose
from data.fakes import picture
from data.fakes.video import read_number, turn_video, write_video
from deploy.rows import BROKEN, EMPTY, FRAMES, SKELETON, frame_rows, image_rows, make_files, write


def frames(path: Path) -> list[np.ndarray]:
    with FrameReader() as reader:
        return [np.asarray(reader.read(VideoFrame(path, i)), int) for i in range(count_frames(path))]


def test_images_with_people_are_drawn(tmp_path: Path) -> None:
    make_files(tmp_path)
    out = write(tmp_path / "out", image_rows(), "overlay", root=tmp_path) / "overlay"
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == ["a.png", "deep/b.png"]
    with Image.open(tmp_path / "deep" / "b.png") as plain, Image.open(out / "deep" / "b.png") as drawn:
        wanted = np.asarray(plain)
        for person in image_rows()[1].people:
            wanted = draw_pose(wanted, person.keypoints, SKELETON)
        np.testing.assert_array_equal(np.asarray(drawn), wanted)


def test_the_threshold_hides_joints(tmp_path: Path) -> None:
    make_files(tmp_path)
    out = write(tmp_path / "out", image_rows(), "overlay", root=tmp_path, threshold=1.1)
    with Image.open(tmp_path / "a.png") as plain, Image.open(out / "overlay" / "a.png") as drawn:
        np.testing.assert_array_equal(np.asarray(plain), np.asarray(drawn))


def test_a_video_keeps_times_rate_and_number_of_frames(tmp_path: Path) -> None:
    make_files(tmp_path)
    out = write(tmp_path / "out", frame_rows(0), "overlay", root=tmp_path) / "overlay"
    assert [p.name for p in out.rglob("*.*")] == ["v.mp4"]
    before, after = read_timing(tmp_path / "clips" / "v.mp4"), read_timing(out / "clips" / "v.mp4")
    assert after.rate == before.rate == 25
    kept = [i for i in range(FRAMES) if i != BROKEN]
    assert after.count == len(kept)
    assert [after.seconds(k) for k in range(after.count)] == pytest.approx([before.seconds(i) for i in kept])
    plain, drawn = frames(tmp_path / "clips" / "v.mp4"), frames(out / "clips" / "v.mp4")
    changes = [np.abs(drawn[k] - plain[i]).mean() for k, i in enumerate(kept)]
    assert changes[kept.index(EMPTY)] < 3
    assert all(change > 8 for i, change in zip(kept, changes, strict=True) if i != EMPTY)


def test_uneven_times_and_a_part_of_the_frames(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    ticks = [0, 40, 55, 300, 301, 900]
    with VideoFile(tmp_path / "clips" / "v.mp4", None, Fraction(1, 1000)) as file:
        for i, tick in enumerate(ticks):
            file.write(np.full((48, 66, 3), 30 * i, np.uint8), tick)
    source = read_timing(tmp_path / "clips" / "v.mp4")
    assert [source.seconds(i) for i in range(6)] == pytest.approx([t / 1000 for t in ticks], abs=1e-3)
    rows = frame_rows(0)[::2]
    out = read_timing(write(tmp_path / "out", rows, "overlay", root=tmp_path) / "overlay" / "clips" / "v.mp4")
    assert [out.seconds(i) for i in range(3)] == pytest.approx([0, 0.055, 0.301], abs=1e-3)


def test_a_video_of_a_telephone_is_upright(tmp_path: Path) -> None:
    make_files(tmp_path)
    turn_video(tmp_path / "clips" / "v.mp4")
    out = write(tmp_path / "out", frame_rows(0), "overlay", root=tmp_path) / "overlay" / "clips" / "v.mp4"
    with av.open(str(out)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (48, 66)
        assert next(container.decode(video=0)).rotation == 0


def test_odd_sides_grow_and_two_videos_are_two(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", 3, 64, 48)
    with VideoFile(tmp_path / "b.mkv", Fraction(10), Fraction(1, 1000), "matroska") as file:
        for i in range(3):
            file.write(np.asarray(picture(33, 21, i)), 100 * i)
    rows = [*frame_rows(0, "a.avi")[:3], *frame_rows(3, "b.mkv")[:3]]
    out = write(tmp_path / "out", rows, "overlay", root=tmp_path) / "overlay"
    assert sorted(p.name for p in out.iterdir()) == ["a.avi.mp4", "b.mkv.mp4"]
    assert frames(out / "b.mkv.mp4")[0].shape == (22, 34, 3)
    assert read_timing(out / "b.mkv.mp4").rate == 10


def test_a_recording_can_be_read_before_it_ends(tmp_path: Path) -> None:
    from data.fakes.video import frame_pixels

    file = VideoFile(tmp_path / "r.mkv", Fraction(25), Fraction(1, 1000), "matroska")
    for i in range(200):
        file.write(frame_pixels(i, 64, 48), 40 * i)
    copy = tmp_path / "killed.mkv"
    copy.write_bytes((tmp_path / "r.mkv").read_bytes())
    file.close()
    with FrameReader() as reader:
        count = count_frames(copy)
        assert count > 50
        assert read_number(reader.read(VideoFrame(copy, count - 1))) == count - 1

"""Frames of videos by name: the right one however it is reached, upright, and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actupose.data.crop import ItemError, crop_record, decode_image
from actupose.data.frames import FrameReader, VideoFrame, count_frames
from actupose.data.prepare import prepare, records_fingerprint
from actupose.data.readers import ReadResult
from actupose.data.records import PoseRecord
from actupose.data.store import open_store
from actupose.skeletons import load_skeleton
from data.fakes.video import read_number, turn_video, write_video

COUNT = 200


@pytest.fixture(scope="module", params=["mpeg4", "libx264"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / f"{request.param}.mp4"
    write_video(path, COUNT, codec=request.param)
    return path


def test_every_frame_in_order(video: Path) -> None:
    assert count_frames(video) == COUNT
    with FrameReader() as frames:
        assert [read_number(frames.read(VideoFrame(video, i))) for i in range(COUNT)] == list(range(COUNT))


def test_any_order_gives_the_same_pictures(video: Path) -> None:
    with FrameReader() as frames:
        inorder = {i: np.asarray(frames.read(VideoFrame(video, i))) for i in range(COUNT)}
    wanted = [199, 0, 70, 71, 150, 3, 80, 80, 198, 1, 66, 131]
    with FrameReader() as frames:
        for i in wanted:
            np.testing.assert_array_equal(np.asarray(frames.read(VideoFrame(video, i))), inorder[i])


def test_a_far_frame_is_reached_without_decoding_all(video: Path) -> None:
    with FrameReader() as frames:
        assert read_number(frames.read(VideoFrame(video, 190))) == 190
        assert frames._video is not None
        first = frames._video
        first._jump(199)
        assert first._next > 180, "a key frame near the wanted one, not the first"


def test_two_videos_by_turns(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 5)
    write_video(tmp_path / "b.mp4", 9)
    with FrameReader() as frames:
        for i in range(5):
            for name in ("a", "b"):
                assert read_number(frames.read(VideoFrame(tmp_path / f"{name}.mp4", i))) == i
        with pytest.raises(OSError, match="ends after 5 frames"):
            frames.read(VideoFrame(tmp_path / "a.mp4", 5))
        with pytest.raises(OSError, match="ends after 9 frames"):
            frames.read(VideoFrame(tmp_path / "b.mp4", 500))


def test_a_telephone_held_upright(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 3)
    plain = decode_image(VideoFrame(tmp_path / "v.mp4", 1), "v")
    turn_video(tmp_path / "v.mp4")
    with FrameReader() as frames:
        turned = frames.read(VideoFrame(tmp_path / "v.mp4", 1))
        stored = frames.read(VideoFrame(tmp_path / "v.mp4", 1), upright=False)
    np.testing.assert_array_equal(np.asarray(stored), np.asarray(plain))
    np.testing.assert_array_equal(np.asarray(turned), np.rot90(np.asarray(plain), -1))


def test_a_store_of_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 30)
    records = tuple(PoseRecord(VideoFrame(tmp_path / "v.mp4", i), f"v#{i}") for i in range(0, 30, 3))
    found = ReadResult(records, load_skeleton("body16"), "video", tmp_path, "all")
    for workers in (0, 2):
        prepare(found, tmp_path / str(workers), size=48, shard_size=4, workers=workers)
    rows = [open_store(tmp_path / str(w)).rows["image"][:] for w in (0, 2)]
    assert rows[0] == rows[1]
    alone = crop_record(records[7], 48, num_keypoints=16)
    assert alone.image == rows[0][7]
    other = (PoseRecord(VideoFrame(tmp_path / "v.mp4", 1), "v#0"), *records[1:])
    assert records_fingerprint(other) != records_fingerprint(records)


def test_broken_videos(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 30)
    whole = (tmp_path / "v.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("half", "text", "empty"):
        path = tmp_path / f"{name}.mp4"
        with pytest.raises(ItemError, match=r"^clip: cannot be decoded \(no video that can be read"):
            decode_image(VideoFrame(path, 0), "clip")
        with pytest.raises(OSError, match="no video that can be read"):
            count_frames(path)
    with pytest.raises(ItemError, match=r"clip: no such image \(.*gone.mp4, frame 3\)"):
        decode_image(VideoFrame(tmp_path / "gone.mp4", 3), "clip")
    with pytest.raises(ItemError, match=r"clip: cannot be decoded \(the video ends after 30 frames\)"):
        decode_image(VideoFrame(tmp_path / "v.mp4", 30), "clip")


def test_frames_beyond_the_pixel_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    with pytest.raises(ItemError, match=r"clip: cannot be decoded .*more than 3071 pixels"):
        decode_image(VideoFrame(tmp_path / "v.mp4", 0), "clip")


def test_a_mirrored_crop(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).resize((120, 80))
    image.save(tmp_path / "a.png")
    points = np.array([[20, 15], [80, 60], [50, 30]], np.float32)
    plain, mirrored = (
        crop_record(PoseRecord(tmp_path / "a.png", "a", None, points, np.full(3, 2, np.uint8), flip=flip), 64)
        for flip in (False, True)
    )
    np.testing.assert_allclose(mirrored.keypoints, [63, 0] + np.array([-1, 1]) * plain.keypoints, atol=1e-4)
    moved = points @ mirrored.crop[:, :2].T + mirrored.crop[:, 2]
    np.testing.assert_allclose(moved, mirrored.keypoints, atol=1e-4)
    pixels = [np.asarray(decode_image(row.image, "a"), int) for row in (plain, mirrored)]
    assert np.abs(pixels[0][:, ::-1] - pixels[1]).mean() < 2, "the same picture, mirrored, but for JPEG"
    assert np.abs(pixels[0] - pixels[1]).mean() > 10

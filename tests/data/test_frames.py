"""Frames of videos by name: the right one however it is reached, upright, and broken files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from actupose.data.crop import ItemError, crop_record, decode_image
from actupose.data.frames import FrameReader, VideoFrame, count_frames
from actupose.data.prepare import prepare, records_fingerprint
from actupose.data.readers import ReadResult
from actupose.data.records import PoseRecord
from actupose.data.store import open_store
from actupose.data.video import Video, read_timing
from actupose.skeletons import load_skeleton
from data.fakes.video import break_packets, read_number, turn_video, write_video

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
        assert first._at > 180, "a key frame near the wanted one, not the first"


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


@pytest.mark.parametrize(
    ("name", "codec", "gone"),
    [("v.mp4", "mpeg4", {20, 21}), ("v.mp4", "libx264", {19, 24}), ("v.avi", "mpeg4", {20, 21})],
)
def test_a_broken_frame_keeps_its_number_and_the_others_theirs(
    tmp_path: Path, name: str, codec: str, gone: set[int]
) -> None:
    """Packets 20 and 21 of the file; with libx264 they are shown elsewhere. Each number is looked up in the pixels."""
    path = tmp_path / name
    write_video(path, 60, codec=codec)
    break_packets(path, 20, 2)
    with FrameReader() as frames:
        for order in (range(60), reversed(range(60))):
            broken = set()
            for i in order:
                try:
                    assert read_number(frames.read(VideoFrame(path, i))) == i
                except OSError:
                    broken.add(i)
            assert broken == gone
        for i, said in ((20 if 20 in gone else 19, "the frame is broken"), (60, "ends after 60 frames")):
            with pytest.raises(OSError, match=said):
                frames.read(VideoFrame(path, i))


def test_a_file_cut_short_misses_the_frames_that_its_index_promises(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 60)
    ahead = tmp_path / "index first.mp4"
    with av.open(str(tmp_path / "v.mp4")) as whole, av.open(str(ahead), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    data = ahead.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 3 // 4])
    timing = read_timing(tmp_path / "cut.mp4")
    assert timing.count == 60
    assert timing.seconds(59) == pytest.approx(59 / 25)
    with FrameReader() as frames:
        seen = []
        for i in range(60):
            with suppress(OSError):
                assert read_number(frames.read(VideoFrame(tmp_path / "cut.mp4", i))) == i
                seen.append(i)
        assert seen == list(range(len(seen)))
        assert 20 < len(seen) < 55
        with pytest.raises(OSError, match="the frame is broken"):
            frames.read(VideoFrame(tmp_path / "cut.mp4", 59))


def test_a_broken_end_does_not_begin_anew_at_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "v.mp4", 30)
    break_packets(tmp_path / "v.mp4", 20, 10)
    rewinds = []
    real = Video._rewind
    monkeypatch.setattr(Video, "_rewind", lambda self: (rewinds.append(1), real(self))[1])
    with FrameReader() as frames:
        for i in range(20):
            frames.read(VideoFrame(tmp_path / "v.mp4", i))
        for i in range(20, 30):
            with pytest.raises(OSError, match="the frame is broken"):
                frames.read(VideoFrame(tmp_path / "v.mp4", i))
    assert len(rewinds) == 1


def test_times_of_frames(tmp_path: Path) -> None:
    for codec in ("mpeg4", "libx264"):
        for kind in ("mp4", "mkv", "avi"):
            write_video(tmp_path / f"{codec}.{kind}", 12, codec=codec)
            timing = read_timing(tmp_path / f"{codec}.{kind}")
            assert (timing.count, timing.rate) == (12, 25)
            assert [timing.seconds(i) for i in range(12)] == pytest.approx([i / 25 for i in range(12)], abs=1e-3)
    assert read_timing(tmp_path / "libx264.avi").ticks is None, "AVI cannot say when a reordered frame is shown"


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

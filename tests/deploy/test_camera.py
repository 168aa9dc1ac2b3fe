"""A camera that a test can have: FFmpeg's lavfi device, which is opened and read as a webcam is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from actupose.data.frames import FrameReader
from actupose.data.video import read_timing
from actupose.deploy.camera import RECORDING, Camera, Device, as_camera
from actupose.deploy.journal import Journal, Row
from actupose.deploy.outputs.video_file import VideoFile
from actupose.deploy.people import WholePictures
from actupose.deploy.predict import PredictConfig, Predictor
from actupose.deploy.run import predict_all
from actupose.errors import UserError
from deploy.test_predict import model

DEVICE = "lavfi:testsrc=size=64x48:rate=25"
pytestmark = pytest.mark.skipif("lavfi" not in av.formats_available, reason="this PyAV has no lavfi device")


def camera(out: Path, count: int | None, device: str = DEVICE) -> Camera:
    out.mkdir(exist_ok=True)
    found = as_camera([device])
    assert found is not None
    return Camera(found, out, count)


def test_what_is_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert as_camera(["0"]) == Device("v4l2", "/dev/video0", "0")
    assert as_camera(["dshow:video=My Cam"]) == Device("dshow", "video=My Cam", "dshow:video=My Cam")
    assert as_camera(["photos", "a:b.png", "7.png"]) is None
    (tmp_path / "7").mkdir()
    assert as_camera(["7"]) is None, "a folder of that name"
    with pytest.raises(UserError, match="camera is predicted alone"):
        as_camera(["0", "photos"])
    monkeypatch.setattr(sys, "platform", "darwin")
    assert as_camera(["1"]) == Device("avfoundation", "1", "1")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match="name it as dshow:video=NAME"):
        as_camera(["0"])


def test_frames_are_recorded_as_they_come(tmp_path: Path) -> None:
    source = camera(tmp_path, 8)
    parts = list(source.batches(0, 3))
    assert [len(part) for part in parts] == [3, 3, 2]
    pictures = [p for part in parts for p in part]
    assert [p.name for p in pictures] == [f"camera.mkv#{i:06d}" for i in range(8)]
    assert [p.time for p in pictures] == pytest.approx([i / 25 for i in range(8)], abs=0.001)
    timing = read_timing(tmp_path / RECORDING)
    assert [timing.seconds(i) for i in range(timing.count)] == pytest.approx([i / 25 for i in range(8)], abs=0.001)
    with FrameReader() as frames:
        for i, shown in enumerate(pictures):
            recorded = frames.read(source.locate(Row(i, shown.name, RECORDING, i, None)))
            header = b"P6\n64 48\n255\n"
            assert isinstance(shown.image, bytes)
            assert shown.image.startswith(header)
            pixels = np.frombuffer(shown.image[len(header) :], np.uint8).reshape(48, 64, 3)
            assert np.abs(np.asarray(recorded, int) - pixels).mean() < 12, "the same picture, but for H.264"


def test_a_device_that_ends(tmp_path: Path) -> None:
    parts = list(camera(tmp_path, None, f"{DEVICE}:duration=0.2").batches(0, 4))
    assert [len(part) for part in parts] == [4, 1]


def test_a_full_disk_is_one_line_and_rows_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = VideoFile.write, []

    def full(self: VideoFile, pixels: Any, ticks: int) -> None:
        written.append(ticks)
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        write(self, pixels, ticks)

    monkeypatch.setattr(VideoFile, "write", full)
    source = camera(tmp_path / "out", None)
    (tmp_path / "out").rmdir()
    journal = Journal(tmp_path / "out", {}, 2, source.total)
    with pytest.raises(UserError, match=r"out: cannot write \(No space left on device\); what is predicted is kept"):
        predict_all(source, WholePictures(), Predictor(model(), PredictConfig(batch_size=2)), journal)
    assert len(list(journal.rows())) == 4


def test_cameras_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"camera 99: cannot be opened as v4l2:/dev/video99 \(.*\); is one attached"):
        Camera(Device("v4l2", "/dev/video99", "99"), tmp_path, None)
    with pytest.raises(UserError, match="cannot be opened as lavfi:nothing"):
        camera(tmp_path, None, "lavfi:nothing")
    with pytest.raises(UserError, match="num_frames 0"):
        camera(tmp_path, 0)
    (tmp_path / RECORDING).write_bytes(b"")
    with pytest.raises(UserError, match=r"camera\.mkv: is a recording already; predict that file"):
        camera(tmp_path, 3)

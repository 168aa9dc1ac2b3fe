"""`actupose predict` end to end on a checkpoint of a tiny training."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from actupose.cli import main
from actupose.codecs import subpixel, to_image
from actupose.data.crop import cut, decode_image
from actupose.data.frames import count_frames
from actupose.data.records import PoseRecord
from actupose.deploy.checkpoint import load_checkpoint
from actupose.models.pose_net import STRIDE
from commands.conftest import SIZE, TinyRun
from data.fakes import picture, write_folder
from data.fakes.video import break_packets, write_video


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_folder(tmp_path / "photos")
    return tmp_path / "photos"


def failed(capsys: pytest.CaptureFixture[str], *args: object, code: int = 2) -> str:
    """The one line on standard error of a call that must end with a code, of bad input unless told."""
    assert main(["predict", *map(str, args)]) == code
    lines = capsys.readouterr().err.splitlines()
    complaints = [line for line in lines if line.startswith("actupose predict: ")]
    assert len(complaints) == 1
    assert lines[-1] == complaints[0]
    return complaints[0]


def test_results_equal_the_model_on_crops_of_the_same_pictures(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.json"
    names = sorted(p.relative_to(photos).as_posix() for p in photos.rglob("photo*"))
    boxes.write_text(json.dumps({name: [5, 10, 60, 75] for name in names}), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["predict", str(tiny_run.checkpoint), str(photos), "--out", str(out), "--boxes", str(boxes)]) == 0
    assert "4 of 4 images predicted by ACTUPose teacher (4 people)" in capsys.readouterr().out
    results = json.loads((out / "predictions.json").read_text(encoding="utf-8"))
    assert [r["file_name"] for r in results] == names

    model = load_checkpoint(tiny_run.checkpoint)
    for result, name in zip(results, names, strict=True):
        record = PoseRecord(photos / name, name, (4.5, 9.5, 59.5, 74.5))
        crop = cut(record, decode_image(record.image, name), SIZE)
        image = torch.from_numpy(np.array(crop.pixels)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            points, peaks = subpixel(model.net(image).heatmaps)
        triples = np.asarray(result["keypoints"]).reshape(14, 3)
        seen = triples[:, :2] @ crop.matrix[:, :2].T + crop.matrix[:, 2]
        np.testing.assert_allclose(seen, to_image(points, STRIDE)[0].numpy(), atol=0.01)
        np.testing.assert_allclose(triples[:, 2], peaks[0], atol=1e-4)
    facts = report(out)
    assert (facts["predicted"], facts["skipped"], facts["size"]) == (4, [], SIZE)
    assert facts["keypoints"] == list(model.skeleton.keypoints)


def test_overlays_are_the_upright_originals_with_a_pose(tiny_run: TinyRun, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(90, 60).save(tmp_path / "in" / "turned.jpg", exif=exif)
    picture(50, 70).save(tmp_path / "in" / "b.webp", lossless=True)
    args = [str(tiny_run.checkpoint), str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--overlay", "true"]
    assert main(["predict", *args]) == 0
    with Image.open(tmp_path / "out" / "overlay" / "turned.jpg") as turned:
        assert turned.size == (60, 90)
    with Image.open(tmp_path / "out" / "overlay" / "b.webp.jpg") as drawn, Image.open(tmp_path / "in/b.webp") as plain:
        assert drawn.size == plain.size
        change = np.abs(np.asarray(drawn, int) - np.asarray(plain.convert("RGB"), int)).max(2)
    assert (change > 60).any()
    assert main(["predict", *args[:3], str(tmp_path / "none"), *args[4:], "--threshold", "99"]) == 0
    with Image.open(tmp_path / "none" / "overlay" / "b.webp.jpg") as drawn, Image.open(tmp_path / "in/b.webp") as plain:
        change = np.abs(np.asarray(drawn, int) - np.asarray(plain.convert("RGB"), int)).max(2)
    assert (change < 30).all()


def many(folder: Path, count: int = 20) -> Path:
    folder.mkdir()
    for i in range(count):
        picture(40, 40, i).save(folder / f"{i:02d}.png")
    return folder


def report(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_a_skipped_picture_is_said_and_written(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (many(tmp_path / "in") / "07.png").write_bytes(b"broken")
    assert main(["predict", str(tiny_run.checkpoint), str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "skipped: 07.png" in said
    assert "19 of 20 images" in said
    (line,) = report(tmp_path / "out")["skipped"]
    assert "07.png" in line


def test_many_skipped_pictures_end_with_an_error_and_the_others_predicted(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = many(tmp_path / "in")
    for name in ("03.png", "12.png"):
        (folder / name).write_bytes(b"broken")
    said = failed(capsys, tiny_run.checkpoint, tmp_path / "in", "--out", tmp_path / "out")
    assert "2 of 20 pictures cannot be used, more than 5 %; first: 03.png" in said
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8"))) == 18


def test_nobody_found_is_an_error_after_everything_is_written(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"photo 0.jpeg": []}), encoding="utf-8")
    out = tmp_path / "out"
    said = failed(capsys, tiny_run.checkpoint, photos, "--boxes", boxes, "--out", out)
    assert "no person was found in 4 pictures; lower --detector.threshold" in said
    assert (report(out)["without_people"], report(out)["people"]) == (4, 0)
    assert json.loads((out / "predictions.json").read_text(encoding="utf-8")) == []


def test_a_video_with_a_broken_frame_in_every_format(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "v.mp4", 30)
    break_packets(tmp_path / "v.mp4", 20, 1)
    out = tmp_path / "out"
    args = [str(tiny_run.folder), str(tmp_path / "v.mp4"), "--out", str(out), "--overlay", "true"]
    assert main(["predict", *args, "--formats", "coco,csv,parquet,deeplabcut,sleap", "--flip", "true"]) == 0
    said = capsys.readouterr()
    assert "skipped: v.mp4#000020: cannot be decoded (the frame is broken)" in said.out
    assert "29 of 30 images predicted" in said.out
    assert re.search(r"^predict: 30/30 \([\d.]+ images/s\)$", said.err, re.MULTILINE)
    assert report(out)["skipped"] == ["v.mp4#000020: cannot be decoded (the frame is broken)"]
    names = {"predictions.json", "predictions.csv", "predictions.parquet", "predictions.slp", "deeplabcut", "overlay"}
    assert {p.name for p in out.iterdir()} == names | {"command.json", "journal.jsonl", "report.json"}
    assert count_frames(out / "overlay" / "v.mp4") == 29
    assert pd.read_hdf(out / "deeplabcut" / "vDLC_actupose.h5").notna().any(axis=1).sum() == 29


def test_more_formats_of_what_is_predicted(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = ["predict", str(tiny_run.checkpoint), str(photos), "--out", str(out)]
    assert main(args) == 0
    journal, written = (out / "journal.jsonl").stat(), (out / "predictions.json").read_bytes()
    capsys.readouterr()
    assert main([*args, "--formats", " csv ,", "--overlay", "true", "--batch_size", "2"]) == 0
    assert "4 of 4 pictures are predicted already" in capsys.readouterr().out
    assert (out / "journal.jsonl").stat().st_mtime_ns == journal.st_mtime_ns, "nothing is predicted again"
    assert (out / "predictions.json").read_bytes() == written
    assert len((out / "predictions.csv").read_text(encoding="utf-8").splitlines()) == 5


def test_an_output_of_another_command(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = ["predict", str(tiny_run.checkpoint), str(photos), "--out", str(out)]
    assert main([*args, "--formats", "coco,csv"]) == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert "holds predictions of another command (crops: 1 there, 3 now)" in failed(capsys, *args[1:], "--crops", 3)
    picture(20, 20).save(photos / "one more.png")
    assert "another command (inputs: " in failed(capsys, *args[1:])
    (photos / "one more.png").unlink()
    early = tiny_run.folder / "checkpoints" / "warmup.ckpt"
    assert re.search(r'another command \(checkpoint: "\w+" there, "\w+" now; model: ', failed(capsys, early, *args[2:]))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert main([*args, "--crops", "3", "--overwrite", "true"]) == 0
    assert report(out)["crops"] == 3
    assert not (out / "predictions.csv").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_prediction_continues_to_the_same_bytes(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = many(tmp_path / "in", 120)

    def command(out: Path) -> list[str]:
        return ["predict", str(tiny_run.folder), str(folder), "--out", str(out), "--batch_size", "4", "--crops", "3"]

    assert main(command(tmp_path / "unbroken")) == 0
    journal = tmp_path / "killed" / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-m", "actupose", *command(tmp_path / "killed")]) as process:
        wait_for_rows(process, journal, 12)
        process.send_signal(signal.SIGSTOP)  # alive, and no further
        held = journal.read_bytes()
        for more in ([], ["--overwrite", "true"]):
            said = failed(capsys, *command(tmp_path / "killed")[1:], *more, code=4)
            assert "killed: another `actupose predict` is writing there; wait until it has ended, or name" in said
        assert journal.read_bytes() == held
        process.kill()
    assert 0 < journal.read_bytes().count(b"\n") < 120
    assert not (tmp_path / "killed" / "predictions.json").exists()
    assert main(command(tmp_path / "killed")) == 0
    for name in ("journal.jsonl", "predictions.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_ends_a_camera_with_everything_written(tiny_run: TinyRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ["predict", str(tiny_run.folder), "lavfi:testsrc=size=64x48:rate=25,realtime", "--out", str(out)]
    command = [sys.executable, "-m", "actupose", *args, "--batch_size", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        wait_for_rows(process, out / "journal.jsonl", 30)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    rows = (out / "journal.jsonl").read_bytes().count(b"\n")
    assert count_frames(out / "camera.mkv") == rows
    assert f"{rows} of {rows} images predicted" in said
    assert len(json.loads((out / "predictions.json").read_text(encoding="utf-8"))) == rows


def wait_for_rows(process: subprocess.Popen[Any], journal: Path, count: int) -> None:
    end = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < count:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)


def test_bad_input_is_one_line_and_nothing_is_written(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, out = tiny_run.checkpoint, tmp_path / "out"
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.ckpt").write_bytes(b"broken")
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    assert "gone.ckpt: no such checkpoint" in failed(capsys, tmp_path / "gone.ckpt", photos, "--out", out)
    assert "broken.ckpt: is no whole checkpoint" in failed(capsys, tmp_path / "broken.ckpt", photos, "--out", out)
    assert "empty: holds no image or video" in failed(capsys, good, tmp_path / "empty", "--out", out)
    assert "text.mp4: no video that can be read" in failed(capsys, good, tmp_path / "text.mp4", "--out", out)
    assert "camera 93: cannot be opened" in failed(capsys, good, 93, "--out", out)
    assert "batch_size 0" in failed(capsys, good, photos, "--out", out, "--batch_size", 0)
    assert "no format 'cvs' (formats: coco, csv" in failed(capsys, good, photos, "--out", out, "--formats", "coco,cvs")
    assert "'ovrlay' (did you mean 'overlay'?)" in failed(capsys, good, photos, "--out", out, "--ovrlay", "true")
    assert not out.exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "file: is a file" in failed(capsys, good, photos, "--out", tmp_path / "file")
    assert "out: cannot be made" in failed(capsys, good, photos, "--out", tmp_path / "file" / "deep" / "out")
    assert "photos: holds other files" in failed(capsys, good, photos, "--out", photos)

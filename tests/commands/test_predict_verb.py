"""`actupose predict` end to end on a checkpoint of a tiny training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from actupose.cli import main
from actupose.codecs import subpixel, to_image
from actupose.data.dataset import PoseDataset
from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.store import open_store
from actupose.deploy.checkpoint import load_checkpoint
from actupose.models.pose_net import STRIDE
from commands.conftest import SIZE, TinyRun
from data.fakes import picture, write_folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_folder(tmp_path / "photos")
    return tmp_path / "photos"


def failed(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """The one line on standard error of a call that must end with code 2."""
    assert main(["predict", *map(str, args)]) == 2
    lines = capsys.readouterr().err.splitlines()
    complaints = [line for line in lines if line.startswith("actupose predict: ")]
    assert len(complaints) == 1
    assert lines[-1] == complaints[0]
    return complaints[0]


def test_results_equal_the_model_on_a_store_of_the_same_pictures(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.json"
    names = sorted(p.relative_to(photos).as_posix() for p in photos.rglob("photo*"))
    boxes.write_text(json.dumps({name: [5, 10, 60, 75] for name in names}), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["predict", str(tiny_run.checkpoint), str(photos), "--out", str(out), "--boxes", str(boxes)]) == 0
    assert "4 of 4 images predicted by ACTUPose teacher" in capsys.readouterr().out
    results = json.loads((out / "predictions.json").read_text(encoding="utf-8"))
    assert [r["file_name"] for r in results] == names

    prepare(read("folder", photos, boxes=boxes), tmp_path / "store", size=SIZE)
    store = open_store(tmp_path / "store")
    model = load_checkpoint(tiny_run.checkpoint)
    batch = PoseDataset(store, model.skeleton, SIZE, labelled=False, cache="none").batch(range(4))
    with torch.no_grad():
        points, peaks = subpixel(model.net(batch.image.float() / 255).heatmaps)
    crops = np.asarray(store.rows["crop"]).reshape(-1, 2, 3)
    for result, crop_points, peak, crop in zip(results, to_image(points, STRIDE).numpy(), peaks, crops, strict=True):
        triples = np.asarray(result["keypoints"]).reshape(14, 3)
        np.testing.assert_allclose(triples[:, :2] @ crop[:, :2].T + crop[:, 2], crop_points, atol=0.01)
        np.testing.assert_allclose(triples[:, 2], peak, atol=1e-4)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (report["predicted"], report["skipped"], report["size"]) == (4, [], SIZE)
    assert report["keypoints"] == list(model.skeleton.keypoints)


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


def test_a_skipped_picture_is_said_and_written(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for i in range(20):
        picture(40, 40, i).save(tmp_path / "in" / f"{i:02d}.png")
    (tmp_path / "in" / "07.png").write_bytes(b"broken")
    assert main(["predict", str(tiny_run.checkpoint), str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "skipped: 07.png" in said
    assert "19 of 20 images" in said
    (line,) = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["skipped"]
    assert "07.png" in line


def test_bad_input_is_one_line_and_nothing_is_written(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, out = tiny_run.checkpoint, tmp_path / "out"
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.ckpt").write_bytes(b"broken")
    (tmp_path / "broken.png").write_bytes(b"broken")
    assert "gone.ckpt: no such checkpoint" in failed(capsys, tmp_path / "gone.ckpt", photos, "--out", out)
    assert "broken.ckpt: is no whole checkpoint" in failed(capsys, tmp_path / "broken.ckpt", photos, "--out", out)
    assert "empty: holds no image" in failed(capsys, good, tmp_path / "empty", "--out", out)
    assert "1 of 1 pictures" in failed(capsys, good, tmp_path / "broken.png", "--out", out)
    assert "batch_size 0" in failed(capsys, good, photos, "--out", out, "--batch_size", 0)
    assert "'ovrlay' (did you mean 'overlay'?)" in failed(capsys, good, photos, "--out", out, "--ovrlay", "true")
    assert not out.exists()
    assert "broken.png: is a file" in failed(capsys, good, photos, "--out", tmp_path / "broken.png")
    inside = tmp_path / "broken.png" / "deep" / "out"
    assert "out: cannot be made" in failed(capsys, good, photos, "--out", inside)
    assert "photos: holds other files" in failed(capsys, good, photos, "--out", photos)


def test_a_folder_with_predictions_is_left_alone(
    tiny_run: TinyRun, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "predictions.json").write_text("[]", encoding="utf-8")
    assert "out: holds predictions already" in failed(capsys, tiny_run.checkpoint, photos, "--out", out)
    assert (out / "predictions.json").read_text(encoding="utf-8") == "[]"

"""Exports: every file does what the network does, on pictures of other sizes too, and nothing is left of a failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from actupose.data.crop import crop_record
from actupose.data.records import PoseRecord
from actupose.deploy import export as export_module
from actupose.deploy.card import find_run
from actupose.deploy.compare import Comparison, torch_run
from actupose.deploy.export import export
from actupose.deploy.graph import PoseGraph, _filter
from actupose.deploy.load import load, load_model
from actupose.errors import UserError
from deploy.test_checkpoint import method, save
from deploy.test_predict import Brightest


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(method("UDAPE"), tmp_path_factory.mktemp("run") / "last.ckpt")


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "all"
    compared = export(load_model(checkpoint), out)
    assert [c.file for c in compared] == ["model.safetensors", "model.pt2", "model.onnx"]
    return out


def smooth(count: int, height: int, width: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(height).integers(0, 255, (count, 6, 6, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(n).resize((width, height), Image.Resampling.BICUBIC)) for n in noise])


@pytest.mark.parametrize(("width", "height", "size"), [(64, 64, 64), (200, 120, 64), (40, 100, 64), (37, 23, 64)])
def test_pixels_are_those_of_pillow(width: int, height: int, size: int, tmp_path: Path) -> None:
    """The crop that stores and `predict` make of a whole picture, but for the rounding and its JPEG."""
    (pixels,) = smooth(1, height, width)
    square = max(width, height)
    left, top = (square - width) // 2, (square - height) // 2
    if (square - width) % 2 == 0 and (square - height) % 2 == 0:
        padded = Image.new("RGB", (square + 40, square + 40))
        padded.paste(Image.fromarray(pixels), (left + 20, top + 20))
        box = (20, 20, square + 20, square + 20)
        wanted = np.asarray(padded.resize((size, size), Image.Resampling.BILINEAR, box=box), float)
    else:
        Image.fromarray(pixels).save(tmp_path / "a.png")
        row = crop_record(PoseRecord(tmp_path / "a.png", "a"), size)
        (tmp_path / "a.jpg").write_bytes(row.image)
        wanted = np.asarray(Image.open(tmp_path / "a.jpg"), float)
    side = torch.tensor(float(square))
    rows, columns = (_filter(n, side, size, torch.device("cpu")) for n in (height, width))
    found = torch.einsum("sh,hwc,tw->stc", rows, torch.from_numpy(pixels.copy()).float(), columns)
    assert np.abs(found.numpy() - wanted).mean() < 1.0
    assert np.abs(found.numpy() - wanted).max() < (1.5 if left or top or width == size else 12)


def test_the_graph_finds_a_spot_in_pixels_of_the_picture() -> None:
    y, x = np.mgrid[:90, :150]
    spot = 255 * np.exp(-((x - 110) ** 2 + (y - 30) ** 2) / (2 * 6.0**2))
    images = torch.from_numpy(np.repeat(spot[None, ..., None], 3, 3).astype(np.uint8))
    points, peaks = PoseGraph(Brightest(), 64)(images)  # type: ignore[arg-type] # stands in for a PoseNet
    np.testing.assert_allclose(points[0], [(110, 30)] * 14, atol=0.75)
    assert peaks.shape == (1, 14)


@pytest.mark.parametrize("shape", [(1, 50, 70), (4, 96, 96), (2, 31, 200)])
def test_onnx_runtime_and_torch_export_agree_with_the_network(
    exported: Path, checkpoint: Path, shape: tuple[int, int, int]
) -> None:
    images = smooth(*shape)
    model = load_model(checkpoint)
    with torch.no_grad():
        points, peaks = (t.numpy() for t in PoseGraph(model.net, 96)(torch.from_numpy(images)))
        program = torch.export.load(exported / "model.pt2").module()
        again = program(torch.from_numpy(images))
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), providers=["CPUExecutionProvider"])
    other_points, other_peaks = session.run(None, {"images": images})
    for a, b in ((again[0].numpy(), again[1].numpy()), (other_points, other_peaks)):
        np.testing.assert_allclose(b, peaks, atol=1e-4)
        assert (np.linalg.norm(a - points, axis=-1) < 0.05).mean() > 0.98


def test_predict_and_the_graph_see_the_same(exported: Path) -> None:
    """Through `actupose.load`, whose crop went through a JPEG."""
    images = smooth(3, 96, 96)
    found = load(exported)(list(images))
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), providers=["CPUExecutionProvider"])
    points, peaks = session.run(None, {"images": images})
    np.testing.assert_allclose(found.confidence, peaks, atol=0.02)
    assert np.median(np.linalg.norm(found.xy - points, axis=-1)) < 0.5


def test_weights_alone(checkpoint: Path, tmp_path: Path) -> None:
    (only,) = export(load_model(checkpoint), tmp_path / "out", "safetensors")
    assert only.good
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_file_that_does_something_else_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(graph: PoseGraph, path: Path) -> object:
        path.write_bytes(b"")
        right = torch_run(graph)
        return lambda images: (right(images)[0] + 1, right(images)[1])

    monkeypatch.setattr(export_module, "_write_pt2", shifted)
    with pytest.raises(UserError, match=r"model\.pt2: 0\.0% of .* too far, nothing was written"):
        export(load_model(checkpoint), tmp_path / "out", "pt2")
    assert not list(tmp_path.iterdir())
    assert not Comparison("x", 10, 1.0, 0.0, 0.01).good


def test_an_output_that_exists_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("important", encoding="utf-8")
    model = load_model(checkpoint)
    for out in (tmp_path / "out", tmp_path / "out" / "thesis.tex"):
        with pytest.raises(UserError, match="exists already"):
            export(model, out, "safetensors")
    with pytest.raises(UserError, match="give --size"):
        export(model._replace(size=None), tmp_path / "new", "safetensors")
    with pytest.raises(UserError, match="cannot write"):
        export(model, tmp_path / "out" / "thesis.tex" / "deep", "safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "thesis.tex").read_text("utf-8") == "important"


def test_a_card_without_a_run_says_so(checkpoint: Path, exported: Path) -> None:
    assert find_run(checkpoint) is None
    card = (exported / "README.md").read_text("utf-8")
    assert "without its run folder" in card
    assert "`model.onnx` and `model.pt2`: `images` (N, H, W, 3) uint8" in card
    assert card.count("keypoints within 0.05 pixels") == 3

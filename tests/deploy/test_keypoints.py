"""The Python API: what goes in, what comes out, and what it can be turned into."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

import actupose
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.folder import write_folder
from actupose.deploy.load import load, load_model
from actupose.deploy.predict import PredictConfig, Predictor
from actupose.errors import UserError
from actupose.models.pose_net import PoseOutput
from actupose.skeletons import load_skeleton
from deploy.test_checkpoint import method, save
from deploy.test_predict import HEAT, SIZE, Brightest, Fixed, model


def spotted(x: int = 40, y: int = 25, width: int = 80, height: int = 60) -> Image.Image:
    """A white dot on black."""
    image = Image.new("RGB", (width, height))
    ImageDraw.Draw(image).ellipse((x - 4, y - 4, x + 4, y + 4), fill="white")
    return image


def kinds(folder: Path) -> dict[str, Any]:
    """One picture in every form that is taken."""
    image = spotted()
    image.save(folder / "a.png")
    pixels = np.asarray(image)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    return {
        "path": folder / "a.png",
        "text": str(folder / "a.png"),
        "pillow": image,
        "turned": turned,
        "array": pixels,
        "grey": pixels[..., 0],
        "float": pixels / 255,
        "tensor": tensor,
        "float tensor": tensor / 255,
        "half tensor": (tensor / 255).half(),
    }


def test_every_kind_of_picture_gives_the_same(tmp_path: Path) -> None:
    predictor = Predictor(model(Brightest()))
    for kind, picture in kinds(tmp_path).items():
        found = predictor(picture)
        assert (found.xy.shape, found.confidence.shape) == ((1, 14, 2), (1, 14)), kind
        np.testing.assert_allclose(found.xy[0], [(40, 25)] * 14, atol=1.0, err_msg=kind)
        (drawn,) = found.draw()
        assert drawn.size == (80, 60), kind


def test_a_list_and_a_batch_are_several() -> None:
    predictor = Predictor(model(Brightest()), PredictConfig(batch_size=2))
    pictures = [spotted(20), np.asarray(spotted(40)), torch.from_numpy(np.array(spotted(60))).permute(2, 0, 1)]
    found = predictor(pictures)
    assert len(found) == 3
    assert found.image_index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.xy[:, 0, 0], [20, 40, 60], atol=1.0)
    stacked = predictor(np.stack([np.asarray(spotted(20)), np.asarray(spotted(60))]))
    np.testing.assert_allclose(stacked.xy, found.xy[[0, 2]], atol=1e-6)


def test_boxes_are_people() -> None:
    both = Image.new("RGB", (160, 60))
    both.paste(spotted(30), (0, 0))
    both.paste(spotted(50), (80, 0))
    boxes = [[[0, 0, 80, 60], [80, 0, 160, 60]], [], [[10, 0, 70, 60]]]
    found = Predictor(model(Brightest()))([both, both, spotted(40)], boxes)
    assert found.image_index.tolist() == [0, 0, 2]
    np.testing.assert_allclose(found.xy[0, 0], (30, 25), atol=1.5)
    np.testing.assert_allclose(found.xy[1, 0], (130, 25), atol=1.5)
    assert [r["image_id"] for r in found.to_coco()] == [1, 1, 3]
    assert [len(Predictor(model())(both, boxes=[[]])), len(found.draw())] == [0, 3]


def test_coco_and_supervision_hold_the_same_numbers(tmp_path: Path) -> None:
    import supervision

    spotted().save(tmp_path / "a.png")
    found = Predictor(model())(tmp_path / "a.png")
    (result,) = found.to_coco()
    assert result["file_name"] == str(tmp_path / "a.png")
    np.testing.assert_allclose(np.reshape(result["keypoints"], (14, 3))[:, :2], found.xy[0], atol=0.006)
    assert found.names == load_skeleton("lsp14").keypoints
    other = found.to_supervision()
    assert isinstance(other, supervision.KeyPoints)
    np.testing.assert_allclose(other.xy, found.xy, rtol=1e-6)
    drawn = supervision.VertexAnnotator(radius=3).annotate(np.asarray(spotted()).copy(), other)
    assert (np.asarray(drawn) != np.asarray(spotted())).any()


def test_joints_below_the_threshold_are_not_drawn() -> None:
    found = Predictor(model())(spotted())
    (none,), (some,) = found.draw(threshold=0.99), found.draw()
    np.testing.assert_array_equal(np.asarray(none), np.asarray(spotted()))
    assert (np.asarray(some) != np.asarray(spotted())).any()


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ([], "no picture"),
        (np.zeros((4, 5, 2), np.uint8), r"must be \(H, W, 3\)"),
        (np.zeros((4, 5, 3), np.int32), "must be uint8 or floating point"),
        (np.full((8, 8, 3), 1.5), "must lie in 0 to 1"),
        (torch.full((3, 8, 8), torch.nan), "must lie in 0 to 1"),
        ("gone.png", "gone.png: no such image"),
        (np.zeros((2, 2, 3), np.uint8), "smaller than 4 pixels"),
    ],
)
def test_what_is_no_picture_is_named(picture: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Predictor(model())(picture)


def test_boxes_that_do_not_fit_are_named() -> None:
    predictor = Predictor(model())
    with pytest.raises(UserError, match="boxes of 2 pictures for 1"):
        predictor(spotted(), [[], []])
    for box in ([1, 2, 3], [5, 0, 1, 9], [0, 0, np.nan, 4]):
        with pytest.raises(UserError, match="a box must be"):
            predictor(spotted(), [[box]])
    for crops in (0, 2):
        with pytest.raises(UserError, match="must be an odd number"):
            Predictor(model(), PredictConfig(crops=crops))


# -- averaging


class Sides(nn.Module):
    """Joint 0 (right ankle) where the left half is bright, joint 5 (left ankle) where the right half is."""

    def forward(self, images: Tensor) -> PoseOutput:
        bright = nn.functional.avg_pool2d(images.mean(1), 4)
        heat = torch.zeros(len(images), 14, HEAT, HEAT)
        heat[:, 0, :, : HEAT // 2] = bright[:, :, : HEAT // 2]
        heat[:, 5, :, HEAT // 2 :] = bright[:, :, HEAT // 2 :]
        return PoseOutput(heat, images, images, heat)


def test_the_flip_test_swaps_sides_and_averages() -> None:
    """The fixed network ignores its image: joint k at column k, mirrored the partner's at the mirrored column."""
    plain, flipped = Predictor(model()), Predictor(model(), PredictConfig(flip=True))
    base = plain(spotted())
    flip = load_skeleton("lsp14").flip_index()
    found = flipped(spotted())
    for k in range(14):
        mirrored = HEAT - 1 - flip[k]  # column of the partner's peak in the mirrored map
        own, other = 0.5 + k / 100, 0.5 + flip[k] / 100
        best = max(own, other) / 2 if mirrored != k else (own + other) / 2
        assert found.confidence[0, k] == pytest.approx(best, abs=1e-6)
    assert (found.confidence < base.confidence).any()
    sides = Predictor(model(Sides()))
    both = Image.new("RGB", (64, 64))
    both.paste(spotted(12, 30, 32, 64), (0, 0))
    both.paste(spotted(20, 30, 32, 64), (32, 0))
    once = sides(both)
    twice = Predictor(model(Sides()), PredictConfig(flip=True))(both)
    np.testing.assert_allclose(twice.xy[0, [0, 5]], once.xy[0, [0, 5]], atol=0.2)


def test_several_crops_agree_where_the_network_does() -> None:
    """A network that finds a spot finds it in every crop, so the mean of the crops lies there too."""
    for crops in (1, 3, 5):
        found = Predictor(model(Brightest()), PredictConfig(crops=crops, flip=crops == 3))(spotted(50, 20))
        np.testing.assert_allclose(found.xy[0], [(50, 20)] * 14, atol=1.0)
    net = Fixed()
    Predictor(model(net), PredictConfig(crops=3, flip=True))([spotted()] * 2)
    assert net.seen == [2] * 6


# -- loading


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    save(method("UDAPE"), tmp_path / "run" / "checkpoints" / "last.ckpt")
    return tmp_path / "run"


def same(a: LoadedModel, b: LoadedModel) -> bool:
    images = torch.rand(2, 3, SIZE, SIZE)
    return bool(torch.equal(a.net(images).heatmaps, b.net(images).heatmaps)) and a[1:] == b[1:]


def test_a_run_a_checkpoint_and_a_folder_are_the_same_model(run: Path, tmp_path: Path) -> None:
    direct = load_model(run / "checkpoints" / "last.ckpt")
    (tmp_path / "out").mkdir()
    write_folder(direct, tmp_path / "out")
    assert same(direct, load_model(run))
    assert same(direct, load_model(str(tmp_path / "out")))
    assert actupose.load(run)(spotted()).xy.shape == (1, 14, 2)
    assert isinstance(load(run, PredictConfig(size=64)), Predictor)


def test_models_that_are_none_are_named(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(UserError, match="out: holds no model"):
        load(out)
    with pytest.raises(UserError, match=r"gone\.ckpt: no such checkpoint"):
        load(tmp_path / "gone.ckpt")
    write_folder(load_model(run), out)
    config = (out / "config.json").read_text("utf-8")
    weights = (out / "model.safetensors").read_bytes()
    for text, said in (
        ("{", "is no description"),
        ("[]", "is no description"),
        (config.replace('"format": 1', '"format": 9'), "export format 9"),
        (config.replace('"right_ankle"', '"right_toe"', 1), "which is no keypoint"),
        (config.replace('"width": 8', '"width": 16'), "does not fit this version"),
        (config.replace('"width": 8', '"depth": 8'), "does not fit this version"),
    ):
        assert text != config
        (out / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            load(out)
    (out / "config.json").write_text(config, encoding="utf-8")
    (out / "model.safetensors").write_bytes(weights[:-40])
    with pytest.raises(UserError, match="is no whole safetensors file"):
        load(out)
    (out / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: no such file"):
        load(out)


def test_importing_actupose_is_light_and_load_is_there() -> None:
    code = "import sys, actupose; assert 'torch' not in sys.modules; actupose.load; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        actupose.lod  # noqa: B018 - the access is the test

"""Prediction with networks whose answer is known: places in the original, batches, bad pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from actupose.data.records import Box, PoseRecord
from actupose.deploy import predict as predict_module
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.predict import PredictConfig, PredictionSet, Predictor
from actupose.errors import UserError
from actupose.metrics import Calibration
from actupose.models.pose_net import PoseOutput
from actupose.skeletons import load_skeleton

SKELETON = load_skeleton("lsp14")
SIZE = 64
HEAT = SIZE // 4


class Fixed(nn.Module):
    """Joint k peaks at heatmap pixel (k, 2) with height 0.5 + k/100; counts the images it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> PoseOutput:
        self.seen.append(len(images))
        assert images.shape[1:] == (3, SIZE, SIZE)
        assert 0 <= float(images.min()) <= float(images.max()) <= 1
        heat = torch.zeros(len(images), 14, HEAT, HEAT)
        for k in range(14):
            heat[:, k, 2, k] = 0.5 + k / 100
        return PoseOutput(heat, torch.zeros(len(images), 1), images, heat)


class Brightest(nn.Module):
    """Every joint is where the picture is bright."""

    def forward(self, images: Tensor) -> PoseOutput:
        heat = F.avg_pool2d(images.mean(1, keepdim=True), 4).expand(-1, 14, -1, -1)
        return PoseOutput(heat, torch.zeros(len(images), 1), images, heat)


def model(net: nn.Module | None = None, size: int | None = SIZE) -> LoadedModel:
    return LoadedModel(net or Fixed(), SKELETON, size, "fake")  # type: ignore[arg-type] # stands in for a PoseNet


def record(
    folder: Path, name: str = "a.png", width: int = 200, height: int = 100, box: Box | None = None
) -> PoseRecord:
    Image.new("RGB", (width, height), (90, 120, 60)).save(folder / name)
    return PoseRecord(folder / name, name, box)


def predict(loaded: LoadedModel, records: list[PoseRecord], config: PredictConfig | None = None) -> PredictionSet:
    """All batches as one."""
    whole = PredictionSet()
    for part in Predictor(loaded, config).batches(records):
        whole.predictions += part.predictions
        whole.problems |= part.problems
    return whole


def test_whole_picture_by_hand(tmp_path: Path) -> None:
    """200 x 100 in a square of 200, so 50 rows above; a heatmap pixel is 4 * 200 / 64 = 12.5 pixels wide."""
    (found,) = predict(model(), [record(tmp_path)]).predictions
    wanted = [((k + 0.5) * 12.5 - 0.5, 2.5 * 12.5 - 50 - 0.5) for k in range(14)]
    np.testing.assert_allclose(found.keypoints, wanted, atol=1e-3)
    np.testing.assert_allclose(found.confidence, [0.5 + k / 100 for k in range(14)], atol=1e-6)
    assert found.score == pytest.approx(0.565)


def test_confidence_is_calibrated_and_the_peaks_are_kept(tmp_path: Path) -> None:
    knots = Calibration("isotonic", (0.5, 0.6), (0.2, 0.8), 100)
    calibrated = model()._replace(calibration=knots)
    peaks = [0.5 + k / 100 for k in range(14)]
    (found,) = predict(calibrated, [record(tmp_path)]).predictions
    np.testing.assert_allclose(found.peaks, peaks, atol=1e-6)
    np.testing.assert_allclose(found.confidence, [min(0.2 + 0.06 * k, 0.8) for k in range(14)], atol=1e-5)
    (raw,) = predict(calibrated, [record(tmp_path)], PredictConfig(confidence="raw")).predictions
    np.testing.assert_allclose(raw.confidence, peaks, atol=1e-6)


def test_person_box_by_hand(tmp_path: Path) -> None:
    """A box of 40 x 60 around (70, 50), corners: the square of 90 begins at (25, 5)."""
    (found,) = predict(model(), [record(tmp_path, box=(49.5, 19.5, 89.5, 79.5))]).predictions
    step = 4 * 90 / 64
    wanted = [(25 + (k + 0.5) * step - 0.5, 5 + 2.5 * step - 0.5) for k in range(14)]
    np.testing.assert_allclose(found.keypoints, wanted, atol=1e-3)


@pytest.mark.parametrize(("orientation", "place"), [(1, (180, 40)), (6, (99 - 40, 180)), (3, (239 - 180, 99 - 40))])
@pytest.mark.parametrize("boxed", [False, True])
def test_a_bright_spot_is_found_in_the_upright_original(
    tmp_path: Path, orientation: int, place: tuple[int, int], boxed: bool
) -> None:
    """240 x 100 with a spot at (180, 40), turned by EXIF: 6 is a quarter turn clockwise, 3 upside down."""
    y, x = np.mgrid[:100, :240]
    spot = 255 * np.exp(-((x - 180) ** 2 + (y - 40) ** 2) / (2 * 9.0**2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.repeat(spot[..., None], 3, 2).astype(np.uint8)).save(tmp_path / "a.png", exif=exif)
    box = (place[0] - 25.0, place[1] - 30.0, place[0] + 35.0, place[1] + 20.0) if boxed else None
    (found,) = predict(model(Brightest()), [PoseRecord(tmp_path / "a.png", "a.png", box)]).predictions
    np.testing.assert_allclose(found.keypoints, [place] * 14, atol=0.75)


def test_batches_change_nothing(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{i}.png", 60 + 20 * i, 80) for i in range(5)]
    nets = [Fixed(), Fixed()]
    a, b = (
        predict(model(net), records, PredictConfig(batch_size=size)) for net, size in zip(nets, (5, 2), strict=True)
    )
    assert [net.seen for net in nets] == [[5], [2, 2, 1]]
    for one, other in zip(a.predictions, b.predictions, strict=True):
        assert (one.index, one.record) == (other.index, other.record)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_unreadable_pictures_are_left_out_by_their_place(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{i}.png", 40, 40) for i in range(6)]
    (tmp_path / "3.png").write_bytes(b"no picture")
    for size in (1, 4):
        found = predict(model(), records, PredictConfig(batch_size=size))
        assert [p.index for p in found.predictions] == [0, 1, 2, 4, 5]
        assert list(found.problems) == [3]
        assert "3.png" in found.problems[3]


def test_a_picture_is_decoded_once_for_all_its_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, other = record(tmp_path, "a.png"), record(tmp_path, "b.png")
    decoded = []
    real = predict_module.decode_image

    def count(source: Path, name: str, **more: Any) -> Image.Image:
        decoded.append(name)
        return real(source, name, **more)

    monkeypatch.setattr(predict_module, "decode_image", count)
    boxes = [(9.5, 9.5, 60.5, 60.5), (100.5, 9.5, 160.5, 80.5)]
    people = [replace(r, box=box, name=f"{r.name}#{k}") for r in (whole, other) for k, box in enumerate(boxes)]
    assert len(predict(model(), people).predictions) == 4
    assert decoded == ["a.png#0", "b.png#0"]


def test_pixels_reach_the_network_without_a_codec(tmp_path: Path) -> None:
    """Noise of the network's own size: JPEG would change almost every pixel of it."""

    class Seen(Fixed):
        def forward(self, images: Tensor) -> PoseOutput:
            self.images = images
            return super().forward(images)

    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    net = Seen()
    predict(model(net), [PoseRecord(tmp_path / "a.png", "a.png")])
    np.testing.assert_array_equal(np.rint(net.images[0].permute(1, 2, 0).numpy() * 255), pixels)


def test_several_crops_are_cut_from_the_picture_itself(tmp_path: Path) -> None:
    """The larger crop sees what lies around the first one; a crop of the crop would see black there."""

    class Means(Fixed):
        def forward(self, images: Tensor) -> PoseOutput:
            self.means = [*getattr(self, "means", []), float(images.mean())]
            return super().forward(images)

    Image.new("RGB", (400, 400), (255, 255, 255)).save(tmp_path / "a.png")
    net = Means()
    predict(model(net), [PoseRecord(tmp_path / "a.png", "a.png", (149.5, 149.5, 249.5, 249.5))], PredictConfig(crops=5))
    np.testing.assert_allclose(net.means, [1.0] * 5)
    net = Means()
    predict(model(net), [PoseRecord(tmp_path / "a.png", "a.png")], PredictConfig(crops=3))
    np.testing.assert_allclose(net.means, [1.0, 1 / 1.2**2, 1.0], atol=0.01, err_msg="a whole picture has black around")


def test_a_skeleton_without_pairs_has_no_mirror(tmp_path: Path) -> None:
    hand = model()._replace(skeleton=replace(SKELETON, name="thing", flip_pairs=()))
    with pytest.raises(UserError, match="skeleton thing has no flip pairs"):
        Predictor(hand, PredictConfig(flip=True))
    assert predict(hand, [record(tmp_path)]).predictions


def test_settings_out_of_range_are_named(tmp_path: Path) -> None:
    records = [record(tmp_path)]
    with pytest.raises(UserError, match="give --size"):
        predict(model(size=None), records)
    assert predict(model(size=None), records, PredictConfig(size=SIZE)).predictions
    with pytest.raises(UserError, match="multiple of 32"):
        predict(model(), records, PredictConfig(size=100))
    with pytest.raises(UserError, match="batch_size 0"):
        predict(model(), records, PredictConfig(batch_size=0))
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            predict(model(), records, PredictConfig(device="cuda"))


def test_a_diverged_network_is_named(tmp_path: Path) -> None:
    class Diverged(nn.Module):
        def forward(self, images: Tensor) -> PoseOutput:
            nan = torch.full((len(images), 14, HEAT, HEAT), torch.nan)
            return PoseOutput(nan, images, images, nan)

    with pytest.raises(UserError, match="fake: gives values that are not finite"):
        predict(model(Diverged()), [record(tmp_path)])

"""Prediction with networks whose answer is known: places in the original, batches, bad pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from actupose.data.records import Box, PoseRecord
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.predict import PredictConfig, coco_results, predict
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
    (result,) = coco_results([found])
    assert result["keypoints"][2::3] == [round(v, 4) for v in found.confidence.tolist()]
    assert result["peaks"] == [round(v, 4) for v in found.peaks.tolist()]
    assert result["score"] == pytest.approx(found.confidence.mean(), abs=1e-4)
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


def test_few_unreadable_pictures_are_skipped_and_listed(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{i:02d}.png", 40, 40) for i in range(20)]
    (tmp_path / "03.png").write_bytes(b"no picture")
    found = predict(model(), records, PredictConfig(batch_size=4))
    assert len(found.problems) == 1
    assert "03.png" in found.problems[0]
    results = coco_results(found.predictions)
    assert [r["image_id"] for r in results] == [1, 2, 3, *range(5, 21)]
    assert [r["file_name"] for r in results][2:4] == ["02.png", "04.png"]


def test_a_whole_batch_of_unreadable_pictures_is_skipped(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{i:02d}.png", 40, 40) for i in range(20)]
    (tmp_path / "03.png").write_bytes(b"no picture")
    assert len(predict(model(), records, PredictConfig(batch_size=1)).predictions) == 19


def test_many_unreadable_pictures_stop(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{i:02d}.png", 40, 40) for i in range(20)]
    for i in (3, 12):
        (tmp_path / f"{i:02d}.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"2 of 20 pictures cannot be used, more than 5 %; first: 03\.png"):
        predict(model(), records)


def test_coco_results(tmp_path: Path) -> None:
    (result,) = coco_results(predict(model(), [record(tmp_path)]).predictions)
    assert set(result) == {"image_id", "file_name", "category_id", "keypoints", "score", "peaks"}
    assert (result["image_id"], result["file_name"], result["category_id"]) == (1, "a.png", 1)
    assert len(result["keypoints"]) == 14 * 3
    assert result["keypoints"][:6] == [5.75, -19.25, 0.5, 18.25, -19.25, 0.51]
    assert result["score"] == 0.565


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

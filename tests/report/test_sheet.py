"""The sheet of predictions: which picture stands where, what is drawn on it, and its PCK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actupose.errors import UserError
from actupose.report.figures import prediction_sheet
from actupose.skeletons import load_skeleton

SKELETON = load_skeleton("lsp14")
SIZE = 64


def samples(count: int) -> tuple[Tensor, Tensor]:
    """Plain images, each of its own grey, and poses inside them."""
    generator = torch.Generator().manual_seed(0)
    grey = (40 + 12 * torch.arange(count)).view(-1, 1, 1, 1)
    images = grey.expand(count, 3, SIZE, SIZE).to(torch.uint8)
    return images, torch.rand(count, 14, 2, generator=generator) * (SIZE - 20) + 10


def pictures(figure: Figure) -> list[NDArray[np.uint8]]:
    return [np.asarray(axes.images[0].get_array(), np.uint8) for axes in figure.get_axes()]


def places(figure: Figure) -> list[tuple[int, int]]:
    """Left and top of each picture in pixels."""
    width, height = figure.get_size_inches() * figure.dpi
    boxes = [axes.get_position() for axes in figure.get_axes()]
    return [(round(box.x0 * width), round(height - box.y1 * height)) for box in boxes]


def captions(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_pck_of_each_prediction_counted_by_hand(tmp_path: Path) -> None:
    images, truth = samples(2)
    visible = torch.full((2, 14), 2, dtype=torch.uint8)
    visible[1, 7:] = 0
    before, after = truth.clone(), truth.clone()
    before[0, :3] += torch.tensor([3.3, 0.0])  # the limit is 0.05 * 64 = 3.2 pixels
    after[0, 0] += torch.tensor([0.0, 3.1])
    before[1, 5:] += 30  # two labelled joints, seven without a label
    figure = prediction_sheet(images, before, after, truth, visible, SKELETON, tmp_path / "p.png")
    members = SKELETON.groups["All"]
    wrong, scored = sum(i < 3 for i in members), len(members)
    labelled = sum(i < 7 for i in members)
    lost = sum(5 <= i < 7 for i in members)

    def line(right: int, of: int) -> str:
        return f"PCK {100 * right / of:.0f} %  ({right} of {of})"

    assert captions(figure) == [
        "source-only",
        "ACTUPose",
        "ground truth",
        line(scored - wrong, scored),
        line(scored, scored),
        line(labelled - lost, labelled),
        line(labelled, labelled),
    ]
    bold = [text.get_fontweight() for text in figure.texts[3:]]
    assert bold == ["normal", "bold", "normal", "bold"]


def test_pictures_stand_in_rows_of_before_after_and_labels(tmp_path: Path) -> None:
    images, truth = samples(2)
    figure = prediction_sheet(images, truth, truth, truth, None, SKELETON, tmp_path / "p.png")
    (x0, y0), (x1, y1), (x2, y2), (x3, y3), *_ = places(figure)
    assert x0 < x1 < x2
    assert y0 == y1 == y2 < y3
    assert x3 == x0
    shown = pictures(figure)
    assert [int(picture[0, 0, 0]) for picture in shown] == [40, 40, 40, 52, 52, 52]
    with Image.open(tmp_path / "p.png") as sheet:
        written = np.asarray(sheet.convert("RGB"))
    np.testing.assert_array_equal(written[y3 : y3 + 256, x3 : x3 + 256], shown[3])


def test_more_samples_stand_in_two_blocks(tmp_path: Path) -> None:
    images, truth = samples(5)
    figure = prediction_sheet(images, truth, truth, truth, None, SKELETON, tmp_path / "p.png")
    found = places(figure)[::3]
    assert len({x for x, _ in found[:3]}) == 1
    assert len({x for x, _ in found[3:]}) == 1
    assert found[3][0] > found[0][0] + 3 * 256
    assert [y for _, y in found[3:]] == [y for _, y in found[:2]]
    assert captions(figure)[:6] == ["source-only", "ACTUPose", "ground truth"] * 2


def test_joints_are_drawn_where_they_are_and_hidden_labels_left_out(tmp_path: Path) -> None:
    images, truth = samples(1)
    points = torch.full((1, 14, 2), 60.0)
    points[0, 0] = torch.tensor([8.0, 40.0])  # 8 -> (8 + 0.5) * 4 - 0.5 = 33.5 at four times the size
    visible = torch.full((1, 14), 2, dtype=torch.uint8)
    visible[0, 0] = 0
    before, _, label = pictures(prediction_sheet(images, points, truth, points, visible, SKELETON, tmp_path / "p.png"))
    white = before[161:163, 33:35].astype(int)
    assert white.min() > 200
    assert label[155:170, 27:41].max() == 40


def test_without_labels_there_are_two_columns_and_no_pck(tmp_path: Path) -> None:
    images, points = samples(2)
    titles = ("before", "after")
    figure = prediction_sheet(images, points, points, None, None, SKELETON, tmp_path / "p.png", titles)
    assert captions(figure) == ["before", "after"]
    assert len(figure.get_axes()) == 4


def test_a_sample_without_a_label_says_so(tmp_path: Path) -> None:
    images, points = samples(1)
    nothing = torch.zeros(1, 14, dtype=torch.uint8)
    figure = prediction_sheet(images, points, points, points, nothing, SKELETON, tmp_path / "p.png")
    assert captions(figure)[3:] == ["no label", "no label"]


def test_shapes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    images, points = samples(2)
    out = tmp_path / "p.png"
    with pytest.raises(ValueError, match="uint8"):
        prediction_sheet(images.float(), points, points, None, None, SKELETON, out)
    with pytest.raises(ValueError, match="after"):
        prediction_sheet(images, points, points[:1], None, None, SKELETON, out)
    with pytest.raises(ValueError, match="visible"):
        prediction_sheet(images, points, points, points, torch.ones(2, 3), SKELETON, out)
    with pytest.raises(ValueError, match="3 titles"):
        prediction_sheet(images, points, points, points, None, SKELETON, out, ("a", "b"))
    with pytest.raises(UserError, match=r"p\.gif"):
        prediction_sheet(images, points, points, None, None, SKELETON, tmp_path / "p.gif")
    assert not out.exists()

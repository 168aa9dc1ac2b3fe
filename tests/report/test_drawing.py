"""Drawn poses and sheets, by looking at single pixels."""

from __future__ import annotations

import numpy as np
import pytest

from actupose.report.draw import contact_sheet
from actupose.skeletons import load_skeleton
from actupose.skeletons.draw import draw_pose

LSP = load_skeleton("lsp14")
LIMB = LSP.limbs[0]


def two_points(size: int = 128) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grey image, points of which one limb has its ends at (20, 60) and (100, 60), and their visibility."""
    image = np.full((size, size, 3), 90, np.uint8)
    points, visible = np.zeros((14, 2)), np.zeros(14, int)
    points[LIMB[0]], points[LIMB[1]] = (20, 60), (100, 60)
    visible[list(LIMB)] = 2
    return image, points, visible


def test_limb_and_joints_are_where_they_belong() -> None:
    image, points, visible = two_points()
    drawn = draw_pose(image, points, LSP, visible=visible)
    assert image.max() == image.min() == 90, "the input is not changed"
    assert drawn[60, 60].tolist() == list(LSP.colors[0])
    assert drawn[60, 20].min() > 240
    assert drawn[60, 100].min() > 240
    changed = np.argwhere((drawn != image).any(2))
    assert changed.min(0).tolist() == pytest.approx([60 - 3, 20 - 3], abs=2)
    assert changed.max(0).tolist() == pytest.approx([60 + 3, 100 + 3], abs=2)


def test_the_centre_of_the_first_pixel_is_zero() -> None:
    image, points, visible = two_points(32)
    points[LIMB[0]], points[LIMB[1]] = (10, 16), (22, 16)
    drawn = draw_pose(image, points, LSP, visible=visible, width=3).astype(float)
    rows = np.abs(drawn - image).sum(2).sum(1)
    assert (rows * np.arange(32)).sum() / rows.sum() == pytest.approx(16, abs=0.2)


def test_hidden_joints_are_rings_and_absent_ones_nothing() -> None:
    image, points, visible = two_points()
    visible[LIMB[0]] = 1
    assert draw_pose(image, points, LSP, visible=visible)[60, 19].max() < 200
    visible[LIMB[0]] = 0
    drawn = draw_pose(image, points, LSP, visible=visible)
    assert (drawn[:, :90] == 90).all(), "neither the joint nor its limb"


def test_confidence_below_the_threshold_is_left_out() -> None:
    image, points, visible = two_points()
    confidence = np.where(np.arange(14) == LIMB[1], 0.2, 0.9)
    drawn = draw_pose(image, points, LSP, visible=visible, confidence=confidence, threshold=0.5)
    assert (drawn[:, 40:] == 90).all()
    assert drawn[60, 20].min() > 240


def test_one_colour_for_all_and_wild_points() -> None:
    image, points, visible = two_points()
    assert draw_pose(image, points, LSP, visible=visible, color=(1, 255, 3))[60, 60].tolist() == [1, 255, 3]
    points[LIMB[0]], points[LIMB[1]] = (1e30, -1e30), (np.nan, 3)
    assert draw_pose(image, points, LSP, visible=visible).shape == image.shape


def test_shapes_that_do_not_fit() -> None:
    image, points, _ = two_points()
    with pytest.raises(ValueError, match="14 keypoints"):
        draw_pose(image, points[:3], LSP)
    with pytest.raises(ValueError, match="uint8 image"):
        draw_pose(image.astype(float), points, LSP)


def test_a_sheet_has_its_cells_in_order() -> None:
    images = [np.full((20, 30, 3), 40 * i, np.uint8) for i in range(5)]
    sheet = contact_sheet(images, 3, gap=2)
    assert sheet.size == (3 * 32 + 2, 2 * 22 + 2)
    for i in range(5):
        x, y = 2 + 32 * (i % 3), 2 + 22 * (i // 3)
        assert sheet.getpixel((x, y)) == sheet.getpixel((x + 29, y + 19)) == (40 * i,) * 3


def test_labels_stay_under_their_image() -> None:
    images = [np.zeros((20, 30, 3), np.uint8)] * 2
    sheet = np.asarray(contact_sheet(images, 2, ["a very long label that does not fit", ""], gap=4).convert("L"))
    assert sheet[26:, :34].min() < 128
    assert sheet[26:, 36:].min() == 255


def test_sheets_that_cannot_be_made() -> None:
    one, other = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)
    for images, labels in (([], None), ([one, other], None), ([one], ["a", "b"])):
        with pytest.raises(ValueError, match=r"images|labels"):
            contact_sheet(images, 2, labels)

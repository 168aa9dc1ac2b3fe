"""Crops against hand-computed pixels, the torch warp, and the way back by the stored affine."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from actupose import geometry
from actupose.data.build import StoreRow
from actupose.data.crop import ItemError, crop_matrix, crop_record, decode_image
from actupose.data.records import PoseRecord
from data.fakes import picture


def png(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def record(image: Image.Image | bytes | Path, points: Any = None, **more: Any) -> PoseRecord:
    data = png(image) if isinstance(image, Image.Image) else image
    if points is not None:
        more["keypoints"] = np.asarray(points, np.float32)
        more.setdefault("visible", np.full(len(points), 2, np.uint8))
    return PoseRecord(data, "it.png", **more)


def pixels(row: StoreRow) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(row.image)) as image:
        return np.asarray(image.convert("RGB"))


def test_the_matrix_by_hand() -> None:
    # A box of 20 x 10 about (30, 50): the square has side 30, so 60 pixels enlarge it twice.
    matrix = crop_matrix((20, 45, 40, 55), 60, 1.5)
    np.testing.assert_allclose(matrix @ [30, 50, 1], [29.5, 29.5])
    np.testing.assert_allclose(matrix @ [14.5, 34.5, 1], [-1.5, -1.5])  # index 14.5 is corner 15, corner -1 there


def test_pixels_are_those_of_one_bilinear_warp() -> None:
    image = picture(90, 70)
    row = crop_record(record(image, box=(30.2, 20.7, 62.9, 51.0)), 128)
    matrix = torch.eye(3)[None].clone()
    matrix[0, :2] = torch.from_numpy(row.crop)
    source = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    expected = geometry.warp(source, matrix, size=(128, 128))[0].permute(1, 2, 0).numpy()
    difference = np.abs(pixels(row).astype(float) - expected)
    assert difference.mean() < 1.5, "only JPEG noise"
    assert np.percentile(difference, 99) < 8


def test_outside_the_image_is_black() -> None:
    row = crop_record(record(Image.new("RGB", (40, 20), "white"), box=(-0.5, -0.5, 39.5, 19.5)), 60, 1.5)
    got = pixels(row)  # scale 1: the image lies at columns 10-49, rows 20-39
    assert got[22:38, 12:48].min() > 235
    assert got[:16].max() < 20
    assert got[44:].max() < 20
    assert got[:, :4].max() < 20


def test_an_unscaled_crop_is_the_image() -> None:
    image = picture(64, 64)
    row = crop_record(record(image), 64)
    np.testing.assert_array_equal(row.crop, [[1, 0, 0], [0, 1, 0]])
    assert np.abs(pixels(row).astype(int) - np.asarray(image).astype(int)).mean() < 1.5


@pytest.mark.parametrize("factor", [3, 8, 9.7])
def test_a_reduction_is_antialiased_and_in_place(factor: float) -> None:
    side = round(64 * factor)
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::2] = 255  # 1-pixel stripes: grey when antialiased
    stripes[side // 2 :] = 0
    got = pixels(crop_record(record(Image.fromarray(stripes)), 64)).astype(float)
    np.testing.assert_allclose(got[4:28, 4:60], 127.5, atol=18)
    assert got[34:].max() < 12, "the lower half starts at row 32"
    assert got[29].mean() > 110


@pytest.mark.parametrize("side", [300, 700, 1500])
def test_a_reduction_keeps_things_in_place(side: int) -> None:
    image = Image.new("RGB", (side, side))
    spot = (side // 3, side // 3, side // 2, side // 2)
    image.paste("white", spot)
    row = crop_record(record(image, box=(-0.5, -0.5, side - 0.5, side - 0.5)), 64, 1.2)
    weight = np.where(pixels(row)[..., 1] > 25, pixels(row)[..., 1], 0).astype(float)
    middle = (spot[0] + spot[2] - 1) / 2
    expected = row.crop[0, 0] * middle + row.crop[0, 2]
    for axis in (0, 1):
        line = weight.sum(axis)
        assert (line * np.arange(64)).sum() / line.sum() == pytest.approx(expected, abs=0.1)


def test_the_edge_of_a_crop_is_interpolated_with_what_lies_beyond() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, :10] = 255  # the crop's left corner is 10: its column 0 lies at index 9.625, 3/8 of it on white
    row = crop_record(record(Image.fromarray(image), box=(9.5, 9.5, 41.5, 41.5)), 128, 1.0)
    np.testing.assert_allclose(pixels(row)[:, 0], 0.375 * 255, atol=12)
    assert pixels(row)[:, 3:].max() < 12


def test_a_panorama_costs_no_square_of_memory() -> None:
    wide = Image.new("RGB", (60_000, 20), "white")
    got = pixels(crop_record(record(png(wide, "JPEG")), 64))
    assert got[0].max() < 20
    assert got.shape == (64, 64, 3)


def test_keypoints_move_with_the_pixels() -> None:
    image = np.zeros((100, 140, 3), np.uint8)
    spots = [(40, 30), (90, 35), (70, 80)]
    for x, y in spots:
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    row = crop_record(record(Image.fromarray(image), spots), 256)
    for (x, y), around in zip(row.keypoints, range(3), strict=True):
        grey = pixels(row)[..., 1].astype(float)
        left, top = int(x) - 12, int(y) - 12
        patch = grey[top : top + 26, left : left + 26]
        rows, columns = np.mgrid[top : top + 26, left : left + 26]
        weight = np.where(patch > 40, patch, 0)
        assert (weight * columns).sum() / weight.sum() == pytest.approx(x, abs=0.15), around
        assert (weight * rows).sum() / weight.sum() == pytest.approx(y, abs=0.15), around


def test_the_box_is_that_of_the_labelled_joints_inside_the_image() -> None:
    points = [(20, 10), (60, 30), (500, 10), (-300, 0), (np.nan, np.nan)]
    row = crop_record(record(picture(100, 80), points, visible=np.array([2, 1, 2, 0, 0], np.uint8)), 120)
    assert row.visible.tolist() == [2, 1, 0, 0, 0]
    np.testing.assert_allclose(row.crop, crop_matrix((20, 10, 60, 30), 120, 1.5), atol=1e-5)
    assert row.keypoints[2:].tolist() == [[0, 0]] * 3


def test_joints_outside_a_given_box_are_unlabelled() -> None:
    row = crop_record(record(picture(200, 200), [(50, 50), (190, 190)], box=(40.0, 40.0, 60.0, 60.0)), 64)
    assert row.visible.tolist() == [2, 0]
    np.testing.assert_allclose(row.keypoints, [[31.5, 31.5], [0, 0]], atol=1e-4)


def test_a_box_is_clipped_to_the_image() -> None:
    row = crop_record(record(picture(100, 100), box=(-1e9, 20.0, 60.0, 30.0)), 64)
    np.testing.assert_allclose(row.crop, crop_matrix((-0.5, 20, 60, 30), 64, 1.5), atol=1e-5)


def test_a_record_without_labels_has_zeros_of_the_skeleton() -> None:
    row = crop_record(record(picture(50, 40)), 32, num_keypoints=16)
    assert row.keypoints.shape == (16, 2)
    assert not row.visible.any()
    np.testing.assert_allclose(row.crop, crop_matrix((-0.5, -0.5, 49.5, 39.5), 32, 1.0))


@pytest.mark.parametrize(
    ("points", "more", "message"),
    [
        ([(10, 10), (np.nan, 3)], {}, "NaN or infinite"),
        ([(10, 10), (np.inf, 3)], {}, "NaN or infinite"),
        ([(10, 10)], {"visible": np.zeros(1, np.uint8)}, "0 labelled joints inside the image"),
        ([(-10, 10), (10, 400)], {}, "0 labelled joints inside the image"),
        ([(90, 90)], {"box": (1.0, 1.0, 9.0, 9.0)}, "0 labelled joints inside the person box"),
        ([(10, 10)], {}, "smaller than 4 pixels"),
        (None, {"box": (300.0, 0.0, 400.0, 50.0)}, "empty or outside"),
        (None, {"box": (30.0, 0.0, 20.0, 50.0)}, "empty or outside"),
        (None, {"box": (float("nan"), 0.0, 20.0, 50.0)}, "not finite"),
    ],
)
def test_unusable_records(points: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemError, match=rf"it.png: .*{message}"):
        crop_record(record(picture(100, 100), points, **more), 32)


def test_a_keypoint_count_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="for 14 keypoints"):
        crop_record(record(picture(50, 50), [(9, 9), (30, 30)]), 32, num_keypoints=14)


RED = (200, 40, 40)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (8, 8), RED),
        Image.new("P", (8, 8)),
        Image.new("RGBA", (8, 8), (*RED, 255)),
        Image.new("CMYK", (8, 8), (55, 215, 215, 0)),
        Image.new("HSV", (8, 8), (0, 204, 200)),
    ],
    ids=lambda image: image.mode,
)
def test_colour_modes(image: Image.Image) -> None:
    if image.mode == "P":
        image.putpalette([*RED] * 256)
    data = png(image, "TIFF") if image.mode == "CMYK" else png(image.convert("RGB") if image.mode == "HSV" else image)
    np.testing.assert_allclose(np.asarray(decode_image(data, "x"))[4, 4], RED, atol=1)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (8, 8), 128),
        Image.new("LA", (8, 8), (128, 255)),
        Image.fromarray(np.full((8, 8), 128 * 257, np.uint16)),
        Image.fromarray(np.full((8, 8), 128 * 257, np.int32)),
        Image.fromarray(np.full((8, 8), 128 / 255, np.float32)),
    ],
    ids=lambda image: image.mode,
)
def test_grey_of_any_depth(image: Image.Image) -> None:
    data = png(image, "TIFF" if image.mode in ("F", "I") else "PNG")
    assert np.asarray(decode_image(data, "x"))[4, 4].tolist() == [128] * 3


def test_one_bit_and_transparency() -> None:
    assert np.asarray(decode_image(png(Image.new("1", (8, 8), 1)), "x")).min() == 255
    assert np.asarray(decode_image(png(Image.new("RGBA", (8, 8), (255, 255, 255, 0))), "x")).max() == 0


def test_a_dark_sixteen_bit_image_stays_dark() -> None:
    data = png(Image.fromarray(np.full((8, 8), 200, np.uint16)))
    assert np.asarray(decode_image(data, "x")).max() == 1


def turned(width: int = 60, height: int = 40) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return png(picture(width, height), "JPEG", exif=exif)


def test_exif_turns_images_without_keypoints_alone() -> None:
    upright = crop_record(record(turned()), 64)
    np.testing.assert_allclose(upright.crop, crop_matrix((-0.5, -0.5, 39.5, 59.5), 64, 1.0))
    stored = crop_record(record(turned(), [(55, 10), (5, 30)]), 64)
    assert stored.visible.tolist() == [2, 2], "x = 55 lies inside the image as stored"


def test_images_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = png(picture(64, 64), "JPEG")
    with pytest.raises(ItemError, match=r"it.png: is no image"):
        crop_record(record(b"hello"), 32)
    with pytest.raises(ItemError, match=r"it.png: is no image"):
        crop_record(record(b""), 32)
    with pytest.raises(ItemError, match=r"it.png: cannot be decoded"):
        crop_record(record(whole[: len(whole) // 2]), 32)
    with pytest.raises(ItemError, match=r"no such image \(.*gone.jpg\)"):
        crop_record(record(tmp_path / "gone.jpg"), 32)
    with pytest.raises(ItemError, match="cannot be decoded"):
        crop_record(record(tmp_path), 32)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with pytest.raises(ItemError, match="more than 3000 pixels"):
        crop_record(record(whole), 32)

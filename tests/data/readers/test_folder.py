"""A plain folder of images, with and without person boxes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actupose.data.readers import read
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import write_folder


def test_all_images_below_in_order(tmp_path: Path) -> None:
    names = write_folder(tmp_path)
    found = read("folder", tmp_path)
    assert [r.name for r in found.records] == names
    assert names[0] == "deep/er/photo 1.PNG"
    assert all(r.box is None and r.keypoints is None and not r.labelled for r in found.records)
    assert found.skeleton == load_skeleton("body16")
    assert read("folder", tmp_path, skeleton=load_skeleton("hand21")).skeleton.name == "hand21"


def write_boxes(path: Path, boxes: object) -> Path:
    path.write_text(json.dumps(boxes), encoding="utf-8")
    return path


def test_boxes_choose_the_images(tmp_path: Path) -> None:
    names = write_folder(tmp_path / "photos")
    boxes = write_boxes(tmp_path / "boxes.json", {names[2]: [10, 5, 60, 70.5]})
    found = read("folder", tmp_path / "photos", boxes=boxes)
    assert [(r.name, r.box) for r in found.records] == [(names[2], (9.5, 4.5, 59.5, 70.0))]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({"photo 9.jpeg": [0, 0, 9, 9]}, r"names 'photo 9.jpeg', which is no image.*did you mean 'photo [02].jpeg'"),
        ({"photo 0.jpeg": [0, 0, 9]}, r"box of 'photo 0.jpeg' must be \[x0, y0, x1, y1\]"),
        ({"photo 0.jpeg": [9, 0, 3, 9]}, "x0 < x1"),
        ({"photo 0.jpeg": [0, 0, float("nan"), 9]}, "must be"),
        ({"photo 0.jpeg": "wide"}, "must be"),
        ({"photo 0.jpeg": [[0, 0, 9, 9], [0, 0, 9]]}, r"box of 'photo 0.jpeg' must be"),
        ([1, 2], "must be a mapping"),
        ({}, "at least one entry"),
    ],
)
def test_bad_boxes(tmp_path: Path, boxes: object, message: str) -> None:
    write_folder(tmp_path / "photos")
    path = write_boxes(tmp_path / "boxes.json", boxes)
    with pytest.raises(UserError, match=rf"boxes.json: .*{message}"):
        read("folder", tmp_path / "photos", boxes=path)


def test_boxes_that_are_no_json(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    (tmp_path / "boxes.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"boxes.json: is not readable JSON"):
        read("folder", tmp_path / "photos", boxes=tmp_path / "boxes.json")
    with pytest.raises(UserError, match=r"gone.json: no such file"):
        read("folder", tmp_path / "photos", boxes=tmp_path / "gone.json")


def test_missing_empty_and_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone: no such folder"):
        read("folder", tmp_path / "gone")
    with pytest.raises(UserError, match=r"holds no image; put files with one of .jpg"):
        read("folder", tmp_path)
    file = tmp_path / "a.jpg"
    file.write_bytes(b"")
    with pytest.raises(UserError, match="is a file, not a folder"):
        read("folder", file)
    with pytest.raises(UserError, match="no split 'train'"):
        read("folder", tmp_path, "train")

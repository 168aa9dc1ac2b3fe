"""Which pictures are predicted, under which names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actupose.deploy.inputs import find_inputs
from actupose.errors import UserError
from data.fakes import picture, write_folder


def test_a_folder_by_relative_names(tmp_path: Path) -> None:
    names = write_folder(tmp_path / "photos")
    records = find_inputs([tmp_path / "photos"])
    assert [r.name for r in records] == names
    assert [r.image for r in records] == [tmp_path / "photos" / name for name in names]
    assert all(r.box is None and r.keypoints is None for r in records)


def test_several_inputs_are_told_apart_by_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        picture(40, 30).save(tmp_path / folder / "x.png")
    picture(40, 30).save(tmp_path / "x.JPG", "JPEG")
    records = find_inputs([tmp_path / "b", tmp_path / "x.JPG", tmp_path / "a"])
    assert [r.name for r in records] == ["b/x.png", "x.JPG", "a/x.png"]


def test_boxes_choose_the_pictures(tmp_path: Path) -> None:
    names = write_folder(tmp_path / "photos")
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({names[1]: [10, 20, 50, 70]}), encoding="utf-8")
    (record,) = find_inputs([tmp_path / "photos"], boxes)
    assert (record.name, record.box) == (names[1], (9.5, 19.5, 49.5, 69.5))  # corners -> pixel indices


def test_inputs_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    picture(40, 30).save(tmp_path / "x.png")
    with pytest.raises(UserError, match="no input"):
        find_inputs([])
    with pytest.raises(UserError, match="gone: no such image or folder"):
        find_inputs([tmp_path / "gone"])
    with pytest.raises(UserError, match="empty: holds no image"):
        find_inputs([tmp_path / "empty"])
    with pytest.raises(UserError, match=r"notes\.txt: is no image"):
        find_inputs([tmp_path / "notes.txt"])
    with pytest.raises(UserError, match=r"2 inputs are called 'x\.png'"):
        find_inputs([tmp_path / "x.png", tmp_path / "x.png"])
    for inputs in ([tmp_path / "x.png"], [tmp_path, tmp_path / "x.png"]):
        with pytest.raises(UserError, match="exactly one folder"):
            find_inputs(inputs, tmp_path / "boxes.json")

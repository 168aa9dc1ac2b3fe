"""MPII: the official structures and the JSON files, joints by name, boxes, splits, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from actupose.data.readers import read
from actupose.skeletons import load_skeleton
from data.fakes.bodies import PERSON, place
from data.fakes.mpii import ABSENT, HIDDEN, MAT, MPII, structs, write_mpii, write_mpii_json
from data.readers.checks import assert_places, assert_round_trip, named, refused

BODY = load_skeleton("body16")


def places(centre: tuple[float, float], height: float = 100.0) -> dict[str, tuple[float, float]]:
    return {n: tuple(p) for n, p in zip(MPII, place(PERSON, MPII, height, centre), strict=True)}


def test_people_of_the_official_file(tmp_path: Path) -> None:
    write_mpii(tmp_path)
    found = read("mpii", tmp_path)
    names = ["000000000.jpg#1", "000000000.jpg#2", *(f"{i:09d}.jpg#1" for i in (1, 3, 4, 5, 6))]
    assert [r.name for r in found.records] == names, "without the unlabelled and the test image"
    assert list(BODY.keypoints) == MPII
    for record in found.records[2:]:
        number = int(record.name[:9])
        assert record.visible is not None
        assert_places(named(record, BODY), places((90 + number, 80)))
        assert record.visible[MPII.index(ABSENT)] == 0
        assert record.visible[MPII.index(HIDDEN)] == 1
        assert (record.visible == 2).sum() == 14
        assert record.archetype == ("sports" if number % 2 else "")
    assert_places(named(found.records[1], BODY), places((130, 80), 60.0))
    assert any("24,987 in the published dataset, 8 found" in note for note in found.notes)


def test_the_customary_crop(tmp_path: Path) -> None:
    """At a growth of 1.5 the square is 250 scale wide and 15 scale below the person's position."""
    write_mpii(tmp_path)
    record = read("mpii", tmp_path).records[2]
    assert record.box is not None
    x0, y0, x1, y1 = record.box
    assert 1.5 * (x1 - x0) == pytest.approx(250 * 0.5)
    assert 1.5 * (y1 - y0) == pytest.approx(250 * 0.5)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((91, 80 + 15 * 0.5))


def test_splits_by_video(tmp_path: Path) -> None:
    write_mpii(tmp_path, images=30)
    names = {s: [r.name for r in read("mpii", tmp_path, s).records] for s in ("train", "val", "all")}
    videos = {name: 10 + int(name[:9]) for name in names["all"]}
    assert names["val"] == [n for n in names["all"] if videos[n] % 10 == 0]
    assert len(names["val"]) == 4
    assert sorted(names["train"] + names["val"]) == sorted(names["all"])


def test_the_file_one_folder_below(tmp_path: Path) -> None:
    write_mpii(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / MAT).rename(tmp_path / "annotations" / MAT)
    assert len(read("mpii", tmp_path).records) == 7


def test_json_files(tmp_path: Path) -> None:
    write_mpii_json(tmp_path)
    found = read("mpii", tmp_path, "published_val")
    assert [r.name for r in found.records] == [f"valid{i}.jpg#{i}" for i in range(3)]
    for i, record in enumerate(found.records):
        assert_places(named(record, BODY), places((90 + i, 80)))
        assert record.visible is not None
        assert record.visible.tolist() == [0, *[2] * 15]
        assert record.box is not None
        assert record.box[0] + record.box[2] == pytest.approx(2 * (90 + i))
    assert any("22,246" in note for note in read("mpii", tmp_path, "published_train").notes)


def test_to_a_store(tmp_path: Path) -> None:
    write_mpii(tmp_path / "raw")
    assert_round_trip(read("mpii", tmp_path / "raw"), tmp_path / "s")
    write_mpii_json(tmp_path / "raw")
    assert_round_trip(read("mpii", tmp_path / "raw", "published_train"), tmp_path / "s2")


def release(**image: Any) -> dict[str, Any]:
    """A release of one image with one person, some of it replaced."""
    point = {"x": 5.0, "y": 6.0, "id": 0, "is_visible": 1} | image.pop("point", {})
    person = {"annopoints": structs([{"point": structs([point])}])}
    fields = {"image": structs([{"name": "a.jpg"}]), "annorect": structs([person]), "vidx": 1} | image
    return {"annolist": structs([fields]), "img_train": np.array([[1]])}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"RELEASE": 5}, "has no RELEASE with as many 'img_train' as 'annolist'"),
        ({"other": 5}, "has no RELEASE"),
        ({"RELEASE": structs([release() | {"img_train": np.ones((1, 3))}])}, "has no RELEASE"),
        ({"RELEASE": structs([release(point={"id": 16})])}, r"image 1 \(a.jpg\), person 1: has a joint 16"),
        ({"RELEASE": structs([release(point={"x": "far"})])}, "person 1: x, y and id of a joint must be 3 numbers"),
        ({"RELEASE": structs([release(point={"y": np.nan})])}, "person 1: x, y and id of a joint holds NaN"),
        ({"RELEASE": structs([release(image=structs([{"name": "../a.jpg"}]))])}, "its image '../a.jpg' lies outside"),
        ({"RELEASE": structs([release(image=np.zeros((0, 0)))])}, "image 1: the name of its image is"),
        ({"RELEASE": structs([release(annorect=np.zeros((0, 0)))])}, "holds no labelled person of split 'all'"),
    ],
)
def test_bad_official_files(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    (tmp_path / "images").mkdir()
    savemat(tmp_path / MAT, content)
    refused("mpii", tmp_path, rf"u12_1.mat: .*{message}")


def test_a_person_without_position_has_the_box_of_its_joints(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    savemat(tmp_path / MAT, {"RELEASE": structs([release()])})
    assert read("mpii", tmp_path).records[0].box is None


Change = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[1].pop("image"), "record 1: has no 'image'"),
        (lambda d: d[1].pop("joints_vis"), "record 1: has no 'joints_vis'"),
        (lambda d: d[1]["joints"].pop(), r"record 1 \(valid1.jpg\): 'joints' must be 16 x 2 numbers, got 15 x 2"),
        (lambda d: d[1]["joints_vis"].pop(), r"'joints_vis' must be 16 numbers, got 15"),
        (lambda d: d[1].update(center=[1]), r"'center' must be 2 numbers, got 1"),
        (lambda d: d[1].update(image="/a.jpg"), "record 1: its image '/a.jpg' lies outside"),
        (lambda d: d.clear(), "must be a list of records"),
    ],
)
def test_bad_json_files(tmp_path: Path, change: Change, message: str) -> None:
    write_mpii_json(tmp_path)
    path = tmp_path / "annot" / "valid.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    refused("mpii", tmp_path, rf"valid.json: .*{message}", "published_val")


def test_missing_and_truncated(tmp_path: Path) -> None:
    refused("mpii", tmp_path, "images: no such folder .*Max Planck Institute for Informatics")
    (tmp_path / "images").mkdir()
    refused("mpii", tmp_path, r"u12_1.mat: no such file \(annotations of MPII; the JSON files have the splits")
    refused("mpii", tmp_path, r"annot/train.json: no such file", "published_train")
    write_mpii(tmp_path)
    whole = (tmp_path / MAT).read_bytes()
    for length in (0, 60, 200, len(whole) // 2):
        (tmp_path / MAT).write_bytes(whole[:length])
        refused("mpii", tmp_path, r"u12_1.mat: (is not a readable MATLAB file|has no RELEASE)")

"""COCO keypoints JSON: who is read, how it is mapped, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.errors import UserError
from actupose.skeletons import Skeleton, load_skeleton
from data.fakes import coco_data, write_coco


def test_people_without_crowds_and_unlabelled(tmp_path: Path) -> None:
    data = write_coco(tmp_path)
    found = read("coco", tmp_path, "val2017")
    assert found.skeleton == load_skeleton("coco17")
    assert [r.name for r in found.records] == ["000000000007.jpg#100", "000000000009.jpg#101"]
    record = found.records[0]
    table = np.array(data["annotations"][0]["keypoints"]).reshape(-1, 3)
    np.testing.assert_array_equal(record.keypoints, table[:, :2])
    np.testing.assert_array_equal(record.visible, [0, 2, 2, 2, 1, *[2] * 12])
    assert record.box == (3.5, 4.5, 153.5, 114.5)
    assert record.image == tmp_path / "val2017" / "000000000007.jpg"


@pytest.mark.parametrize("folder", ["images/val2017", "images", "."])
def test_other_places_of_the_images(tmp_path: Path, folder: str) -> None:
    write_coco(tmp_path)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for path in sorted((tmp_path / "val2017").iterdir()):
        path.rename(tmp_path / folder / path.name)
    (tmp_path / "val2017").rmdir()
    found = read("coco", tmp_path)
    assert all(isinstance(r.image, Path) and r.image.is_file() for r in found.records)


def test_a_file_elsewhere(tmp_path: Path) -> None:
    write_coco(tmp_path / "a")
    path = tmp_path / "mine.json"
    (tmp_path / "a" / "annotations" / "person_keypoints_val2017.json").rename(path)
    (tmp_path / "a" / "val2017").rename(tmp_path / "a" / "images")
    assert len(read("coco", tmp_path / "a", annotations=path).records) == 2


def test_several_files_need_a_split(tmp_path: Path) -> None:
    write_coco(tmp_path)
    write_coco(tmp_path, split="train2017")
    assert len(read("coco", tmp_path, "train2017").records) == 2
    with pytest.raises(UserError, match=r"no split 'train2071' .*did you mean 'train2017'"):
        read("coco", tmp_path, "train2071")
    with pytest.raises(UserError, match=r"no split 'all' \(splits: train2017, val2017\)"):
        read("coco", tmp_path)


def test_a_people_of_another_category_are_left_out(tmp_path: Path) -> None:
    data = coco_data()
    data["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose", "tail"]})
    data["annotations"].append({"id": 200, "image_id": 7, "category_id": 2, "keypoints": [1, 2, 2, 3, 4, 2]})
    write_coco(tmp_path, data)
    assert len(read("coco", tmp_path).records) == 2


def test_body16_by_name(tmp_path: Path) -> None:
    data = write_coco(tmp_path)
    found = read("coco", tmp_path, skeleton=load_skeleton("body16"))
    record = found.records[0]
    assert record.keypoints is not None
    assert record.visible is not None
    table = np.array(data["annotations"][0]["keypoints"]).reshape(-1, 3)
    np.testing.assert_array_equal(record.keypoints[13], table[5, :2])  # left shoulder
    assert record.visible[[6, 7, 8, 9]].tolist() == [0] * 4
    assert int((record.visible > 0).sum()) == 12


def paws() -> Skeleton:
    return Skeleton.from_dict(
        {
            "name": "paws",
            "keypoints": ["left_paw", "right_paw"],
            "root": [],
            "flip_pairs": [["left_paw", "right_paw"]],
            "limbs": [["left_paw", "right_paw"]],
            "triplets": [],
            "groups": {},
        }
    )


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    data = coco_data()
    data["categories"][0]["keypoints"] = ["right_paw", "left_paw"]
    for entry in data["annotations"]:
        entry["keypoints"] = [10, 20, 2, 30, 40, 1]
    write_coco(tmp_path, data)
    own = read("coco", tmp_path)
    assert own.skeleton.keypoints == ("right_paw", "left_paw")
    assert own.skeleton.flip_pairs == ((0, 1),)
    assert "derived flip_pairs: 1" in own.notes[0]
    found = read("coco", tmp_path, skeleton=paws())
    assert found.records[0].keypoints is not None
    assert found.records[0].keypoints.tolist() == [[30, 40], [10, 20]]
    with pytest.raises(UserError, match="'person2' and 'hand21' share no keypoint name"):
        read("coco", tmp_path, skeleton=load_skeleton("hand21"))


def test_to_a_store(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco")
    report = prepare(read("coco", tmp_path / "coco"), tmp_path / "s", size=64)
    assert (report.num_rows, report.problems) == (2, [])


def test_no_keypoints_by_count_are_left_out(tmp_path: Path) -> None:
    data = coco_data()
    data["annotations"][0]["num_keypoints"] = 0
    data["annotations"][1]["num_keypoints"] = 17
    write_coco(tmp_path, data)
    found = read("coco", tmp_path)
    assert [r.name for r in found.records] == ["000000000009.jpg#101"]
    assert any("labelled people of COCO val2017: 6,352 in the published dataset, 1 found" in n for n in found.notes)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("categories"), "has no list 'categories'"),
        (lambda d: d.update(images={}), "has no list 'images'"),
        (lambda d: d["images"].pop(), "annotation 101 names image 9, which 'images' lacks"),
        (lambda d: d["images"][0].pop("file_name"), "entry of 'images' has no 'file_name'"),
        (lambda d: d["annotations"][0].pop("image_id"), "entry of 'annotations' has no 'image_id'"),
        (lambda d: d["annotations"][0]["keypoints"].pop(), "annotation 100 has 50 keypoint values.*51 numbers"),
        (lambda d: d["annotations"][1]["keypoints"].__setitem__(0, "x"), "annotation 101 has 51 keypoint values"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2]), r"'bbox' of annotation 100 must be \[x, y"),
        (lambda d: d["categories"][0].pop("keypoints"), "no category has 'keypoints'"),
        (lambda d: d["images"][1].update(id=7), "two images have the id 7"),
        (lambda d: d["images"][1].update(id=[7]), r"'id' of an entry of 'images' is \[7\]"),
        (lambda d: d["images"][0].update(file_name="../../x.jpg"), r"image 7: its image '../../x.jpg' lies outside"),
        (lambda d: d["images"][0].update(file_name="/etc/passwd"), r"image 7: its image '/etc/passwd' lies outside"),
        (lambda d: d["images"][0].update(file_name=3), "image 7: the name of its image is 3"),
        (lambda d: d["annotations"][0].update(keypoints="x"), "'keypoints' of annotation 100 must be a list"),
        (lambda d: d["annotations"][0]["keypoints"].__setitem__(5, 10**400), "annotation 100 has 51 keypoint values"),
        (lambda d: d["categories"][0].update(keypoints="nose"), "'keypoints' of a category must be a list"),
        (lambda d: d["annotations"].clear(), "holds no person with a labelled keypoint"),
    ],
)
def test_bad_files(tmp_path: Path, change: Change, message: str) -> None:
    data = coco_data()
    change(data)
    write_coco(tmp_path, data)
    with pytest.raises(UserError, match=rf"person_keypoints_val2017.json: .*{message}"):
        read("coco", tmp_path)


@pytest.mark.parametrize("text", ["{", "", "[1, 2]", '"x"'])
def test_no_coco_json(tmp_path: Path, text: str) -> None:
    write_coco(tmp_path)
    (tmp_path / "annotations" / "person_keypoints_val2017.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"val2017.json: (is not readable JSON|has no list 'images')"):
        read("coco", tmp_path)


def test_two_annotations_of_one_id_and_boxes_outside(tmp_path: Path) -> None:
    data = coco_data()
    data["annotations"][1].update(id=100, image_id=7)
    write_coco(tmp_path / "twins", data)
    with pytest.raises(UserError, match=r"twins: 2 records are called '000000000007.jpg#100'"):
        prepare(read("coco", tmp_path / "twins"), tmp_path / "s")
    data = coco_data()
    data["annotations"][0]["bbox"] = [900, 900, 50, 50]
    write_coco(tmp_path / "outside", data)
    report = prepare(read("coco", tmp_path / "outside"), tmp_path / "s", size=32)
    assert len(report.problems) == 1
    assert "000000000007.jpg#100: the person box (899.5, 899.5, 949.5, 949.5) is empty or outside" in report.problems[0]


def test_missing_parts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"annotations: no such folder"):
        read("coco", tmp_path)
    (tmp_path / "annotations").mkdir()
    with pytest.raises(UserError, match=r"annotations: holds no JSON file"):
        read("coco", tmp_path)
    with pytest.raises(UserError, match=r"gone.json: no such file"):
        read("coco", tmp_path, annotations=tmp_path / "gone.json")
    write_coco(tmp_path)
    for path in (tmp_path / "val2017").iterdir():
        path.unlink()
    (tmp_path / "val2017").rmdir()
    with pytest.raises(UserError, match=r"images of person_keypoints_val2017.json are missing \(looked in val2017/"):
        read("coco", tmp_path)

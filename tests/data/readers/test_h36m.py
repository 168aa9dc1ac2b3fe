"""Human3.6M: joints by name, every fifth image, subjects, both test draws, and bad input."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.readers.h36m import ORDER
from actupose.skeletons import load_skeleton
from data.fakes.bodies import mirrored
from data.fakes.h36m import H36M, pixels, write_h36m
from data.readers.checks import assert_places, assert_round_trip, named, refused

BODY = load_skeleton("body16")


def test_joints_by_name(tmp_path: Path) -> None:
    write_h36m(tmp_path)
    found = read("h36m", tmp_path, "test_all")
    assert [H36M[i] for i in ORDER[:7]] == list(BODY.keypoints[:7])
    for record in found.records:
        wanted = pixels(int(Path(record.name).stem[-6:]) - 1)
        middle = tuple((a + b) / 2 for a, b in zip(wanted["left_shoulder"], wanted["right_shoulder"], strict=True))
        places = named(record, BODY)
        assert places["thorax"] == pytest.approx(middle, abs=1e-3)
        assert_places({n: p for n, p in places.items() if n != "thorax"}, wanted)
        assert len(places) == 16
        for name, (x, _) in places.items():
            if name.startswith("right_"):
                assert x < places[mirrored(name)][0], "the person faces the camera"


def test_subjects_and_every_fifth_image(tmp_path: Path) -> None:
    write_h36m(tmp_path, frames=12)
    names = {s: [r.name for r in read("h36m", tmp_path, s).records] for s in ("train", "test_all", "all")}
    assert Counter(n[:4] for n in names["train"]) == {f"s_{i:02d}": 3 for i in (1, 5, 6, 7, 8)}
    assert Counter(n[:4] for n in names["test_all"]) == {"s_09": 3, "s_11": 3}
    assert names["train"] + names["test_all"] == names["all"]
    assert {n[-8:] for n in names["all"]} == {"0001.jpg", "0006.jpg", "0011.jpg"}
    assert {r.archetype for r in read("h36m", tmp_path, "all").records} == {"Directions"}


def test_both_test_draws(tmp_path: Path) -> None:
    write_h36m(tmp_path)
    every = [r.name for r in read("h36m", tmp_path, "test_all").records]
    drawn = [r.name for r in read("h36m", tmp_path, "published_test").records]
    random.seed(42)
    assert [name.split("~")[0] for name in drawn] == random.choices(every, k=3200)
    assert len(set(drawn)) == 3200, "each draw has a name of its own"
    ours = read("h36m", tmp_path, "test")
    assert [r.name for r in ours.records] == every, "fewer than 3,200 are all taken"
    assert any("3,200 in the published dataset, 6 found" in note for note in ours.notes)


def test_our_test_set_is_drawn_without_replacement(tmp_path: Path) -> None:
    write_h36m(tmp_path, frames=1)
    for subject in (9, 11):
        data, joints = (tmp_path / "annotations" / f"Human36M_subject{subject}_{k}.json" for k in ("data", "joint_3d"))
        image = json.loads(data.read_text(encoding="utf-8"))["images"][0]
        images = [{**image, "file_name": f"s{subject}/{i}.jpg"} for i in range(10_000)]
        data.write_text(json.dumps({"images": images}), encoding="utf-8")
        assert joints.is_file()
    first, second = ([r.name for r in read("h36m", tmp_path, "test").records] for _ in range(2))
    assert first == second
    assert len(first) == len(set(first)) == 3200
    assert Counter(name.split("/")[0] for name in first).keys() == {"s9", "s11"}


def test_to_a_store(tmp_path: Path) -> None:
    write_h36m(tmp_path / "raw")
    assert_round_trip(read("h36m", tmp_path / "raw", "all"), tmp_path / "s")


Change = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("data", lambda d: d.pop("images"), "has no 'images'"),
        ("data", lambda d: d.update(images=[]), "must be a list of records"),
        ("data", lambda d: d["images"][5].pop("file_name"), "image 5: has no 'file_name'"),
        ("data", lambda d: d["images"][0].pop("cam_idx"), "image 0: has no 'cam_idx'"),
        ("data", lambda d: d["images"][5].update(cam_idx=9), r"image 5 \(s_09.*\): names camera 9"),
        ("data", lambda d: d["images"][5].update(file_name="../x.jpg"), r"image 5: its image '../x.jpg' lies outside"),
        ("camera", lambda d: d["1"].pop("R"), "camera 1: has no 'R'"),
        ("camera", lambda d: d["1"].update(f=[1.0]), r"camera 1: 'f' must be 2 numbers, got 1"),
        ("camera", lambda d: d["1"].update(t=[0.0, 0.0, -9e9]), "a joint lies behind the camera"),
        ("joint_3d", lambda d: d["2"]["1"].pop("5"), "action 2, subaction 1, frame 5: is not there"),
        ("joint_3d", lambda d: d["2"]["1"]["0"].pop(), r"frame 0 must be 17 x 3 numbers, got 16 x 3"),
        ("joint_3d", lambda d: d["2"]["1"]["0"][3].append(1), r"frame 0 must be 17 x 3 numbers"),
    ],
)
def test_bad_annotations(tmp_path: Path, kind: str, change: Change, message: str) -> None:
    write_h36m(tmp_path)
    path = tmp_path / "annotations" / f"Human36M_subject9_{kind}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    refused("h36m", tmp_path, rf"Human36M_subject9_.*{message}", "test_all")


def test_missing_and_truncated(tmp_path: Path) -> None:
    refused("h36m", tmp_path, r"annotations: no such folder .*offered on the Human3.6M page")
    write_h36m(tmp_path)
    path = tmp_path / "annotations" / "Human36M_subject9_joint_3d.json"
    path.write_text(path.read_text(encoding="utf-8")[:200], encoding="utf-8")
    refused("h36m", tmp_path, r"subject9_joint_3d.json: is not readable JSON", "test")
    path.unlink()
    refused("h36m", tmp_path, r"subject9_joint_3d.json: no such file \(annotations of subject 9\)", "test")
    (tmp_path / "images" / "s_01_act_02" / "s_01_act_02_000001.jpg").unlink()
    report = prepare(read("h36m", tmp_path, "train"), tmp_path / "s", size=32)
    assert report.problems[0].startswith("s_01_act_02/s_01_act_02_000001.jpg: no such image")

"""The hand data sets: joints by name, which hands count, mirrored hands, splits, and bad input."""

from __future__ import annotations

import json
import pickle
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.readers.rhd import ORDER
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes.bodies import FINGERS, JOINTS
from data.fakes.hands import (
    FREIHAND_K,
    PALM_FIRST,
    RHD,
    freihand_points,
    rhd_annotation,
    write_freihand,
    write_h3d,
    write_rhd,
)
from data.readers.checks import assert_places, assert_round_trip, named, refused

HAND21 = load_skeleton("hand21")
KINDS = ("rhd", "h3d", "freihand")


def write(kind: str, root: Path) -> None:
    {"rhd": write_rhd, "h3d": write_h3d, "freihand": write_freihand}[kind](root)


def test_the_palm_comes_first() -> None:
    assert list(HAND21.keypoints) == PALM_FIRST
    assert [RHD[i] for i in ORDER] == PALM_FIRST


@pytest.mark.parametrize("kind", KINDS)
def test_fingers_grow_from_the_wrist(tmp_path: Path, kind: str) -> None:
    write(kind, tmp_path)
    for record in read(kind, tmp_path, "test").records:
        places = {n: np.array(p) for n, p in named(record, HAND21).items()}
        for finger in FINGERS:
            reach = [np.linalg.norm(places[f"{finger}_{j}"] - places["wrist"]) for j in JOINTS]
            assert reach == sorted(reach)


@pytest.mark.parametrize("kind", KINDS)
def test_all_hands_are_left_hands_in_the_store(tmp_path: Path, kind: str) -> None:
    """Palm to us and fingers up, a left hand has its thumb at the left of the picture."""
    write(kind, tmp_path / "raw")
    found = read(kind, tmp_path / "raw", "test")
    assert_round_trip(found, tmp_path / "s")
    for row in open_store(tmp_path / "s").rows:
        places = dict(zip(HAND21.keypoints, np.array(row["keypoints"]).reshape(-1, 2), strict=True))
        assert places["thumb_tip"][0] < places["little_tip"][0]
        assert places["middle_tip"][1] < places["wrist"][1]


# -- RHD


def test_rhd_hands(tmp_path: Path) -> None:
    made = write_rhd(tmp_path)
    found = read("rhd", tmp_path, "train")
    assert [r.name for r in found.records] == [
        f"training/color/{i:05d}.png#{side}" for i in range(3) for side in ("left", "right")
    ]
    for record in found.records:
        number = int(Path(record.name.split("#")[0]).stem)
        half = slice(0, 21) if record.name.endswith("left") else slice(21, 42)
        table = made[number]["uv_vis"][half]
        assert_places(named(record, HAND21), {n: tuple(p) for n, p in zip(RHD, table[:, :2], strict=True)})
        assert record.flip == record.name.endswith("right")
        assert record.box == pytest.approx((*table[:, :2].min(0), *table[:, :2].max(0)))
    assert len(read("rhd", tmp_path / "RHD_published_v2", "all").records) == 12, "the folder itself is a root too"
    assert any("training images of RHD: 41,258 in the published dataset, 3 found" in n for n in found.notes)


def test_rhd_hidden_joints_are_labelled_but_not_visible(tmp_path: Path) -> None:
    write_rhd(tmp_path, {0: rhd_annotation(hidden=(1, 2))})
    left, right = read("rhd", tmp_path, "train").records
    assert left.visible is not None
    assert right.visible is not None
    hidden = {HAND21.keypoints[i] for i in np.flatnonzero(left.visible == 1)}
    assert hidden == {RHD[1], RHD[2]}
    assert (right.visible == 2).all()


def published_rule(own: np.ndarray, other: np.ndarray) -> bool:
    """The rule by counting the pixels of the square that the other box covers (boxes of whole pixels)."""
    (x0, y0), (x1, y1) = own[:, :2].min(0), own[:, :2].max(0)
    side = min(round(1.5 * max(x1 - x0, y1 - y0)), 320)
    corner = [min(max(round((a + b) / 2 - side / 2), 0), 320 - side) for a, b in ((x0, x1), (y0, y1))]
    (u0, v0), (u1, v1) = other[:, :2].min(0), other[:, :2].max(0)
    x, y = np.meshgrid(*(np.arange(c, c + side) for c in corner))
    covered = int(((x >= u0) & (x <= u1) & (y >= v0) & (y <= v1)).sum())
    return bool(side - 1 > 64 and own[:, 2].sum() > 16 and covered / side**2 < 0.3)


def test_rhd_which_hands_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = {}
    for i in range(60):
        places = rng.integers(40, 280, (2, 2))
        hidden = tuple(int(j) for j in rng.permutation(21)[: rng.integers(0, 8)])
        height = float(rng.integers(20, 140))
        annotation = rhd_annotation(tuple(places[0]), tuple(places[1]), height, hidden)  # type: ignore[arg-type]
        annotation["uv_vis"][:, :2] = np.round(annotation["uv_vis"][:, :2])
        made[i] = annotation
    write_rhd(tmp_path, made)
    found = {r.name for r in read("rhd", tmp_path, "train").records}
    wanted = set()
    for i, annotation in made.items():
        left, right = annotation["uv_vis"][:21], annotation["uv_vis"][21:]
        for side, own, other in (("left", left, right), ("right", right, left)):
            if published_rule(own, other):
                wanted.add(f"training/color/{i:05d}.png#{side}")
    assert found == wanted
    assert 10 < len(found) < 110, "the rule does something here"


def test_rhd_bad_input(tmp_path: Path) -> None:
    refused("rhd", tmp_path / "gone", "gone: no such folder .*Rendered Handpose Dataset is offered by .*Freiburg")
    refused("rhd", tmp_path, r"anno_training.pickle: no such file", "train")
    write_rhd(tmp_path)
    path = tmp_path / "RHD_published_v2" / "training" / "anno_training.pickle"
    path.write_bytes(path.read_bytes()[:300])
    refused("rhd", tmp_path, r"anno_training.pickle: is not a readable pickle", "train")
    for bad, message in (
        ({}, "must be a mapping of images"),
        ([1], "must be a mapping of images"),
        ({0: 5}, "image 0: has no 'uv_vis'"),
        ({"a": rhd_annotation()}, "image a: images are numbered"),
        ({0: {"uv_vis": np.zeros((21, 3))}}, r"image 0: 'uv_vis' must be 42 x 3 numbers, got 21 x 3"),
        ({0: {"uv_vis": np.full((42, 3), np.nan)}}, r"image 0: 'uv_vis' holds NaN"),
        ({0: rhd_annotation(height=3.0)}, "no hand of split 'train' is large and visible enough"),
    ):
        write_rhd(tmp_path, {0: rhd_annotation()})
        path.write_bytes(pickle.dumps(bad))
        refused("rhd", tmp_path, message, "train")


# -- Hand-3D-Studio


def test_h3d_splits(tmp_path: Path) -> None:
    samples = write_h3d(tmp_path)
    bare = [s["name"] for s in samples if s["without_object"]]
    names = {s: [r.name for r in read("h3d", tmp_path, s).records] for s in ("train", "test", "all")}
    assert names["all"] == bare
    assert names["test"] == [n for n in bare if n.startswith("part5/")]
    assert names["train"] == [n for n in bare if not n.startswith("part5/")]
    shuffled = list(bare)
    random.seed(42)
    random.shuffle(shuffled)
    cut = int(0.2 * len(bare))
    published = {s: {r.name for r in read("h3d", tmp_path, f"published_{s}").records} for s in ("train", "test")}
    assert published == {"test": set(shuffled[:cut]), "train": set(shuffled[cut:])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[1].pop("name"), "record 1: has no 'name'"),
        (lambda d: d[1].pop("without_object"), "record 1: has no 'without_object'"),
        (lambda d: d[1].update(without_object="maybe"), "record 1: 'without_object' is 'maybe'"),
        (lambda d: d[1]["keypoint2d"].pop(), r"record 1 \(part1/0001.jpg\): 'keypoint2d' must be 21 x 2 .*got 20 x 2"),
        (lambda d: d[1].update(name="part1/../../x.jpg"), r"record 1: its image 'part1/../../x.jpg' lies outside"),
        (lambda d: d.clear(), "must be a list of records"),
        (lambda d: [s.update(without_object=0) for s in d], "holds no hand without an object"),
    ],
)
def test_h3d_bad_annotations(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    samples = write_h3d(tmp_path)
    change(samples)
    (tmp_path / "H3D_crop" / "annotation.json").write_text(json.dumps(samples), encoding="utf-8")
    refused("h3d", tmp_path, rf"annotation.json: .*{message}")


def test_h3d_of_one_part(tmp_path: Path) -> None:
    refused("h3d", tmp_path, "annotation.json: no such file .*Southeast University")
    samples = [s for s in write_h3d(tmp_path) if s["name"].startswith("part1/")]
    (tmp_path / "H3D_crop" / "annotation.json").write_text(json.dumps(samples), encoding="utf-8")
    refused("h3d", tmp_path, "all hands are of part1, so there is nothing to split; use split 'all'", "test")
    assert len(read("h3d", tmp_path).records) == 4


# -- FreiHAND


def test_freihand_projection_and_backgrounds(tmp_path: Path) -> None:
    write_freihand(tmp_path, count=20)
    found = read("freihand", tmp_path)
    assert Counter(r.name for r in found.records) == {f"training/rgb/{i:08d}.jpg": 1 for i in range(80)}
    (fx, _, cx), (_, fy, cy), _ = FREIHAND_K
    for record in found.records:
        hand = int(Path(record.name).stem) % 20
        wanted = {
            n: (fx * x / z + cx, fy * y / z + cy)
            for n, (x, y, z) in zip(PALM_FIRST, freihand_points(hand), strict=True)
        }
        assert_places(named(record, HAND21), wanted)
        assert record.flip


def test_freihand_splits(tmp_path: Path) -> None:
    write_freihand(tmp_path, count=20)
    hands = {s: {int(Path(r.name).stem) % 20 for r in read("freihand", tmp_path, s).records} for s in ("train", "test")}
    assert hands == {"train": set(range(18)), "test": {18, 19}}
    assert len(read("freihand", tmp_path, "evaluation").records) == 2
    # green screen, automatic, sampled, homogenised: as the published code lists the four backgrounds
    listed = [f"training/rgb/{i + 20 * block:08d}.jpg" for block in (0, 3, 2, 1) for i in range(20)]
    random.seed(42)
    random.shuffle(listed)
    published = {s: {r.name for r in read("freihand", tmp_path, f"published_{s}").records} for s in ("train", "test")}
    assert published == {"test": set(listed[:16]), "train": set(listed[16:])}


def test_freihand_with_one_background(tmp_path: Path) -> None:
    write_freihand(tmp_path / "raw", count=20, blocks=1)
    found = read("freihand", tmp_path / "raw", "train")
    assert len(found.records) == 18
    assert any("holds 1 of the 4 backgrounds" in note for note in found.notes)


def test_freihand_bad_input(tmp_path: Path) -> None:
    refused("freihand", tmp_path, r"training_xyz.json: no such file .*FreiHAND is offered by .*Freiburg")
    write_freihand(tmp_path, count=4)
    refused("freihand", tmp_path, "split 'test' is empty, as there are only 4 hands", "test")
    xyz, cameras = tmp_path / "training_xyz.json", tmp_path / "training_K.json"
    whole = json.loads(xyz.read_text(encoding="utf-8"))
    for bad, message in (
        (whole[:3], r"training_K.json: has 4 cameras for 3 hands"),
        ([*whole[:3], whole[3][:20]], r"training_xyz.json: hand 3 must be 21 x 3 numbers, got 20 x 3"),
        ([*whole[:3], [[x, y, -1.0] for x, y, _ in whole[3]]], r"training_xyz.json: hand 3: a joint lies behind"),
        ({"a": 1}, r"training_xyz.json: must be a list"),
    ):
        xyz.write_text(json.dumps(bad), encoding="utf-8")
        refused("freihand", tmp_path, message)
    xyz.write_text(json.dumps(whole), encoding="utf-8")
    cameras.write_text("[[1, 2", encoding="utf-8")
    refused("freihand", tmp_path, "training_K.json: is not readable JSON")


@pytest.mark.parametrize("kind", KINDS)
def test_absent_images_stop_by_the_five_percent_rule(tmp_path: Path, kind: str) -> None:
    write(kind, tmp_path)
    for path in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.png")]:
        path.unlink()
    with pytest.raises(UserError, match=r"items are unusable, more than 5 %.*no such image"):
        prepare(read(kind, tmp_path, "train"), tmp_path / "s", size=32)

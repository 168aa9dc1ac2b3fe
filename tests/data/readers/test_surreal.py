"""SURREAL: clips and crops, its joints by name and in the mirrored picture, splits, and bad input."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from actupose.data.frames import VideoFrame
from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.readers.surreal import JOINT_MAPS
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes.bodies import PERSON, mirrored, place
from data.fakes.surreal import HEIGHT, SMPL, WIDTH, smpl_joints, write_clip, write_surreal, write_surreal_crops
from data.fakes.video import write_video
from data.readers.checks import assert_places, assert_round_trip, named, refused

BODY = load_skeleton("body16")


def seen_places(joints: np.ndarray) -> dict[str, tuple[float, float]]:
    """Name in the picture -> place, from the 24 SMPL joints of a mirrored picture."""
    return {mirrored(name): (float(x), float(y)) for name, (x, y) in zip(SMPL, joints, strict=True)}


def test_joint_maps_by_name() -> None:
    for kind, shoulder in (("mpii", "shoulder"), ("regda", "collar")):
        names = [mirrored(SMPL[i]) for i in JOINT_MAPS[kind]]
        assert names == [name.replace("shoulder", shoulder) for name in BODY.keypoints]


@pytest.mark.parametrize("kind", ["mpii", "regda"])
def test_every_frame_with_its_joints(tmp_path: Path, kind: str) -> None:
    made = write_surreal(tmp_path)
    found = read("surreal", tmp_path, "val", joint_map=kind)  # type: ignore[arg-type]
    assert [r.name for r in found.records] == [f"val/run0/01_01/01_01_c0001#{i}" for i in range(6)]
    for i, record in enumerate(found.records):
        assert record.image == VideoFrame(tmp_path / "val" / "run0" / "01_01" / "01_01_c0001.mp4", i)
        wanted = seen_places(made["val"][i])
        if kind == "regda":
            wanted |= {f"{side}_shoulder": wanted[f"{side}_collar"] for side in ("left", "right")}
        assert_places(named(record, BODY), wanted)
        assert len(named(record, BODY)) == 16
    assert found.settings == {"joint_map": kind, "frame_stride": 1}


def test_right_is_at_the_left_of_a_person_who_faces_us(tmp_path: Path) -> None:
    write_surreal(tmp_path)
    places = named(read("surreal", tmp_path, "test").records[0], BODY)
    for name, (x, _) in places.items():
        if name.startswith("right_"):
            assert x < places[mirrored(name)][0]
    assert places["head_top"][1] < places["pelvis"][1] < places["left_ankle"][1]


def test_splits_and_stride(tmp_path: Path) -> None:
    write_surreal(tmp_path / "data" / "cmu")
    root = tmp_path / "data" / "cmu"
    parts = {s: {r.name for r in read("surreal", root, s).records} for s in ("train", "val", "test", "all")}
    assert {s: len(names) for s, names in parts.items()} == {"train": 7, "val": 6, "test": 6, "all": 19}
    assert parts["train"] | parts["val"] | parts["test"] == parts["all"]
    assert len(read("surreal", tmp_path, "train").records) == 7, "data/cmu/ is found below the root"
    every_fourth = read("surreal", root, "train", frame_stride=4).records
    assert [r.name.split("#")[1] for r in every_fourth] == ["0", "4", "0"]
    with pytest.raises(UserError, match="frame_stride 0: must be 1"):
        read("surreal", root, "train", frame_stride=0)
    refused("surreal", root, r"no split 'vall' .*did you mean 'val'", "vall")


def test_people_outside_the_picture_are_left_out_and_counted(tmp_path: Path) -> None:
    joints = np.stack([smpl_joints((100, 110)), smpl_joints((100, 110)) + 1000, np.full((24, 2), -7.0)])
    joints[2, 7] = (10, 10)
    write_clip(tmp_path / "run0" / "a", "a_c0001", joints)
    found = read("surreal", tmp_path)
    assert [r.name for r in found.records] == ["run0/a/a_c0001#0"]
    assert any("2 of 3 frames left out" in note for note in found.notes)
    assert any("clips of SURREAL: 67,582 in the published dataset, 1 found" in note for note in found.notes)


def test_to_a_store(tmp_path: Path) -> None:
    write_surreal(tmp_path / "raw", frames=3)
    assert_round_trip(read("surreal", tmp_path / "raw", "all"), tmp_path / "s")


def test_joint_maps_never_share_a_store(tmp_path: Path) -> None:
    write_surreal(tmp_path / "raw", frames=2)
    prepare(read("surreal", tmp_path / "raw", "val"), tmp_path / "s", size=32)
    with pytest.raises(UserError, match=r'joint_map: "mpii" there, "regda" now'):
        prepare(read("surreal", tmp_path / "raw", "val", joint_map="regda"), tmp_path / "s", size=32)


# -- the real file


@pytest.fixture
def real_clip(tmp_path: Path, shared_data: Path) -> Path:
    """The real annotation beside a video of as many frames."""
    folder = tmp_path / "run0" / "01_01"
    folder.mkdir(parents=True)
    shutil.copy(shared_data / "surreal" / "01_01_c0001_info.mat", folder)
    write_video(folder / "01_01_c0001.mp4", 100, WIDTH, HEIGHT)
    return tmp_path


def test_the_real_clip(real_clip: Path, tmp_path: Path) -> None:
    found = read("surreal", real_clip)
    assert len(found.records) == 100
    assert_round_trip(read("surreal", real_clip, frame_stride=25), tmp_path / "s", size=128)


def test_the_real_picture_is_mirrored(real_clip: Path) -> None:
    """With depth from the 3D joints, pixels make a right-handed space; there left = up x forward for a real person."""
    info = loadmat(str(real_clip / "run0" / "01_01" / "01_01_c0001_info.mat"))
    camera = info["camLoc"].reshape(3)
    depth = np.abs(info["joints3D"][0] - camera[0]).T  # the camera looks along the world's x
    names = [mirrored(name) for name in SMPL]  # of what one sees
    for t, record in enumerate(read("surreal", real_clip).records):
        flat = {n: info["joints2D"][:, i, t] - (WIDTH / 2, HEIGHT / 2) for i, n in enumerate(names)}
        space = {n: np.array([*(flat[n] * depth[t, i] / 600), depth[t, i]]) for i, n in enumerate(names)}
        up = space["head_top"] - space["pelvis"]
        forward = sum(space[f"{s}_foot"] - space[f"{s}_ankle"] for s in ("left", "right"))
        left = np.cross(up, forward)
        for joint in ("hip", "shoulder", "knee", "ankle"):
            assert left @ (space[f"left_{joint}"] - space[f"right_{joint}"]) > 0
            places = named(record, BODY)
            wanted = flat[f"left_{joint}"] + (WIDTH / 2, HEIGHT / 2)
            assert places[f"left_{joint}"] == pytest.approx(tuple(wanted))


# -- the published crops


def test_crops(tmp_path: Path) -> None:
    write_surreal_crops(tmp_path)
    found = read("surreal_crops", tmp_path, "test")
    assert len(found.records) == 30
    for record, run in zip(found.records[::10], range(3), strict=True):
        assert record.name == f"test/run{run}/clip_0.jpg"
        assert record.image == tmp_path / "test" / f"run{run}" / "clip_0.jpg"
        assert_places(named(record, BODY), seen_places(smpl_joints((60 + run, 60), 80.0)))
    few = read("surreal_crops", tmp_path, "val")
    assert_round_trip(few, tmp_path / "s")


def test_published_splits_of_the_crops(tmp_path: Path) -> None:
    """A fifth, at most 3,200, of a shuffle by seed 42, of each folder alone."""
    write_surreal_crops(tmp_path)
    whole = {s: [r.name for r in read("surreal_crops", tmp_path, s).records] for s in ("train", "val", "test", "all")}
    assert whole["train"] + whole["val"] + whole["test"] == whole["all"]
    state = random.getstate()
    published = {
        s: {r.name for r in read("surreal_crops", tmp_path, f"published_{s}").records} for s in ("train", "test")
    }
    assert random.getstate() == state, "the global state is left alone"
    for part, chosen in (("train", slice(6, None)), ("test", slice(6))):
        shuffled = list(whole[part])
        random.seed(42)
        random.shuffle(shuffled)
        assert published[part] == set(shuffled[chosen])
    random.setstate(state)
    assert any("3,200" in note for note in read("surreal_crops", tmp_path, "published_test").notes)


# -- bad input


def test_bad_clips(tmp_path: Path) -> None:
    refused("surreal", tmp_path / "gone", r"gone: no such folder .*offered on the SURREAL project page")
    refused("surreal", tmp_path, r"holds no clip .*SURREAL project page.*nothing is downloaded")
    write_surreal(tmp_path)
    refused("surreal", tmp_path / "train", r"train/val: no such folder \(split 'val'", "val")
    info = tmp_path / "val" / "run0" / "01_01" / "01_01_c0001_info.mat"
    whole = info.read_bytes()
    info.write_bytes(whole[: len(whole) // 2])
    refused("surreal", tmp_path, r"01_01_c0001_info.mat: is not a readable MATLAB file|holds no 'joints2D'")
    savemat(info, {"joints3D": np.zeros((3, 24, 2))})
    refused("surreal", tmp_path, r"01_01_c0001_info.mat: holds no 'joints2D'")
    savemat(info, {"joints2D": np.zeros((2, 22, 5))})
    refused("surreal", tmp_path, r"info.mat: 'joints2D' must be 2 x 24 x N numbers, got 2 x 22 x 5")
    savemat(info, {"joints2D": np.full((2, 24, 5), np.nan)})
    refused("surreal", tmp_path, r"info.mat: 'joints2D' holds NaN")
    savemat(info, {"joints2D": "text"})
    refused("surreal", tmp_path, r"info.mat: 'joints2D' must be 2 x 24 x N numbers")


def test_a_broken_or_absent_video_is_counted(tmp_path: Path) -> None:
    joints = np.stack([smpl_joints((100, 110))] * 40)
    write_clip(tmp_path / "run0" / "a", "a_c0001", joints)
    write_clip(tmp_path / "run0" / "b", "b_c0001", joints[:1], video=False)
    write_clip(tmp_path / "run0" / "c", "c_c0001", joints[:1])
    video = tmp_path / "run0" / "c" / "c_c0001.mp4"
    video.write_bytes(video.read_bytes()[:100])
    report = prepare(read("surreal", tmp_path), tmp_path / "s", size=32)
    assert report.num_rows == 40
    assert [line.split(":")[0] for line in report.problems] == ["run0/b/b_c0001#0", "run0/c/c_c0001#0"]
    assert "no such image" in report.problems[0]
    assert "no video that can be read" in report.problems[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "is not readable JSON"),
        ("{}", "must be a list of records"),
        ("[]", "must be a list of records"),
        ('[{"keypoint2d": []}]', "record 0: has no 'name'"),
        ('[{"name": "a.jpg"}]', "record 0: has no 'keypoint2d'"),
        ('[{"name": "a.jpg", "keypoint2d": [[1, 2]]}]', r"record 0 \(a.jpg\): 'keypoint2d' must be 24 x 2 .*got 1 x 2"),
        ('[{"name": "../../a.jpg", "keypoint2d": []}]', r"record 0: its image '../../a.jpg' lies outside"),
        ('[{"name": "/etc/passwd", "keypoint2d": []}]', r"record 0: its image '/etc/passwd' lies outside"),
        ('[{"name": 5, "keypoint2d": []}]', "record 0: the name of its image is 5"),
    ],
)
def test_bad_crops(tmp_path: Path, content: str, message: str) -> None:
    write_surreal_crops(tmp_path, count=1)
    (tmp_path / "val" / "run1.json").write_text(content, encoding="utf-8")
    refused("surreal_crops", tmp_path, rf"val/run1.json: .*{message}")


def test_crops_named_twice(tmp_path: Path) -> None:
    write_surreal_crops(tmp_path, count=1)
    path = tmp_path / "val" / "run1.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) * 2), encoding="utf-8")
    with pytest.raises(UserError, match=r"2 records are called 'val/run1/clip_0.jpg'"):
        prepare(read("surreal_crops", tmp_path), tmp_path / "s")
    (tmp_path / "test" / "run2.json").unlink()
    refused("surreal_crops", tmp_path, r"test/run2.json: no such file .*TLLib", "test")


def test_the_fake_person_is_whole() -> None:
    assert place(PERSON, SMPL, 1.0, (0, 0)).shape == (24, 2)

"""The same mouse from every tool's file; nothing in a file is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from skeletons.files import MMPOSE, write_category, write_mmpose, write_sleap

NAMES = ("left_ear", "right_ear", "tail")


def write_config(folder: Path, **changes: object) -> Path:
    data = {"Task": "mouse", "scorer": "me", "bodyparts": list(NAMES), "skeleton": [["left_ear", "tail"]], **changes}
    (folder / "config.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def multi(folder: Path) -> Path:
    return write_config(
        folder,
        multianimalproject=True,
        multianimalbodyparts=list(NAMES),
        uniquebodyparts=["corner"],
        bodyparts="MULTI!",
        skeleton=[["left_ear", "tail"], ["corner", "tail"]],
    )


MICE: dict[str, Callable[[Path], Path]] = {
    "coco": lambda folder: write_category(folder / "labels.json"),
    "deeplabcut": write_config,
    "deeplabcut of several animals": multi,
    "deeplabcut config": lambda folder: write_config(folder) / "config.yaml",
    "sleap": lambda folder: write_sleap(folder / "mouse.slp"),
    "mmpose": lambda folder: write_mmpose(folder / "mouse.py"),
}


@pytest.mark.parametrize("kind", MICE)
def test_the_mouse_of_every_tool(kind: str, tmp_path: Path) -> None:
    skeleton = load_skeleton(MICE[kind](tmp_path))
    assert skeleton.keypoints == NAMES
    assert skeleton.name.startswith("mouse")
    assert skeleton.flip_pairs == ((0, 1),)
    assert skeleton.limbs == (((0, 2),) if kind.startswith("deep") else ((0, 2), (1, 2)))


def test_mmpose_sigmas_are_kept(tmp_path: Path) -> None:
    assert load_skeleton(write_mmpose(tmp_path / "mouse.py")).sigmas == (0.025, 0.03, 0.1)


def test_one_category_and_a_list_of_them(tmp_path: Path) -> None:
    entry = {"name": "cat", "keypoints": ["nose", "tail"]}
    for content in (entry, [entry]):
        (tmp_path / "c.json").write_text(json.dumps(content), encoding="utf-8")
        assert load_skeleton(tmp_path / "c.json").name == "cat2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MMPOSE.replace("'mouse'", "__import__('os').getcwd()"), "line 3 of dataset_info is no literal"),
        (MMPOSE.replace("dataset_info", "other"), "assigns no 'dataset_info'"),
        ("dataset_info = dict(", "not readable Python"),
        ("dataset_info = dict(dataset_name='x')", "'keypoint_info' of dataset_info must be"),
        ("dataset_info = 3", "'keypoint_info' of dataset_info must be"),
        ("dataset_info = " + "(" * 500 + ")" * 500, "not readable Python"),
        ("dataset_info = dict(**other)", "'keypoint_info' of dataset_info must be|no literal"),
        ("dataset_info = dict(keypoint_info={'a': dict(name='x')})", "'keypoint_info' of dataset_info must be"),
    ],
)
def test_mmpose_files_are_never_run(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"m.py: .*({message})"):
        load_skeleton(write_mmpose(tmp_path / "m.py", text))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "not readable JSON"),
        ("a.json", '{"categories": [{"name": "x"}]}', "no entry of 'categories' has 'keypoints'"),
        ("a.json", '{"categories": 3}', "no entry of 'categories' has 'keypoints'"),
        ("a.json", '[{"keypoints": ["a", "b"], "skeleton": [[0, 1]]}]', r"'skeleton' has the limb \[0, 1\]"),
        ("a.json", '[{"keypoints": ["a", "b"], "skeleton": 5}]', r"'skeleton' must be a list of pairs"),
        ("a.json", '[{"keypoints": "nose"}]', "no list 'keypoints'"),
        ("config.yaml", "bodyparts: MULTI!", "'bodyparts' is no list of names"),
        ("config.yaml", "bodyparts: [a, b]\nskeleton: 7", "'skeleton' must be a list of pairs"),
        ("config.yaml", "{bodyparts: [a, !!python/object/apply:os.getcwd []]}", "not a readable YAML file"),
        ("a.txt", "nose", "is no skeleton file; name a skeleton YAML"),
        ("a.slp", "no hdf5", "is not a readable SLEAP file"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name}: .*{message}"):
        load_skeleton(tmp_path / name)


def test_a_truncated_sleap_file(tmp_path: Path) -> None:
    path = write_sleap(tmp_path / "a.slp")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UserError, match=r"a.slp: is not a readable SLEAP file"):
        load_skeleton(path)


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"folder without config.yaml"):
        load_skeleton(tmp_path)

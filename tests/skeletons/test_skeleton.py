"""Built-in skeletons against METHOD's tables, and the errors of a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from actupose.errors import UserError
from actupose.skeletons import Skeleton, available_skeletons, keypoint_map, load_skeleton

ALL = ["body16", "coco17", "hand21", "lsp14"]


def test_the_built_in_ones() -> None:
    assert available_skeletons() == ALL
    assert {name: load_skeleton(name).num_keypoints for name in ALL} == dict(zip(ALL, (16, 17, 21, 14), strict=True))


@pytest.mark.parametrize("name", ALL)
def test_a_skeleton_is_sound(name: str) -> None:
    skeleton = load_skeleton(name)
    count = skeleton.num_keypoints
    flip = skeleton.flip_index()
    assert sorted(flip) == list(range(count))
    assert [flip[i] for i in flip] == list(range(count))
    for i, word in enumerate(skeleton.keypoints):
        mirrored = word.replace("left", "#").replace("right", "left").replace("#", "right")
        assert skeleton.keypoints[flip[i]] == mirrored, "left and right swap, nothing else"
    assert len({frozenset(limb) for limb in skeleton.limbs}) == len(skeleton.limbs)
    for bone in (*skeleton.limbs, *skeleton.triplets):
        assert len(set(bone)) == len(bone)
        assert all(0 <= i < count for i in bone)
    assert len(skeleton.colors) == len(skeleton.limbs)
    assert len(skeleton.sigmas) == count
    assert all(0.01 < s < 0.2 for s in skeleton.sigmas)
    assert all(0 <= i < count for group in (*skeleton.groups.values(), skeleton.root) for i in group)


@pytest.mark.parametrize("name", ALL)
def test_limbs_join_all_keypoints(name: str) -> None:
    skeleton = load_skeleton(name)
    reached = {skeleton.limbs[0][0]}
    for _ in skeleton.limbs:
        reached |= {i for limb in skeleton.limbs if reached & set(limb) for i in limb}
    loose = {skeleton.keypoints[i] for i in range(skeleton.num_keypoints)} - {skeleton.keypoints[i] for i in reached}
    assert not loose


@pytest.mark.parametrize("name", ALL)
def test_plain_data_come_back(name: str) -> None:
    skeleton = load_skeleton(name)
    assert Skeleton.from_dict(yaml.safe_load(yaml.safe_dump(skeleton.to_dict()))) == skeleton


def test_groups_of_the_protocol() -> None:
    body = {"Sld": (12, 13), "Elb": (11, 14), "Wrist": (10, 15), "Hip": (2, 3), "Knee": (1, 4), "Ankle": (0, 5)}
    found = {g: tuple(sorted(m)) for g, m in load_skeleton("body16").groups.items()}
    assert found == body | {"All": tuple(sorted(i for pair in body.values() for i in pair))}
    hand = {
        "MCP": (1, 5, 9, 13, 17),
        "PIP": (2, 6, 10, 14, 18),
        "DIP": (3, 7, 11, 15, 19),
        "Fingertip": (4, 8, 12, 16, 20),
        "All": tuple(range(21)),
    }
    assert {g: tuple(sorted(m)) for g, m in load_skeleton("hand21").groups.items()} == hand


def test_lsp_to_body16_is_the_table_of_the_method() -> None:
    table = (0, 1, 2, 3, 4, 5, -1, -1, 12, 13, 6, 7, 8, 9, 10, 11)
    assert keypoint_map(load_skeleton("lsp14"), load_skeleton("body16")) == table


def test_coco_to_body16_by_name() -> None:
    coco, body = load_skeleton("coco17"), load_skeleton("body16")
    found = {body.keypoints[i]: coco.keypoints[j] for i, j in enumerate(keypoint_map(coco, body)) if j >= 0}
    assert len(found) == 12
    assert all(a == b for a, b in found.items())


def test_no_shared_keypoint_is_refused() -> None:
    with pytest.raises(UserError, match="share no keypoint"):
        keypoint_map(load_skeleton("hand21"), load_skeleton("coco17"))


def test_an_unknown_name_tells_the_near_match() -> None:
    with pytest.raises(UserError, match="did you mean 'body16'"):
        load_skeleton("body61")


def user_data(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": "mine",
        "keypoints": ["left_paw", "right_paw", "tail"],
        "root": [],
        "flip_pairs": [["left_paw", "right_paw"]],
        "limbs": [["left_paw", "tail"], ["tail", "right_paw"]],
        "triplets": [["left_paw", "tail", "right_paw"]],
        "groups": {"Paw": ["left_paw", "right_paw"]},
    }
    return data | changes


def test_a_users_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(user_data()), encoding="utf-8")
    skeleton = load_skeleton(path)
    assert skeleton.triplets == ((0, 2, 1),)
    assert skeleton.groups == {"Paw": (0, 1), "All": (0, 1, 2)}
    assert skeleton.sigmas == (0.05, 0.05, 0.05)
    assert skeleton.colors[0] != skeleton.colors[1], "left and right look different"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limbs": [["left_paw", "tial"]]}, "'limbs' names 'tial'.*did you mean 'tail'"),
        ({"limbs": [["left_paw"]]}, "'limbs' must have 2 names"),
        ({"triplets": [["left_paw", "tail"]]}, "'triplets' must have 3 names"),
        ({"groups": {"Paw": ["right_pow"]}}, "groups.Paw.*did you mean 'right_paw'"),
        ({"keypoints": ["tail", "tail"]}, "different names"),
        ({"limb": []}, "unknown key 'limb' \\(did you mean 'limbs'"),
        ({"colors": [[1, 2, 3]]}, "1 entries for 2 limbs"),
        ({"colors": [[1, 2, 3], [1, 2, 300]]}, "three whole numbers"),
        ({"limbs": [["tail", "tail"]]}, "2 names, all different"),
        ({"limbs": "tail"}, "'limbs' must have 2 names"),
        ({"limbs": [3]}, "'limbs' must have 2 names"),
        ({"groups": {"Paw": "left_paw"}}, "groups.Paw' must be a list"),
        ({"groups": ["left_paw"]}, "'groups' must be a mapping"),
        ({"sigmas": {"tial": 0.1}}, "'sigmas' names 'tial'.*did you mean 'tail'"),
        ({"sigmas": {"tail": "big"}}, "'sigmas' of 'tail' must be a number above 0"),
        ({"keypoints": "tail"}, "different names"),
    ],
)
def test_a_wrong_users_file_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Skeleton.from_dict(user_data(**changes), origin="mine.yaml")


def test_a_missing_key_is_named() -> None:
    data = user_data()
    del data["keypoints"]
    with pytest.raises(UserError, match=r"mine.yaml: key 'keypoints' is missing"):
        Skeleton.from_dict(data, origin="mine.yaml")


@pytest.mark.parametrize("text", ["[unclosed", "- a list"])
def test_no_yaml_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"broken.yaml"):
        load_skeleton(path)

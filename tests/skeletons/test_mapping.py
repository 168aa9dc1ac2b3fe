"""Maps between skeletons: by name, by a user's pairs, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from actupose.errors import UserError
from actupose.skeletons import Skeleton, keypoint_map, load_skeleton
from actupose.skeletons.mapping import check_renames, mapping_text, read_renames


def skeleton(name: str, *keypoints: str) -> Skeleton:
    return Skeleton.from_dict({"name": name, "keypoints": list(keypoints)})


THEIRS, OURS = skeleton("theirs", "snout", "tail", "hip"), skeleton("ours", "nose", "hip", "tail", "ear")


def test_pairs_of_the_user_go_before_equal_names() -> None:
    assert keypoint_map(THEIRS, OURS) == (-1, 2, 1, -1)
    assert keypoint_map(THEIRS, OURS, {"snout": "nose"}) == (0, 2, 1, -1)
    assert keypoint_map(THEIRS, OURS, {"hip": "tail", "tail": "hip"}) == (-1, 1, 2, -1), "two names exchanged"
    assert keypoint_map(THEIRS, OURS, {"hip": "ear"}) == (-1, -1, 1, 2), "what is renamed is not used twice"


def test_a_map_alone_can_join_two_skeletons() -> None:
    a, b = skeleton("a", "x", "y"), skeleton("b", "p", "q")
    assert keypoint_map(a, b, {"y": "p"}) == (1, -1)
    with pytest.raises(UserError, match=r"'a' and 'b' share no keypoint name; .*map file"):
        keypoint_map(a, b)
    with pytest.raises(UserError, match="share no keypoint"):
        keypoint_map(a, b, {"z": "p"})


def test_what_is_printed() -> None:
    text = mapping_text(THEIRS, OURS, keypoint_map(THEIRS, OURS, {"snout": "nose", "hip": "ear"}))
    assert text.splitlines() == [
        "keypoints theirs -> ours: 3 of 4",
        "  snout -> nose, tail, hip -> ear",
        "  not in theirs, masked: hip",
    ]
    back = mapping_text(OURS, THEIRS, keypoint_map(OURS, THEIRS)).splitlines()
    assert back[-1] == "  only in ours, left out: nose, ear"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("snout: nose", "a keypoint map is one key, map"),
        ("map: []", "a keypoint map is one key, map"),
        ("map: {a: nose, b: nose}", "sends two keypoints to 'nose'"),
        ("map: {", "not a readable YAML"),
        ("- map", "a keypoint map is a YAML mapping"),
    ],
)
def test_broken_map_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"m.yaml: .*{message}"):
        read_renames(tmp_path / "m.yaml")
    with pytest.raises(UserError, match=r"gone.yaml: no such map file"):
        read_renames(tmp_path / "gone.yaml")


def test_a_name_that_no_data_have() -> None:
    check_renames({"snout": "nose", "left_knee": "hip"}, (THEIRS, load_skeleton("lsp14")))
    with pytest.raises(UserError, match=r"names 'snoot', no keypoint of the data \(did you mean 'snout'"):
        check_renames({"snoot": "nose"}, (THEIRS,))

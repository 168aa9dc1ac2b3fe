"""What is derived from names and limbs."""

from __future__ import annotations

import pytest

from actupose.skeletons import Skeleton, available_skeletons, load_skeleton
from actupose.skeletons.derive import chain, flip_pairs, meeting_limbs, mirrored, side_of


@pytest.mark.parametrize(
    ("name", "other", "side"),
    [
        ("left_ear", "right_ear", "left"),
        ("ear_right", "ear_left", "right"),
        ("LeftEar", "RightEar", "left"),
        ("FRONT-RIGHT", "FRONT-LEFT", "right"),
        ("L_ear", "R_ear", "left"),
        ("ear_L", "ear_R", "left"),
        ("hip.r", "hip.l", "right"),
        ("pawR", "pawL", "right"),
        ("tail", "tail", ""),
        ("Collar", "Collar", ""),  # an l or r inside a word is no side
        ("thumbRing", "thumbRing", ""),
    ],
)
def test_sides_in_names(name: str, other: str, side: str) -> None:
    assert (mirrored(name), side_of(name)) == (other, side)
    assert mirrored(other) == name


@pytest.mark.parametrize("name", available_skeletons())
def test_the_built_in_flip_pairs_would_be_found(name: str) -> None:
    skeleton = load_skeleton(name)
    found = {frozenset(pair) for pair in flip_pairs(skeleton.keypoints)}
    assert found == {frozenset(pair) for pair in skeleton.flip_pairs}


def test_a_side_without_its_other_is_no_pair() -> None:
    assert flip_pairs(["left_ear", "nose", "tail"]) == []


def test_triplets_stand_where_limbs_meet() -> None:
    assert meeting_limbs([(0, 1), (2, 1), (1, 3), (3, 4)], 5) == [(0, 1, 2), (2, 1, 3), (1, 3, 4)]
    assert meeting_limbs([(0, 1)], 2) == []


def test_two_names_make_a_skeleton() -> None:
    skeleton = Skeleton.from_dict({"name": "cat", "keypoints": ["nose", "earL", "earR"]})
    assert skeleton.limbs == tuple(chain(3)) == ((0, 1), (1, 2))
    assert skeleton.flip_pairs == ((1, 2),)
    assert skeleton.triplets == ((0, 1, 2),)
    assert skeleton.groups == {"All": (0, 1, 2)}
    assert skeleton.root == ()
    assert [line.split(":")[0] for line in skeleton.derived] == ["flip_pairs", "limbs", "triplets"]
    full = Skeleton.from_dict(skeleton.to_dict())
    assert full == skeleton, "how its parts came to be is no part of a skeleton"
    assert full.derived == ()

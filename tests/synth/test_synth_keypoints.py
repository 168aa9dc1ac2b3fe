from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth import Generator, SynthConfig, synthesize
from actupose.synth.body import BodyModel
from actupose.synth.keypoints import KeypointSet


def test_the_same_joint_is_the_same_in_every_skeleton() -> None:
    samples = {name: Generator(SynthConfig(size=64, skeleton=name), 5) for name in ("body16", "lsp14", "coco17")}
    for index in range(6):
        drawn = {name: generator.render(index) for name, generator in samples.items()}
        assert len({sample.image for sample in drawn.values()}) == 1, "labels change no picture"
        by_name = {
            name: dict(
                zip(load_skeleton(name).keypoints, zip(s.keypoints.tolist(), s.visible, strict=True), strict=True)
            )
            for name, s in drawn.items()
        }
        for name in ("lsp14", "coco17"):
            shared = set(by_name[name]) & set(by_name["body16"])
            assert len(shared) >= 12
            assert all(by_name[name][joint] == by_name["body16"][joint] for joint in shared)


def test_face_points_lie_where_a_face_has_them(model: BodyModel) -> None:
    """The reference body faces -Y, its left is +X."""
    names = load_skeleton("coco17").keypoints
    keypoints = KeypointSet(model, load_skeleton("coco17"))
    for person in (0, 17, 2500):
        body = model.pose(person, np.tile(np.eye(3), (len(model.rig.bones), 1, 1)))
        place = dict(zip(names, keypoints.positions(body), strict=True))
        nose, eyes = place["nose"], (place["left_eye"], place["right_eye"])
        assert all(nose[1] < eye[1] and nose[2] < eye[2] for eye in eyes), "the nose stands out below the eyes"
        assert abs(nose[0]) < 0.01
        for side, sign in (("left", 1), ("right", -1)):
            eye, ear = place[f"{side}_eye"], place[f"{side}_ear"]
            assert sign * ear[0] > sign * eye[0] > 0.02
            assert ear[1] > eye[1] + 0.05, "ears lie behind the eyes"
        assert 0.05 < np.linalg.norm(eyes[0] - eyes[1]) < 0.08  # metres between adults' eyes
        top = body.joints[9]
        assert 0.08 < top[2] - eyes[0][2] < 0.16


def test_a_skeleton_that_the_body_lacks_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hand21.*no keypoint 'wrist'"):
        synthesize(tmp_path / "store", 3, 0, SynthConfig(size=64, skeleton="hand21"))
    assert not (tmp_path / "store").exists()


def test_an_unknown_label_is_refused_with_its_near_match() -> None:
    with pytest.raises(UserError, match=r"'msk'.*'mask'"):
        SynthConfig(labels=("msk",))

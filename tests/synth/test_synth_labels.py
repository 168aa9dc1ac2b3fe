from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from ray_count import compare, surfaces_in_front

from actupose.synth.camera import View, frame
from actupose.synth.config import SynthConfig
from actupose.synth.generator import Generator
from actupose.synth.joints import BODY16, JointSurface
from actupose.synth.labels import HIDDEN, OUTSIDE, VISIBLE, to_pixel_index, visibility
from actupose.synth.layers import Layer, Region
from actupose.synth.scenes import BodyScenes

LEFT = [k for k, name in enumerate(BODY16) if name.startswith("left_")]
RIGHT = [BODY16.index("right_" + BODY16[k].removeprefix("left_")) for k in LEFT]


def test_visibility_agrees_with_an_independent_ray_count(generator: Generator) -> None:
    agree, through, _ = compare(generator, 40)
    assert len(agree) > 300
    assert np.mean(agree) > 0.84
    assert np.mean(through) < 0.04


def test_other_people_hide_joints_as_the_ray_count_says(tmp_path: Path) -> None:
    """Joints that show when the person is alone: hidden by others where, and only where, a ray meets one of them."""
    (tmp_path / "crowd.yaml").write_text("people: {others_aside: [0.0, 0.7], others_behind: [-0.9, 0.3]}")
    look = SynthConfig(look=str(tmp_path / "crowd.yaml"), size=128, occluders=0.0, others=1.0)
    crowd, alone = Generator(look, 11), Generator(dataclasses.replace(look, others=0.0), 11)
    covered, wrong = 0, []
    for index in range(60):
        scene = crowd.scene(index)
        counts = [surfaces_in_front(scene, other) for other in scene.others]
        shown = alone.render(index).visible == VISIBLE
        if not counts or not (blocked := (np.sum(counts, 0) > 0) & shown).any():
            continue
        sample = crowd.render(index)
        assert np.array_equal(sample.keypoints, alone.render(index).keypoints)
        covered += int(blocked.sum())
        wrong += list((sample.visible[shown] == VISIBLE) == blocked[shown])
    assert covered >= 5
    assert np.mean(wrong) < 0.1  # a probe beside the joint may still see it


def test_left_and_right_swap_between_front_and_back_view(generator: Generator) -> None:
    scenes = generator.scenes
    assert isinstance(scenes, BodyScenes)
    sampler = scenes.poses
    pose = dataclasses.replace(
        sampler.sample(np.random.default_rng(0)),
        rotations=np.tile(np.eye(3), (len(scenes.model.rig.bones), 1, 1)),
    )
    body = scenes.model.pose(0, pose.rotations)
    outline = body.vertices.numpy().astype(np.float64)
    for azimuth, facing in ((0.0, True), (180.0, False)):
        camera = frame(View(azimuth, 5.0, 0.0, 2.0, 0.8, (0.0, 0.0)), outline)
        points, _ = camera.project(body.joints, 100)
        left_is_right_of = points[LEFT, 0] > points[RIGHT, 0]
        assert left_is_right_of.all() if facing else (~left_is_right_of).all()
        assert points[BODY16.index("head_top"), 1] < points[BODY16.index("left_ankle"), 1]


def test_visible_joints_lie_on_the_silhouette(generator: Generator) -> None:
    on_body = []
    for index in range(12):
        scene, sample = generator.scene(index), generator.render(index)
        layer = generator.render_layers([scene])[0]
        alpha = np.zeros((128, 128))
        height, width = layer.alpha.shape
        alpha[layer.upper : layer.upper + height, layer.left : layer.left + width] = layer.alpha.numpy()
        pixel = np.round(sample.keypoints[sample.visible == VISIBLE]).astype(int).clip(0, 127)
        near = [alpha[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max() > 0 for x, y in pixel]
        on_body += near
        outside = ((sample.keypoints < -0.5) | (sample.keypoints > 127.5)).any(1)
        assert (outside == (sample.visible == OUTSIDE)).all()
    assert np.mean(on_body) > 0.99


def flat_layer(bone: int, depth: float) -> Layer:
    import torch

    size, ss = 8, 2
    return Layer(
        left=2,
        upper=1,
        colour=torch.zeros(size, size, 3),
        alpha=torch.ones(size, size),
        bone=torch.full((size * ss, size * ss), bone),
        depth=torch.full((size * ss, size * ss), depth),
        own=Region(2, 1, size, size),
        own_alpha=torch.ones(size, size),
    )


def test_visibility_by_hand() -> None:
    surface = JointSurface(np.array([[True, False]] * 6), np.full(6, 0.1))
    points = np.array([[5.0, 5.0], [5.0, 5.0], [5.0, 5.0], [11.5, 5.0], [-1.0, 5.0], [5.0, 5.0]])
    depth = np.array([2.05, 2.2, 1.8, 2.05, 2.05, -1.0])
    shown = visibility(points, depth, flat_layer(0, 2.0), surface, 12, None)
    assert shown.tolist() == [VISIBLE, HIDDEN, HIDDEN, HIDDEN, OUTSIDE, OUTSIDE]
    assert visibility(points, depth, flat_layer(1, 2.0), surface, 12, None).tolist() == [1, 1, 1, 1, 0, 0]
    occluded = np.zeros((12, 12), bool)
    occluded[5, 5] = True
    assert visibility(points, depth, flat_layer(0, 2.0), surface, 12, occluded)[0] == HIDDEN


def test_pixel_index_of_a_pixel_centre() -> None:
    assert to_pixel_index(np.array([[0.5, 7.5]])).tolist() == [[0.0, 7.0]]


def test_framing_gives_the_wanted_size_and_place(generator: Generator) -> None:
    outline = generator.scene(2).body.vertices.numpy().astype(np.float64)
    for focal in (0.9, 2.5):
        camera = frame(View(30.0, 15.0, 10.0, focal, 0.7, (0.1, -0.05)), outline)
        points, depth = camera.project(outline, 200)
        low, high = points.min(0), points.max(0)
        assert (high - low).max() == pytest.approx(0.7 * 200, rel=0.03)
        assert (low + high) / 2 == pytest.approx([100 + 20, 100 - 10], abs=4)
        assert depth.min() > 0.2


def test_camera_by_hand() -> None:
    camera = frame(View(0.0, 0.0, 0.0, 1.0, 0.5, (0.0, 0.0)), np.array([[-1.0, 0, -1], [1.0, 0, 1]]))
    points, depth = camera.project(np.array([[0.0, 0, 0], [1.0, 0, 1.0]]), 100)
    assert points[0] == pytest.approx([50, 50])
    assert points[1] == pytest.approx([75, 25])  # right is +X, up is +Z; half of the image side wide
    assert depth == pytest.approx([4.0, 4.0])

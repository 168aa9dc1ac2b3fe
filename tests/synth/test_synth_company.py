from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from actupose.synth import Generator, SynthConfig
from actupose.synth.scenes import Scene


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """People who all want to stand where the labelled person stands, or just before it."""
    look = Path(tmp_path_factory.mktemp("looks")) / "crowd.yaml"
    look.write_text("people: {others_count: {3: 1}, others_aside: [0.0, 0.8], others_behind: [-0.9, 0.5]}")
    generator = Generator(SynthConfig(look=str(look), size=64, others=1.0), 5)
    return [generator.scene(index) for index in range(40)]


def test_nobody_stands_in_somebody_else(scenes: list[Scene]) -> None:
    """Oracle: the least distance between the vertices of two people."""
    gaps = []
    for scene in scenes:
        bodies = [actor.body.vertices.numpy() for actor in (scene.actor, *scene.others)]
        gaps += [cKDTree(a).query(b[::5])[0].min() for k, a in enumerate(bodies) for b in bodies[k + 1 :]]
    assert len(gaps) > 20
    assert min(gaps) > 0.02


def test_all_stand_on_one_ground_and_before_the_camera(scenes: list[Scene]) -> None:
    for scene in scenes:
        feet = [float(actor.body.vertices[:, 2].min()) for actor in (scene.actor, *scene.others)]
        assert feet == pytest.approx([feet[0]] * len(feet), abs=1e-4)
        for other in scene.others:
            assert scene.camera.to_camera(other.body.vertices.double().numpy())[:, 2].min() > 0.5


def test_nobody_in_front_covers_most_of_the_labelled_person(scenes: list[Scene]) -> None:
    """Oracle: joints that have a vertex of another person nearby in the image and nearer to the camera."""
    covered = []
    for scene in scenes:
        joints, depth = scene.camera.project(scene.body.joints, size=1)
        for other in scene.others:
            points, near = scene.camera.project(other.body.vertices.double().numpy(), size=1)
            tree = cKDTree(points)
            hidden = [
                bool(found) and near[found].min() < depth[k]
                for k, found in enumerate(tree.query_ball_point(joints, 0.012))
            ]
            covered.append(np.mean(hidden))
    assert max(covered) <= 0.5
    assert max(covered) > 0, "some do stand in front"

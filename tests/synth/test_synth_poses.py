from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.body import BodyModel
from actupose.synth.capsules import CapsuleTest
from actupose.synth.limits import LIMITS, Pose, mirror, perturb
from actupose.synth.poses import TOLERANCE, PoseSampler, mix
from actupose.synth.streams import choose


def neutral(**angles: float) -> Pose:
    return dict.fromkeys(LIMITS, 0.0) | angles


def test_mix_is_a_power_law_of_the_rank() -> None:
    weights = mix(1.0)
    harmonic = sum(1 / rank for rank in range(1, 20))
    assert len(weights) == 19
    assert list(weights.values()) == pytest.approx([1 / rank / harmonic for rank in range(1, 20)])
    assert next(iter(weights)) == "stand"
    assert list(mix(0.0).values()) == pytest.approx([1 / 19] * 19)
    assert mix(2.0)["stand"] > mix(1.1)["stand"] > mix(0.5)["stand"]


def test_boost_multiplies_one_archetype() -> None:
    plain, boosted = mix(1.1), mix(1.1, {"bridge": 10.0})
    assert boosted["bridge"] / boosted["stand"] == pytest.approx(10 * plain["bridge"] / plain["stand"])


def test_choose_follows_the_weights_and_ignores_their_order() -> None:
    weights = {"a": 6.0, "b": 3.0, "c": 1.0, "never": 0.0}
    backwards = dict(reversed(weights.items()))
    drawn = [choose(np.random.default_rng(i), weights) for i in range(3000)]
    again = [choose(np.random.default_rng(i), backwards) for i in range(3000)]
    counts = Counter(drawn)
    assert drawn == again
    assert counts["never"] == 0
    assert [counts[k] / 3000 for k in "abc"] == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


@pytest.mark.parametrize("name", ARCHETYPES)
def test_every_archetype_stays_within_the_limits(name: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pose = perturb(ARCHETYPES[name](rng), rng)
        assert list(pose) == list(LIMITS)
        assert all(LIMITS[k].low <= v <= LIMITS[k].high for k, v in pose.items())


def test_mirror_is_an_involution_and_swaps_the_sides() -> None:
    rng = np.random.default_rng(3)
    pose = perturb(ARCHETYPES["kick"](rng), rng)
    mirrored = mirror(pose)
    assert mirror(mirrored) == pose
    assert list(mirrored) == list(pose)
    assert mirrored["knee_L"] == pose["knee_R"]
    assert mirrored["elbow_R"] == pose["elbow_L"]
    assert mirrored["spine_twist"] == -pose["spine_twist"]
    assert mirrored["pitch"] == pose["pitch"]


def test_a_mirrored_pose_is_the_reflected_body(model: BodyModel) -> None:
    """Oracle: reflect the posed joints at x = 0 and swap the names of the sides."""
    rig = model.rig
    partner = [rig.index[n[:-1] + {"L": "R", "R": "L"}[n[-1]] if n.endswith((".L", ".R")) else n] for n in rig.bones]
    for name in ("kick", "throw", "cartwheel", "gesture"):
        rng = np.random.default_rng(5)
        pose = perturb(ARCHETYPES[name](rng), rng)
        joints = rig.positions(rig.rotations(pose))
        mirrored = rig.positions(rig.rotations(mirror(pose)))
        assert np.abs(mirrored[partner] * [-1, 1, 1] - joints).max() < 0.02


def test_angles_mean_what_they_say(model: BodyModel) -> None:
    rig = model.rig

    def joint(positions: np.ndarray, name: str) -> np.ndarray:
        return positions[rig.index[name]]

    def bend(positions: np.ndarray, *names: str) -> float:
        a, b, c = (joint(positions, name) for name in names)
        cosine = (b - a) @ (c - b) / np.linalg.norm(b - a) / np.linalg.norm(c - b)
        return float(np.degrees(np.arccos(cosine)))

    posed = rig.positions(rig.rotations(neutral(elbow_L=90.0, knee_R=70.0, shoulder_raise_L=90.0)))
    assert bend(posed, "upperarm01.L", "lowerarm01.L", "wrist.L") == pytest.approx(90, abs=1)
    assert bend(posed, "upperleg01.R", "lowerleg01.R", "foot.R") == pytest.approx(70, abs=2)
    arm = joint(posed, "lowerarm01.L") - joint(posed, "upperarm01.L")
    assert arm / np.linalg.norm(arm) == pytest.approx([1, 0, 0], abs=1e-6)
    raised = rig.positions(rig.rotations(neutral(hip_flex_L=90.0)))
    thigh = joint(raised, "lowerleg01.L") - joint(raised, "upperleg01.L")
    assert thigh / np.linalg.norm(thigh) == pytest.approx([0, -1, 0], abs=0.05)  # forward is -Y
    upside_down = rig.positions(rig.rotations(neutral(pitch=180.0)))
    assert joint(upside_down, "head")[2] < joint(upside_down, "root")[2] < joint(upside_down, "foot.L")[2]


def test_positions_equal_a_recursive_walk(model: BodyModel) -> None:
    rig = model.rig
    rotations = rig.rotations(ARCHETYPES["throw"](np.random.default_rng(0)))
    expected = np.zeros((len(rig.bones), 3))
    for child, parent in enumerate(rig.parents):
        if parent >= 0:
            expected[child] = expected[parent] + rotations[parent] @ (rig.heads[child] - rig.heads[parent])
    assert rig.positions(rotations) == pytest.approx(expected, abs=1e-12)
    identity = rotations @ np.swapaxes(rotations, 1, 2)
    assert np.abs(identity - np.eye(3)).max() < 1e-12
    assert np.linalg.det(rotations) == pytest.approx(np.ones(len(rotations)))


def test_capsules_see_a_forearm_through_the_trunk(model: BodyModel) -> None:
    test, rig = CapsuleTest(model.rig), model.rig
    clear = neutral(shoulder_raise_L=60.0, shoulder_raise_R=60.0, elbow_L=10.0, elbow_R=10.0, hip_out_L=8, hip_out_R=8)
    through = clear | {"shoulder_raise_L": 40.0, "shoulder_plane_L": 90.0, "shoulder_twist_L": 80.0, "elbow_L": 140.0}
    assert test.penetration(rig.positions(rig.rotations(clear))) == 0
    assert test.penetration(rig.positions(rig.rotations(through))) > 0.03


def test_sampled_poses_do_not_intersect_and_follow_the_mix(model: BodyModel) -> None:
    sampler = PoseSampler(model.rig, mix(1.1))
    poses = [sampler.sample(np.random.default_rng([1, i])) for i in range(250)]
    assert np.mean([pose.penetration < TOLERANCE for pose in poses]) > 0.97
    counts = Counter(pose.archetype for pose in poses)
    assert counts["stand"] / 250 == pytest.approx(mix(1.1)["stand"], abs=0.09)
    assert counts["stand"] > counts["squat"]
    assert all(LIMITS[k].low <= v <= LIMITS[k].high for pose in poses for k, v in pose.angles.items())

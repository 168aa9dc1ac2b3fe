from __future__ import annotations

import numpy as np
import pytest

from actupose.skeletons import load_skeleton
from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.body import CHILDREN_PACK, PACK, BodyModel, cut, load_body, read_pack
from actupose.synth.joints import BODY16, JointSet


def test_skinning_equals_a_slow_loop(model: BodyModel) -> None:
    """Oracle: v = sum over bones of weight * (G (v_ref - h_ref) + h_posed), from the file's own arrays."""
    person = 17
    rotations = model.rig.rotations(ARCHETYPES["kick"](np.random.default_rng(4)))
    posed = model.pose(person, rotations)
    with np.load(PACK, allow_pickle=False) as pack:
        points = pack["mean"].astype(np.float64)
        points += np.tensordot(pack["people"][person].astype(np.float64), pack["basis"].astype(np.float64), 1)
        bones, weights = pack["wi"], pack["wv"].astype(np.float64)
    vertices, heads = points[: len(bones)], points[len(bones) :]
    posed_heads = model.rig.positions(rotations, heads)
    for vertex in range(0, len(bones), 487):
        expected = np.zeros(3)
        for bone, weight in zip(bones[vertex], weights[vertex], strict=True):
            moved = rotations[bone] @ (vertices[vertex] - heads[bone]) + posed_heads[bone]
            expected += weight * moved
        assert posed.vertices[vertex].numpy() == pytest.approx(expected, abs=2e-3)


def test_no_rotation_gives_the_reference_shape(model: BodyModel) -> None:
    vertices, heads = model.shape(5)
    posed = model.pose(5, np.tile(np.eye(3), (len(model.rig.bones), 1, 1)))
    offset = heads[0]  # posing puts the root at the origin
    weights = model._weights.sum(1)
    assert weights.numpy() == pytest.approx(np.ones(len(weights)), abs=2e-3)
    assert np.abs(posed.vertices.numpy() - (vertices.numpy() - offset)).max() < 4e-3


def test_people_are_adults_of_different_sizes(model: BodyModel) -> None:
    heights = [float(np.ptp(model.shape(person)[0][:, 2].numpy())) for person in range(0, 300, 10)]
    assert 1.35 < min(heights) < max(heights) < 2.1
    assert np.std(heights) > 0.05


def test_children_are_smaller_with_larger_heads() -> None:
    """Oracle: anatomy. Height grows with the age that the pack states, the head's share of it falls."""
    model = load_body(children=True)

    def proportions(person: int) -> tuple[float, float]:
        height = float(np.ptp(model.shape(person)[0][:, 2].numpy()))
        posed = model.pose(person, np.tile(np.eye(3), (len(model.rig.bones), 1, 1)))
        joints = dict(zip(BODY16, posed.joints, strict=True))
        return height, float(joints["head_top"][2] - joints["neck"][2]) / height

    adults = np.array([proportions(person) for person in range(0, 300, 10)])
    children = np.array([proportions(model.num_people + person) for person in range(0, 300, 10)])
    assert 0.8 < children[:, 0].min() < children[:, 0].max() < 1.9
    assert children[:, 0].mean() < adults[:, 0].mean() - 0.3
    assert children[:, 1].mean() > 1.1 * adults[:, 1].mean()
    age = read_pack(CHILDREN_PACK)["age"][:300:10].astype(float)
    assert np.corrcoef(age, children[:, 0])[0, 1] > 0.7
    assert np.corrcoef(age, children[:, 1])[0, 1] < -0.7


def test_a_part_of_the_body_is_posed_like_the_whole(model: BodyModel) -> None:
    """Oracle: the whole body, at the same places of the reference pose."""
    pack = read_pack(PACK)
    faces = np.asarray(model.mesh.bone == model.rig.index["lowerarm01.L"])
    no_joints = JointSet((), np.zeros((0, len(model.rig.bones))), {}, model.joints.surface)
    arm = BodyModel(cut(pack, faces)[0], lambda _: no_joints)
    assert 50 < len(arm.canonical) < 2000
    rotations = model.rig.rotations(ARCHETYPES["kick"](np.random.default_rng(4)))
    places = {tuple(place): k for k, place in enumerate(model.canonical)}
    rows = [places[tuple(place)] for place in arm.canonical]
    whole = model.pose(9, rotations).vertices[rows].numpy()
    assert arm.pose(9, rotations).vertices.numpy() == pytest.approx(whole, abs=1e-6)


def test_normals_equal_a_slow_loop_and_point_outwards(model: BodyModel) -> None:
    vertices, _ = model.shape(0)
    normals = model.mesh.normals(vertices[:, None])[:, 0].numpy()
    points, faces = vertices.numpy().astype(np.float64), model.mesh.faces.numpy()
    corners = points[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for vertex in range(0, len(points), 991):
        expected = sum(face_normals[k] for k in np.nonzero((faces == vertex).any(1))[0])
        assert normals[vertex] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)
    assert (corners[:, 0] * face_normals).sum() > 0  # six times the volume


def test_joints_have_the_order_of_the_skeleton_and_the_right_sides(model: BodyModel) -> None:
    assert load_skeleton("body16").keypoints == BODY16
    identity = np.tile(np.eye(3), (len(model.rig.bones), 1, 1))
    joints = dict(zip(BODY16, model.pose(3, identity).joints, strict=True))
    for name, place in joints.items():
        if name.startswith("left_"):
            assert place[0] > 0.03  # the subject's left is +X
            assert joints["right_" + name.removeprefix("left_")][0] < -0.03
    heights = [joints[n][2] for n in ("left_ankle", "left_knee", "pelvis", "thorax", "neck", "head_top")]
    assert heights == sorted(heights)
    assert joints["pelvis"] == pytest.approx((joints["left_hip"] + joints["right_hip"]) / 2)


def test_limb_coordinates_run_from_root_to_end(model: BodyModel) -> None:
    attributes = model.mesh.attributes.numpy()
    rig = model.rig
    for bone, column, value in (("lowerarm01.L", 3, 1.0), ("wrist.R", 3, 2.0), ("lowerleg01.R", 4, 1.0)):
        near = np.argsort(np.linalg.norm(attributes[:, :3] - rig.heads[rig.index[bone]], axis=1))[:10]
        assert np.median(attributes[near, column]) == pytest.approx(value, abs=0.15)
    head = attributes[:, 5] > 0.5
    assert (attributes[head, 3:5] == 0).all()
    assert ((attributes[:, 5:] >= 0) & (attributes[:, 5:] <= 1.001)).all()

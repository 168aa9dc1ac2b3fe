from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from ray_count import compare

from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth import Generator, SynthConfig, load_look, synthesize
from actupose.synth.body import HAND, NAIL, load_body
from actupose.synth.gestures import GESTURES, Gesture, draw_gesture
from actupose.synth.hand_appearance import HandAppearance, draw_hand
from actupose.synth.hand_materials import HAND_MATERIAL
from actupose.synth.hand_scenes import HandScenes
from actupose.synth.hands import FINGER_ALONG, HandModel, HandPoser, load_hand
from actupose.synth.joints import HAND21
from actupose.synth.look import ClothingLook, HandLook, Look
from actupose.synth.painting import Wearers

CONFIG = SynthConfig(subject="hand", size=64)
TIPS = [HAND21.index(f"{finger}_tip") for finger in ("thumb", "index", "middle", "ring", "little")]
STRAIGHT = Gesture("open", 90.0, 0.0, np.zeros(2), np.zeros((4, 3)), np.zeros(4), np.zeros(4))


@pytest.fixture(params=["L", "R"])
def hand(request: pytest.FixtureRequest) -> HandModel:
    return load_hand(request.param)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(dataclasses.replace(CONFIG, size=128, occluders=0.0), 11)


def joints_of(hand: HandModel, **changes: object) -> np.ndarray:
    """Joints (21, 3) of the straight gesture with some angles changed."""
    gesture = dataclasses.replace(STRAIGHT, **changes)  # type: ignore[arg-type]
    return hand.pose(0, HandPoser(hand).rotations(gesture)).joints


def test_joints_have_the_order_of_the_skeleton(hand: HandModel) -> None:
    assert load_skeleton("hand21").keypoints == HAND21
    joints = joints_of(hand)
    for finger in range(5):  # each finger runs from the palm to its tip
        reach = np.linalg.norm(joints[1 + 4 * finger : 5 + 4 * finger] - joints[0], axis=1)
        assert (np.diff(reach) > 0.008).all()
    lengths = np.linalg.norm(joints[TIPS] - joints[0], axis=1)
    assert lengths.argmax() == 2
    assert 0.14 < lengths.max() < 0.24


def test_the_thumb_is_on_the_side_it_should_be(hand: HandModel) -> None:
    """Look at one's own palm, fingers up: the right hand's thumb points to the right, the left hand's to the left.

    Where the palm is follows from how fingers bend, not from the rig's axes.
    """
    straight, bent = joints_of(hand), joints_of(hand, flex=np.full((4, 3), 40.0))
    palm = (bent[TIPS[1:]] - straight[TIPS[1:]]).mean(0)
    up = straight[HAND21.index("middle_mcp")] - straight[0]
    viewers_right = np.cross(-palm, up)
    thumb_from_little = straight[TIPS[0]] - straight[HAND21.index("little_mcp")]
    assert (thumb_from_little @ viewers_right > 0) == (hand.side == "R")


def test_fingers_bend_and_spread_the_right_way(hand: HandModel) -> None:
    straight = joints_of(hand)
    fist = joints_of(hand, flex=np.full((4, 3), 75.0))
    knuckles = [HAND21.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little")]
    reach = [np.linalg.norm(points[TIPS[1:]] - points[0], axis=1) for points in (straight, fist)]
    assert (reach[1] < 0.7 * reach[0]).all()
    assert fist[knuckles] == pytest.approx(straight[knuckles], abs=1e-6)
    spread = joints_of(hand, spread=np.array([8.0, 0.0, 5.0, 10.0]))
    gaps, wider = (np.linalg.norm(np.diff(points[TIPS[1:]], axis=0), axis=1) for points in (straight, spread))
    assert (wider > gaps + 0.002).all()
    to_little = np.linalg.norm(straight[TIPS[0]] - straight[knuckles[3]])
    opposed = joints_of(hand, thumb=np.array([30.0, 0.0, 0.0, 0.0]))
    assert np.linalg.norm(opposed[TIPS[0]] - opposed[knuckles[3]]) < to_little - 0.005
    abducted = joints_of(hand, thumb=np.array([0.0, 15.0, 0.0, 0.0]))
    apart = [np.linalg.norm(points[TIPS[0]] - points[TIPS[1]]) for points in (straight, abducted)]
    assert apart[1] > apart[0] + 0.01


def test_left_and_right_hands_mirror_each_other() -> None:
    left, right = (joints_of(load_hand(side), flex=np.full((4, 3), 30.0)) for side in "LR")
    assert left * [-1, 1, 1] == pytest.approx(right, abs=0.004)


def test_the_arm_is_the_bodys_own_and_has_one_open_end(hand: HandModel) -> None:
    body = load_body()
    rotations = np.tile(np.eye(3), (len(body.rig.bones), 1, 1))
    whole = {tuple(place): k for k, place in enumerate(body.canonical)}
    rows = [whole[tuple(place)] for place in hand.canonical]
    assert hand.pose(4, rotations).vertices.numpy() == pytest.approx(
        body.pose(4, rotations).vertices[rows].numpy(), abs=1e-6
    )
    rim = hand.canonical[hand.rim_vertices]
    shoulder = hand.rig.heads[hand.rig.index[f"upperarm01.{hand.side}"]]
    assert np.linalg.norm(rim - shoulder, axis=1).max() < 0.16, "nothing is open at wrist or fingers"
    assert len(hand.rim_vertices) > 8


def test_nails_lie_on_the_back_of_the_fingertips(hand: HandModel) -> None:
    nails = np.unique(hand.mesh.faces[hand.mesh.label == NAIL].numpy())
    attributes = hand.mesh.attributes.numpy()
    assert len(nails) > 60
    assert (attributes[nails, FINGER_ALONG] > 1.9).all()
    assert (attributes[nails, HAND] > 0.99).all()
    bones = hand.mesh.bone[hand.mesh.label == NAIL].tolist()
    assert {hand.rig.bones[bone] for bone in bones} == {f"finger{k}-3.{hand.side}" for k in range(1, 6)}


@pytest.mark.parametrize("name", GESTURES)
def test_sampled_gestures_hardly_intersect(name: str) -> None:
    poser, rng = HandPoser(load_hand("R")), np.random.default_rng(3)
    left = [poser.penetration(poser.sample(rng, name)[1]) for _ in range(12)]
    assert np.mean(left) < 0.004
    assert max(left) < 0.009


def test_capsules_see_fingers_in_each_other() -> None:
    poser = HandPoser(load_hand("R"))
    crossed = dataclasses.replace(STRAIGHT, spread=np.array([-38.0, 0.0, 0.0, 0.0]))
    assert poser.penetration(poser.rotations(STRAIGHT)) == 0
    assert poser.penetration(poser.rotations(crossed)) > 0.003


def test_gestures_are_what_they_are_called() -> None:
    """Oracle: which fingertips are far from the wrist, in parts of the straight finger."""
    hand, rng = load_hand("L"), np.random.default_rng(0)
    poser, straight = HandPoser(hand), joints_of(load_hand("L"))

    def extension(name: str) -> np.ndarray:
        joints = hand.pose(0, poser.rotations(draw_gesture(rng, name))).joints
        ratio = np.linalg.norm(joints[TIPS] - joints[0], axis=1) / np.linalg.norm(straight[TIPS] - straight[0], axis=1)
        return np.asarray(ratio[1:])

    for _ in range(10):
        assert (extension("open") > 0.9).all()
        assert (extension("fist") < 0.65).all()
        point = extension("point")
        assert point[0] > 0.9
        assert (point[1:] < 0.7).all()
        assert 2 <= (extension("count") > 0.85).sum() <= 4


def test_visibility_of_hands_agrees_with_an_independent_ray_count(generator: Generator) -> None:
    agree, through, seen = compare(generator, 40)
    assert len(agree) > 600
    assert 0.3 < np.mean(seen) < 0.9
    assert np.mean(agree) > 0.84
    assert np.mean(through) < 0.04


def test_hands_are_seen_from_everywhere_but_the_elbow(generator: Generator) -> None:
    """Views spread over the sphere about the hand; never along the forearm; the cut end stays out of the picture."""
    views, along = [], []
    for index in range(150):
        scene = generator.scene(index)
        hand = scene.actor.model
        assert isinstance(hand, HandModel)
        wrist, elbow = scene.body.joints[0], scene.body.bone_heads[hand.rig.index[f"lowerarm01.{hand.side}"]]
        palm = np.cross(*(scene.body.joints[[5, 17]] - wrist)) * (1 if hand.side == "R" else -1)
        views.append(scene.camera.rotation[2] @ palm / np.linalg.norm(palm))
        along.append(scene.camera.rotation[2] @ (wrist - elbow) / np.linalg.norm(wrist - elbow))
        rim, depth = scene.camera.project(scene.body.vertices[torch.from_numpy(hand.rim_vertices)].double().numpy(), 1)
        assert not (((rim >= 0) & (rim < 1)).all(1) & (depth > 0)).any()
    assert max(along) < 0.46
    assert min(along) < -0.8
    assert np.histogram(views, 4, (-1, 1))[0].min() > 10


def test_sides_gestures_and_people_follow_the_look(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("hand: {left: 1.0, gesture: {fist: 3, open: 1}}")
    generator = Generator(dataclasses.replace(CONFIG, look=str(tmp_path / "mine.yaml")), 0)
    scenes = [generator.scene(index) for index in range(60)]
    assert {scene.actor.model.side for scene in scenes if isinstance(scene.actor.model, HandModel)} == {"L"}
    kinds = [scene.archetype for scene in scenes]
    assert set(kinds) == {"fist", "open"}
    assert 0.55 < kinds.count("fist") / 60 < 0.95
    assert load_look(str(tmp_path / "mine.yaml")).hand.camera == HandLook().camera
    scenes_of_children = HandScenes(generator.look, 0, generator.clock)
    assert {model.side for model in scenes_of_children.models} == {"L", "R"}
    young = Generator(dataclasses.replace(CONFIG, children=1.0), 0)
    sizes = [
        np.mean([np.linalg.norm(g.scene(i).body.joints[9] - g.scene(i).body.joints[0]) for i in range(20)])
        for g in (Generator(CONFIG, 0), young)
    ]
    assert sizes[1] < 0.85 * sizes[0]


def test_sleeves_gloves_watches_and_nails_are_painted() -> None:
    hand = load_hand("L")
    look = Look(
        hand=HandLook(sleeve={1.9: 1.0}, gloves=0.0, watch=0.0, varnish=1.0),
        clothing=ClothingLook(top_pattern={"plain": 1.0}),
    )
    appearance = draw_hand(np.random.default_rng(1), look, 10)
    appearance = dataclasses.replace(appearance, nail=np.array([0.0, 0.0, 1.0]), waves=appearance.waves * 0)
    gloved = dataclasses.replace(appearance, glove=np.array([1.0, 0, 0]), band=np.array([0, 1.0, 0]))
    attributes, count = hand.mesh.attributes, len(hand.canonical)
    noise, nail = torch.zeros(count), torch.full((count,), NAIL)

    def painted(look: HandAppearance, label: torch.Tensor) -> torch.Tensor:
        return HAND_MATERIAL.paint(attributes, noise, label, Wearers([look], torch.device("cpu"))).albedo

    assert (painted(appearance, nail)[attributes[:, 3] > 2.1, 2] > 0.99).all()
    sleeve = attributes[:, 3] < appearance.sleeve_end - 0.1
    cloth = torch.tensor(appearance.sleeve.colour).float().clamp(0, 1) ** 2.2
    assert torch.allclose(painted(appearance, nail * 0)[sleeve], cloth)
    assert (painted(gloved, nail * 0)[attributes[:, HAND] > 0.6, 0] > 0.99).all()
    both = Wearers([appearance, gloved], torch.device("cpu"))
    offset, gloved_offset = HAND_MATERIAL.thickness(attributes[..., None], torch.zeros(count, 2), both).unbind(1)
    assert (offset[sleeve] > 0.001).all()
    assert float(offset[attributes[:, 3] > 2.2].max()) < 1e-6
    assert float(gloved_offset[attributes[:, HAND] > 0.9].min()) > 0.001


def test_hands_are_the_same_bytes_whatever_the_number_of_processes(tmp_path: Path) -> None:
    for name, workers in (("one", 0), ("two", 2)):
        synthesize(tmp_path / name, 6, 5, CONFIG, workers=workers)
    shards = [sorted((tmp_path / name / "shards").glob("*.arrow")) for name in ("one", "two")]
    assert len(shards[0]) == len(shards[1]) == 1
    assert shards[0][0].read_bytes() == shards[1][0].read_bytes()
    store = open_store(tmp_path / "one")
    assert store.meta.skeleton.name == "hand21"
    assert store.rows[3]["image"] == Generator(CONFIG, 5).render(3).image


def test_what_hands_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="subject"):
        SynthConfig(subject="foot")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"body16.*hand has no keypoint 'right_ankle'"):
        synthesize(tmp_path / "out", 1, 0, dataclasses.replace(CONFIG, skeleton="body16"))
    with pytest.raises(UserError, match=r"hand21.*body has no keypoint 'wrist'"):
        Generator(SynthConfig(skeleton="hand21"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "bad.yaml").write_text("hand: {gesture: {fists: 1}}")
    with pytest.raises(UserError, match=r"gesture: unknown option 'fists'; did you mean 'fist'"):
        Generator(dataclasses.replace(CONFIG, look=str(tmp_path / "bad.yaml")))


def test_the_recipes_of_bodies_and_hands_name_their_own_settings() -> None:
    body, hand = SynthConfig().recipe(0), CONFIG.recipe(0)
    assert not [key for key in body if key.startswith("look.hand") or key == "subject"]
    assert hand["subject"] == "hand"
    assert not [key for key in hand if key.startswith(("look.pose", "look.camera"))]
    assert dataclasses.replace(CONFIG, truncated=0.5).recipe(0)["look.hand.camera.truncated"] == 0.5

"""Scenes of one hand: any view but along the forearm, gestures, sleeves."""

from __future__ import annotations

import numpy as np

from actupose.synth.body import PosedBody
from actupose.synth.camera import Camera, draw_view, frame
from actupose.synth.clock import StageClock
from actupose.synth.hand_appearance import HandAppearance, draw_hand
from actupose.synth.hand_materials import HAND_MATERIAL
from actupose.synth.hands import HandModel, HandPoser, load_hand
from actupose.synth.lighting import draw_light
from actupose.synth.limits import SIDES
from actupose.synth.look import Look
from actupose.synth.rotations import Array, unit
from actupose.synth.scenes import Scene, Scenes
from actupose.synth.shading import Actor
from actupose.synth.streams import Stream, chance, choose

_FRAME_STEP = 5  # every 5th vertex of the hand frames it well enough
_MAX_VIEWS = 24
_MOST_ALONG = 0.45  # cosine of view and forearm above which the arm hides the hand
_LEAST_BEFORE = 0.03  # metres that the upper arm may come nearer to the camera than the hand


class HandScenes(Scenes):
    """Draws scenes of one hand."""

    def __init__(self, look: Look, seed: int, clock: StageClock) -> None:
        super().__init__(look, seed, clock)
        hands = [load_hand(side, children=look.people.children > 0) for side in SIDES]
        self.models = tuple(hands)
        self._posers = [HandPoser(hand) for hand in hands]

    def __call__(self, index: int) -> Scene:
        """Draw side, gesture, skin, view and light of one sample."""
        with self._clock("pose"):
            rng = self._stream(index, Stream.POSE)
            poser = self._posers[0 if chance(rng, self.look.hand.left) else 1]
            model = poser.model
            gesture, rotations = poser.sample(rng, choose(rng, self.look.hand.gesture))
        with self._clock("body"):
            appearance = draw_hand(self._stream(index, Stream.PERSON), self.look, model.num_people)
            light = draw_light(self._stream(index, Stream.LIGHT), self.look.light)
            actor, camera = self._view(index, model, rotations, appearance)
        return Scene(index, gesture.name, actor, (), light, camera, grounded=False)

    def _view(self, index: int, model: HandModel, rotations: Array, appearance: HandAppearance) -> tuple[Actor, Camera]:
        """Turn the arm and draw views until the hand is seen and the arm does not stand before it."""
        rng, look = self._stream(index, Stream.CAMERA), self.look.hand.camera
        person = self._person(appearance.person, model, self._stream(index, Stream.AGE))
        for _ in range(_MAX_VIEWS):
            body = model.pose(person, _any_turn(rng) @ rotations)
            points = body.vertices.numpy().astype(np.float64)
            camera = frame(draw_view(rng, look), points[model.hand_vertices[::_FRAME_STEP]])
            if _is_good(model, body, points, camera, look.min_joints):
                break
        return Actor(model, body, HAND_MATERIAL, appearance), camera


def _is_good(model: HandModel, body: PosedBody, points: Array, camera: Camera, min_joints: int) -> bool:
    """Whether the camera sees the hand, the arm does not stand before it, and the arm's cut end is out of sight."""
    joints, depth = camera.project(body.joints, size=1)
    if ((joints >= 0) & (joints < 1)).all(1).sum() < min_joints:
        return False
    forearm = unit(body.joints[0] - body.bone_heads[model.rig.index[f"lowerarm01.{model.side}"]])
    arm = camera.to_camera(points[model.upper_arm_vertices])[:, 2]
    if camera.rotation[2] @ forearm > _MOST_ALONG or arm.min() < depth.min() - _LEAST_BEFORE:
        return False
    rim, rim_depth = camera.project(points[model.rim_vertices], size=1)
    return not bool((((rim > -0.02) & (rim < 1.02)).all(1) & (rim_depth > 0)).any())


def _any_turn(rng: np.random.Generator) -> Array:
    """Draw a rotation (3, 3) uniformly: the QR decomposition of a Gaussian matrix, its determinant made 1."""
    turn, triangle = np.linalg.qr(rng.normal(0, 1, (3, 3)))
    turn = turn * np.sign(np.diag(triangle))
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    return np.asarray(turn)

"""Other people beside, behind and before the labelled person. Ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from actupose.synth.camera import Camera
from actupose.synth.look import PeopleLook
from actupose.synth.rotations import Array
from actupose.synth.shading import Actor
from actupose.synth.streams import chance, choose, uniform

_MAX_PLACES = 12
_STEP = 23  # every 23rd vertex outlines a person well enough
_GAP = 0.05  # metres between the boxes of two people
_NEAREST = 0.6  # metres from the camera
_MOST_COVERED = 0.34  # share of the labelled joints that the box of one person in front may cover


def draw_company(
    rng: np.random.Generator, look: PeopleLook, actor: Actor, camera: Camera, draw_other: Callable[[], Actor]
) -> tuple[Actor, ...]:
    """Draw other people and place them where they intersect nobody and leave the labelled person recognisable.

    All stand on the ground of the labelled person. Someone for whom no place is found stays away.

    Args:
        rng: Random generator.
        look: How many and where.
        actor: The labelled person.
        camera: The camera, which is not moved.
        draw_other: Draws one more person at the origin.
    """
    if not chance(rng, look.others):
        return ()
    placed: list[Actor] = []
    for _ in range(choose(rng, look.others_count)):
        other = _turned(draw_other(), rng.uniform(-np.pi, np.pi))
        for _ in range(_MAX_PLACES):
            moved = _moved(other, _place(rng, look, actor, other, camera))
            if _fits(moved, [actor, *placed], camera):
                placed.append(moved)
                break
    return tuple(placed)


def _turned(actor: Actor, angle: float) -> Actor:
    """Turn a person about the vertical through the origin."""
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    x, y, z = actor.body.vertices.unbind(1)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    body = dataclasses.replace(
        actor.body,
        vertices=torch.stack([x * cosine - y * sine, x * sine + y * cosine, z], 1),
        bone_heads=actor.body.bone_heads @ turn.T,
        joints=actor.body.joints @ turn.T,
    )
    return dataclasses.replace(actor, body=body)


def _moved(actor: Actor, offset: Array) -> Actor:
    body = actor.body
    moved = dataclasses.replace(
        body,
        vertices=body.vertices + torch.from_numpy(offset.astype(np.float32)),
        bone_heads=body.bone_heads + offset,
        joints=body.joints + offset,
    )
    return dataclasses.replace(actor, body=moved)


def _place(rng: np.random.Generator, look: PeopleLook, actor: Actor, other: Actor, camera: Camera) -> Array:
    """Draw an offset (3,) on the ground: to the side and behind the labelled person as the camera sees them."""
    right, forward = camera.rotation[0].copy(), camera.rotation[2].copy()
    right[2] = forward[2] = 0
    aside = uniform(rng, look.others_aside) * (1 if chance(rng, 0.5) else -1)
    offset = right / np.linalg.norm(right) * aside + forward / max(np.linalg.norm(forward), 1e-6) * uniform(
        rng, look.others_behind
    )
    ground, feet = actor.body.vertices[:, 2].min(), other.body.vertices[:, 2].min()
    return np.array([offset[0], offset[1], float(ground - feet)])


def _fits(other: Actor, present: list[Actor], camera: Camera) -> bool:
    """Whether a placed person intersects nobody, is not too near, and leaves most joints of the first one free."""
    outline = other.body.vertices[::_STEP].numpy().astype(np.float64)
    low, high = outline.min(0) - _GAP, outline.max(0) + _GAP
    for actor in present:
        points = actor.body.vertices[::_STEP].numpy()
        if (points.min(0) < high).all() and (points.max(0) > low).all():
            return False
    seen, depth = camera.project(outline, size=1)
    if depth.min() < _NEAREST:
        return False
    joints, joint_depth = camera.project(present[0].body.joints, size=1)
    covered = (joints > seen.min(0)).all(1) & (joints < seen.max(0)).all(1) & (joint_depth > depth.min())
    return bool(np.median(depth) > np.median(joint_depth) or covered.mean() <= _MOST_COVERED)

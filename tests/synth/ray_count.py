"""An independent oracle of visibility: how many surfaces a ray meets, triangle by triangle."""

from __future__ import annotations

import numpy as np

from actupose.synth.body import NAIL, SKIN
from actupose.synth.generator import Generator
from actupose.synth.labels import OUTSIDE, VISIBLE
from actupose.synth.scenes import Scene
from actupose.synth.shading import Actor


def surfaces_in_front(scene: Scene, actor: Actor) -> np.ndarray:
    """How many front faces of an actor the ray from the camera to each of the scene's joints meets before the joint.

    Moeller and Trumbore; mouth and eyes are layers inside the head and left out.
    """
    camera, mesh = scene.camera, actor.model.mesh
    faces = mesh.faces[(mesh.label == SKIN) | (mesh.label == NAIL)].numpy()
    points = camera.to_camera(actor.body.vertices.numpy().astype(np.float64))
    joints = camera.to_camera(scene.body.joints)
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    edge1, edge2 = b - a, c - a
    front = (np.cross(edge1, edge2) * a).sum(1) < 0
    counts = []
    for joint in joints:
        p = np.cross(joint, edge2)
        determinant = (edge1 * p).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = -(a * p).sum(1) / determinant
            q = np.cross(-a, edge1)
            v = (q @ joint) / determinant
            t = (edge2 * q).sum(1) / determinant  # 1 at the joint
            hit = front & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)
        counts.append(int(hit.sum()))
    return np.array(counts)


def compare(generator: Generator, num: int) -> tuple[list[bool], list[bool], list[bool]]:
    """For every joint inside the pictures of `num` samples.

    Returns:
        Whether label and ray count agree, whether it is labelled visible behind more than one surface, and whether it
        is labelled visible.
    """
    agree, through, seen = [], [], []
    for index in range(num):
        scene, sample = generator.scene(index), generator.render(index)
        inside = sample.visible != OUTSIDE
        counts = surfaces_in_front(scene, scene.actor)[inside]
        visible = sample.visible[inside] == VISIBLE
        agree += list((counts <= 1) == visible)
        through += list(visible & (counts > 1))
        seen += list(visible)
    return agree, through, seen

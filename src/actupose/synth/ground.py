"""The ground: where the camera sees it, and the shadow that people cast on it.

The shadow is splatted: every vertex is moved along the sunlight to the ground plane and counted in a grid of small
cells, the counts are blurred and saturated. That gives a soft shadow of the right shape in a fraction of the time of a
shadow map. Ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from actupose.synth.archetypes import AIRBORNE
from actupose.synth.camera import Camera
from actupose.synth.lighting import Light
from actupose.synth.look import GroundLook
from actupose.synth.rotations import Array
from actupose.synth.streams import uniform

_CELL = 0.025  # metres of a cell of the splat grid
_OPAQUE = 2.0  # vertices a cell, after the blur, that take most of the light
_NEAR_GROUND = 0.12  # metres above the ground within which something makes contact
_CONTACT_BLUR = 0.05  # metres
_MOST_CELLS = 400
_GAMMA = 2.2


@dataclass(frozen=True)
class Rows:
    """Where the image shows the ground, in units of the image side (0 = upper edge).

    Attributes:
        horizon: Row of the horizon at the middle column.
        wall: Row of the foot of a wall behind the person.
        slope: How much both fall from the left to the right edge.
    """

    horizon: float
    wall: float
    slope: float


def ground_height(vertices: torch.Tensor, archetype: str, rng: np.random.Generator, look: GroundLook) -> float:
    """World height of the ground under a posed body (V, 3): its lowest point, or lower for a jump."""
    lift = uniform(rng, look.airborne)
    return float(vertices[:, 2].min()) - (lift if archetype in AIRBORNE else 0.0)


def ground_rows(camera: Camera, height: float, rng: np.random.Generator, look: GroundLook) -> Rows:
    """Find horizon and wall in the image.

    Args:
        camera: The camera.
        height: Of the ground, world metres.
        rng: Draws the wall's distance.
        look: Its range.
    """
    distance = uniform(rng, look.wall)
    down = camera.rotation[1, 2]  # how the image's rows run against the vertical; negative
    horizon = 0.5 - camera.focal * camera.rotation[2, 2] / min(down, -0.05)
    forward = camera.rotation[2] * [1, 1, 0]
    foot = forward / max(float(np.linalg.norm(forward)), 1e-6) * distance + [0, 0, height]
    points, depth = camera.project(foot[None], size=1)
    wall = float(points[0, 1]) if depth[0] > 0.1 else 1.0
    slope = -camera.rotation[0, 2] / min(down, -0.05)
    return Rows(float(horizon), max(wall, float(horizon) + 0.02), float(slope))


def shade_ground(
    picture: Array,
    bodies: Sequence[torch.Tensor],
    height: float,
    camera: Camera,
    light: Light,
    look: GroundLook,
) -> None:
    """Darken a background in place where people keep light from the ground.

    Args:
        picture: (S, S, 3) float32 sRGB.
        bodies: Vertices (V, 3) of each person, world metres.
        height: Of the ground.
        camera: The camera.
        light: The light.
        look: Strength, softness and reach.
    """
    size = len(picture)
    side = max(size // 2, 16)
    points, below = _ground_points(camera, height, side)
    vertices = np.concatenate([body.numpy() for body in bodies]).astype(np.float64)
    centre = vertices[:, :2].mean(0)
    near = below & (np.hypot(*(points - centre).T) < look.reach * 1.5)
    factor = np.ones((side * side, 3), np.float32)
    factor[near] = _share_of_light(points[near], vertices, height, centre, light, look)
    planes = torch.from_numpy(factor.reshape(1, side, side, 3)).permute(0, 3, 1, 2)
    planes = F.interpolate(planes, size=(size, size), mode="bilinear", align_corners=False)[0]
    picture *= (planes.permute(1, 2, 0) ** (1 / _GAMMA)).numpy()


def _ground_points(camera: Camera, height: float, side: int) -> tuple[Array, Array]:
    """Where the rays of a side x side grid meet the ground: (N, 2) world metres, and (N,) whether they do."""
    steps = ((np.arange(side) + 0.5) / side - 0.5) / camera.focal
    across, down = np.meshgrid(steps, steps)
    rays = np.stack([across.ravel(), down.ravel(), np.ones(side * side)], 1) @ camera.rotation
    eye = -camera.rotation.T @ camera.translation
    falls = rays[:, 2] * np.sign(height - eye[2]) > 1e-3
    along = (height - eye[2]) / np.where(falls, rays[:, 2], 1.0)
    return eye[:2] + rays[:, :2] * along[:, None], falls & (eye[2] > height)


def _share_of_light(
    points: Array, vertices: Array, height: float, centre: Array, light: Light, look: GroundLook
) -> Array:
    """Share (N, 3) of the unshadowed light, linear, that reaches ground points (N, 2)."""
    above = vertices[:, 2] - height
    sun = light.direction
    tangent = sun[:2] / max(float(sun[2]), 0.05)
    fall = vertices[:, :2] - above[:, None] * tangent
    shadow = _splat(fall, np.ones(len(fall)), points, look.softness)
    contact = _splat(vertices[:, :2], np.exp(-above / _NEAR_GROUND), points, _CONTACT_BLUR)
    fade = np.clip(2 - 2 * np.hypot(*(points - centre).T) / look.reach, 0, 1)
    ambient = light.sky[None] * (1 - look.contact * contact)[:, None]
    direct = light.sun[None] * max(float(sun[2]), 0.0)
    lit = ambient + direct * (1 - look.shadow * shadow * fade)[:, None]
    return np.asarray(lit / (light.sky[None] + direct), np.float32)


def _splat(places: Array, weights: Array, points: Array, blur: float) -> Array:
    """Coverage (N,) in [0, 1] at points (N, 2) by blurred weighted dots at places (V, 2)."""
    margin = 3 * blur + 2 * _CELL
    low, high = places.min(0) - margin, places.max(0) + margin
    cell = max(_CELL, float((high - low).max()) / _MOST_CELLS)
    columns, rows = (math.ceil(float(extent) / cell) + 1 for extent in high - low)
    index = np.floor((places - low) / cell).astype(np.int64)
    counts = np.bincount(index[:, 1] * columns + index[:, 0], weights, minlength=rows * columns)
    density = gaussian_filter(counts.reshape(rows, columns), max(blur, cell) / cell, mode="constant")
    covered = 1 - np.exp(-density / _OPAQUE * (_CELL / cell) ** 2 * 4)
    at = np.floor((points - low) / cell).astype(np.int64)
    inside = (at >= 0).all(1) & (at[:, 0] < columns) & (at[:, 1] < rows)
    at = np.where(inside[:, None], at, 0)
    return np.where(inside, covered[at[:, 1], at[:, 0]], 0.0)

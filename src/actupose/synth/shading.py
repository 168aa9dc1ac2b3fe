"""From a posed, dressed body or hand to linear colours: surface sampling, shadow map, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from actupose.synth.body import POSITION, BodyModel, PosedBody
from actupose.synth.camera import Camera
from actupose.synth.layers import Region, Samples
from actupose.synth.lighting import Light
from actupose.synth.painting import Finish, Surface, waves
from actupose.synth.renderer import Fragments, rasterize, take, unit_rows
from actupose.synth.rotations import Array

_SHADOW_SIDE = 192
_SHADOW_TAPS = ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))
_SHININESS_DOUBLINGS = 5  # exponent 32


@dataclass(frozen=True)
class DressedBody:
    """A posed body with cloth thickness.

    Attributes:
        vertices: (V, 3) world metres.
        normals: (V, 3) unit normals of the skin.
        noise: (V,) blotches; bump: (V, 3) folds (see `painting.waves`).
    """

    vertices: torch.Tensor
    normals: torch.Tensor
    noise: torch.Tensor
    bump: torch.Tensor


@dataclass(frozen=True)
class Actor:
    """A posed person or hand and how it is painted."""

    model: BodyModel
    body: PosedBody
    finish: Finish


def dress(actor: Actor) -> DressedBody:
    """Give the body the thickness of its clothes, shoes and hair."""
    model, vertices = actor.model, actor.body.vertices
    normals = model.normals(vertices)
    noise, bump = waves(model.attributes[:, POSITION], actor.finish.waves)
    offset = actor.finish.thickness(model.attributes, noise)
    return DressedBody(vertices + normals * offset[:, None], normals, noise, bump)


def _transform(points: torch.Tensor, rotation: Array, translation: Array) -> torch.Tensor:
    """Rotate and move points (V, 3); sums in a fixed order."""
    matrix = rotation.tolist()
    x, y, z = points.unbind(1)
    rows = [x * a + y * b + z * c + float(t) for (a, b, c), t in zip(matrix, translation, strict=True)]
    return torch.stack(rows, 1)


def _region(projected: torch.Tensor, size: int) -> Region:
    low = projected[:, :2].amin(0).floor().clamp(0, size - 1).long().tolist()
    high = projected[:, :2].amax(0).ceil().clamp(1, size).long().tolist()
    return Region(low[0], low[1], max(high[0] - low[0], 1), max(high[1] - low[1], 1))


class ShadowMap:
    """Depth map from the sun, orthographic.

    Args:
        vertices: (V, 3) world metres.
        faces: (F, 3) int64.
        direction: (3,) unit vector towards the sun.
        shadowed: Vertices that the map covers; what lies beyond is lit. None: all.

    Attributes:
        points: (V, 3) the vertices in map coordinates: column, row, depth.
    """

    def __init__(
        self, vertices: torch.Tensor, faces: torch.Tensor, direction: Array, shadowed: torch.Tensor | None = None
    ) -> None:
        right = np.cross(direction, [1e-3, 1e-3, 1.0])
        right /= np.linalg.norm(right)
        basis = np.stack([right, -np.cross(direction, right), -direction])
        seen = _transform(vertices, basis, np.zeros(3))
        covered = seen if shadowed is None else take(seen, shadowed)
        low, high = covered.amin(0), covered.amax(0)
        scale = _SHADOW_SIDE * 0.96 / (high - low)[:2].amax()
        centred = (seen[:, :2] - (low + high)[:2] / 2) * scale + _SHADOW_SIDE / 2
        self.points = torch.cat([centred, seen[:, 2:] - seen[:, 2].min() + 1], 1)
        fragments = rasterize(self.points, faces, _SHADOW_SIDE, _SHADOW_SIDE)
        self._depth = torch.full((_SHADOW_SIDE * _SHADOW_SIDE,), torch.inf)
        self._depth.index_copy_(0, fragments.pixel, fragments.depth)
        if shadowed is not None:  # lookups beyond the map end at its rim
            square = self._depth.view(_SHADOW_SIDE, _SHADOW_SIDE)
            square[[0, -1]] = square[:, [0, -1]] = torch.inf

    def lit(self, points: torch.Tensor, bias: float) -> torch.Tensor:
        """Share (N,) of the sun that reaches points (N, 3) given in map coordinates, metres of bias."""
        column, row, depth = points.unbind(1)
        depth = depth - bias
        total = torch.zeros_like(depth)
        for dx, dy in _SHADOW_TAPS:
            x = (column + dx).long().clamp_(0, _SHADOW_SIDE - 1)
            y = (row + dy).long().clamp_(0, _SHADOW_SIDE - 1)
            total += depth < take(self._depth, y * _SHADOW_SIDE + x)
        return total / len(_SHADOW_TAPS)


def _interpolate(values: torch.Tensor, faces: torch.Tensor, fragments: Fragments) -> torch.Tensor:
    """Interpolate vertex values (V, C) at the fragments; the columns of the (N, C) result lie contiguous in memory."""
    corners = take(faces, fragments.face)
    mixed = F.embedding_bag(corners, values, per_sample_weights=fragments.barycentric, mode="sum")
    return mixed.t().contiguous().t()


def _light_surface(
    surface: Surface, normal: torch.Tensor, lit: torch.Tensor, light: Light, forward: Array
) -> torch.Tensor:
    """Linear colour (N, 3): hemisphere ambient, one sun, Blinn highlight."""
    x, y, z = normal.unbind(1)

    def facing(direction: Array) -> torch.Tensor:
        return (x * float(direction[0]) + y * float(direction[1]) + z * float(direction[2])).clamp_(min=0)

    sunlight = facing(light.direction) * lit
    halfway = light.direction - forward
    glint = facing(halfway / np.linalg.norm(halfway))
    for _ in range(_SHININESS_DOUBLINGS):
        glint = glint * glint
    highlight = glint * surface.gloss * (sunlight > 0)
    upward = 0.5 + 0.5 * z
    colour = torch.empty(3, len(normal)).t()  # channels lie contiguous in memory
    for channel in range(3):
        sky, ground, sun = (float(c[channel]) for c in (light.sky, light.ground, light.sun))
        ambient = upward * (sky - ground) + ground
        colour[:, channel] = surface.albedo[:, channel] * (ambient + sunlight * sun) + highlight * sun
    return colour


def render(
    actor: Actor, dressed: DressedBody, light: Light, camera: Camera, size: int, supersample: int, shadows: bool
) -> Samples:
    """Render a dressed person or hand.

    Args:
        actor: Whom.
        dressed: From `dress`.
        light: The light.
        camera: The camera.
        size: Image side in pixels.
        supersample: Samples per pixel and axis.
        shadows: Cast the body's own shadows.
    """
    model, finish = actor.model, actor.finish
    seen = _transform(dressed.vertices, camera.rotation, camera.translation)
    plane = seen[:, :2] / seen[:, 2:].clamp(min=0.05) * (camera.focal * size) + size / 2
    region = _region(plane, size)
    origin = torch.tensor([region.left, region.upper], dtype=torch.float32)
    points = torch.cat([(plane - origin) * supersample, seen[:, 2:]], 1)
    fragments = rasterize(points, model.faces, region.width * supersample, region.height * supersample)
    shadow = ShadowMap(dressed.vertices, model.faces, light.direction, model.shadowed) if shadows else None
    columns = [model.attributes, dressed.normals, dressed.noise[:, None], dressed.bump]
    values = torch.cat(columns + ([shadow.points] if shadow is not None else []), 1)
    values = _interpolate(values, model.faces, fragments)
    k = model.attributes.shape[1]
    surface = finish.paint(values[:, :k], values[:, k + 3], take(model.face_label, fragments.face))
    bumped = unit_rows(values[:, k : k + 3]) + (finish.bump * surface.fold)[:, None] * values[:, k + 4 : k + 7]
    lit = shadow.lit(values[:, k + 7 :], finish.shadow_bias) if shadow is not None else torch.ones(len(values))
    colour = _light_surface(surface, unit_rows(bumped), lit, light, camera.rotation[2])
    return Samples(region, fragments.pixel, colour, take(model.face_bone, fragments.face), fragments.depth)

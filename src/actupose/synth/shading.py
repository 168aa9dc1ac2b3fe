"""From posed bodies or hands to linear colours: clothes, surface sampling, shadow maps, light.

People of one model are rendered together. What all have lies in arrays of vertices by people, (V, B); the pixels that
they cover follow one another, and each knows its owner. Every value comes from one person's own numbers in a fixed
order, so nobody's picture depends on who is rendered beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from actupose.synth.appearance import Appearance
from actupose.synth.body import POSITION, BodyModel, PosedBody
from actupose.synth.camera import Camera
from actupose.synth.hand_appearance import HandAppearance
from actupose.synth.layers import Region, Samples
from actupose.synth.lighting import Light
from actupose.synth.painting import Material, Surface, Wearers, waves
from actupose.synth.renderer import Fragments, Grids, owned, rasterize, take, unit_rows
from actupose.synth.rotations import Array

_SHADOW_SIDE = 192
_SHADOW_TAPS = ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))
_SHININESS_DOUBLINGS = 5  # exponent 32


@dataclass(frozen=True)
class Actor:
    """A posed person or hand and how it is painted."""

    model: BodyModel
    body: PosedBody
    material: Material
    look: Appearance | HandAppearance


@dataclass(frozen=True)
class Shot:
    """An actor as a picture shows it."""

    actor: Actor
    light: Light
    camera: Camera


@dataclass(frozen=True)
class Dressed:
    """Posed bodies with cloth thickness.

    Attributes:
        vertices: (V, B, 3) world metres.
        normals: (V, B, 3) unit normals of the skin.
        noise: (V, B) blotches; bump: (V, B, 3) folds (see `painting.waves`).
    """

    vertices: torch.Tensor
    normals: torch.Tensor
    noise: torch.Tensor
    bump: torch.Tensor


def dress(actors: Sequence[Actor], device: torch.device) -> Dressed:
    """Give the bodies of actors of one model the thickness of their clothes, shoes and hair."""
    mesh, material = actors[0].model.mesh.on(device), actors[0].material
    vertices = torch.stack([actor.body.vertices for actor in actors], 1).to(device)
    normals = mesh.normals(vertices)
    noise, bump = waves(mesh.attributes[:, POSITION], np.stack([actor.look.waves for actor in actors]))
    wearers = Wearers([actor.look for actor in actors], device)
    offset = material.thickness(mesh.attributes[..., None], noise, wearers)
    return Dressed(vertices + normals * offset[..., None], normals, noise, bump)


def _floats(values: Sequence[Array | list[int] | float], device: torch.device) -> torch.Tensor:
    """One float32 row a person."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)


def _transform(points: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Rotate (B, 3, 3) and move (B, 3) points (V, B, 3); sums in a fixed order."""
    x, y, z = points.unbind(-1)
    rows = [
        x * row[:, 0] + y * row[:, 1] + z * row[:, 2] + t
        for row, t in zip(rotation.unbind(1), translation.unbind(1), strict=True)
    ]
    return torch.stack(rows, -1)


def _regions(projected: torch.Tensor, size: int) -> list[Region]:
    low = projected.amin(0).floor().clamp(0, size - 1).long().tolist()
    high = projected.amax(0).ceil().clamp(1, size).long().tolist()
    return [Region(a[0], a[1], max(b[0] - a[0], 1), max(b[1] - a[1], 1)) for a, b in zip(low, high, strict=True)]


class ShadowMaps:
    """Depth maps from the sun, orthographic, one for each of B people.

    Args:
        vertices: (V, B, 3) world metres.
        faces: (F, 3) int64.
        directions: Unit vector (3,) towards the sun for each person.
        shadowed: Vertices that the map covers; what lies beyond is lit. None: all.

    Attributes:
        points: (V, B, 3) the vertices in map coordinates: column, row, depth.
    """

    def __init__(
        self,
        vertices: torch.Tensor,
        faces: torch.Tensor,
        directions: Sequence[Array],
        shadowed: torch.Tensor | None = None,
    ) -> None:
        device, num = vertices.device, len(directions)
        basis = _floats([_sun_axes(direction) for direction in directions], device)
        seen = _transform(vertices, basis, torch.zeros(num, 3, device=device))
        covered = seen if shadowed is None else take(seen, shadowed)
        low, high = covered.amin(0), covered.amax(0)
        scale = _SHADOW_SIDE * 0.96 / (high - low)[:, :2].amax(1)
        centred = (seen[..., :2] - (low + high)[:, :2] / 2) * scale[:, None] + _SHADOW_SIDE / 2
        self.points = torch.cat([centred, seen[..., 2:] - seen[..., 2].amin(0)[:, None] + 1], 2)
        self._grids = Grids([(_SHADOW_SIDE, _SHADOW_SIDE)] * num, device)
        fragments = rasterize(self.points, faces, self._grids)
        self._depth = torch.full((self._grids.num_pixels,), torch.inf, device=device)
        self._depth.index_copy_(0, fragments.pixel, fragments.depth)
        if shadowed is not None:  # lookups beyond the map end at its rim
            squares = self._depth.view(num, _SHADOW_SIDE, _SHADOW_SIDE)
            squares[:, [0, -1]] = squares[:, :, [0, -1]] = torch.inf

    def lit(self, points: torch.Tensor, owner: torch.Tensor | None, bias: float) -> torch.Tensor:
        """Share (N,) of the sun that reaches points (N, 3) of their owners (N,), in map coordinates, metres of bias."""
        column, row, depth = points.unbind(1)
        depth = depth - bias
        start = owned(self._grids.start, owner)
        total = torch.zeros_like(depth)
        for dx, dy in _SHADOW_TAPS:
            x = (column + dx).long().clamp_(0, _SHADOW_SIDE - 1)
            y = (row + dy).long().clamp_(0, _SHADOW_SIDE - 1)
            total += depth < take(self._depth, y * _SHADOW_SIDE + x + start)
        return total / len(_SHADOW_TAPS)


def _sun_axes(direction: Array) -> Array:
    """Axes (3, 3) of a shadow map: right, down, away from the sun."""
    right = np.cross(direction, [1e-3, 1e-3, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, -np.cross(direction, right), -direction])


def _interpolate(values: torch.Tensor, faces: torch.Tensor, fragments: Fragments) -> torch.Tensor:
    """Interpolate values (V, B, C) at the fragments; the columns of the (N, C) result lie contiguous in memory."""
    corners = take(faces, fragments.face)
    if fragments.owner is not None:
        corners = corners * values.shape[1] + fragments.owner[:, None]
    mixed = F.embedding_bag(corners, values.flatten(0, 1), per_sample_weights=fragments.barycentric, mode="sum")
    return mixed.t().contiguous().t()


def _light_surface(
    surface: Surface, normal: torch.Tensor, lit: torch.Tensor, shots: Sequence[Shot], owner: torch.Tensor | None
) -> torch.Tensor:
    """Linear colour (N, 3): hemisphere ambient, one sun, Blinn highlight."""
    x, y, z = normal.unbind(1)

    def three(of: Callable[[Shot], Array]) -> list[torch.Tensor]:
        """The three numbers of each shot's vector, spread over its points."""
        rows = _floats([of(shot) for shot in shots], normal.device)
        return [owned(column, owner) for column in rows.unbind(1)]

    def facing(direction: Callable[[Shot], Array]) -> torch.Tensor:
        """Cosine (N,) of normal and direction, at least 0."""
        a, b, c = three(direction)
        return (x * a + y * b + z * c).clamp_(min=0)

    sunlight = facing(lambda shot: shot.light.direction) * lit
    glint = facing(_halfway)
    for _ in range(_SHININESS_DOUBLINGS):
        glint = glint * glint
    highlight = glint * surface.gloss * (sunlight > 0)
    upward = 0.5 + 0.5 * z
    colour = torch.empty(3, len(normal), device=normal.device).t()  # channels lie contiguous in memory
    suns, grounds = three(lambda shot: shot.light.sun), three(lambda shot: shot.light.ground)
    rises = three(lambda shot: shot.light.sky - shot.light.ground)
    for channel, (sun, ground, rise) in enumerate(zip(suns, grounds, rises, strict=True)):
        ambient = upward * rise + ground
        colour[:, channel] = surface.albedo[:, channel] * (ambient + sunlight * sun) + highlight * sun
    return colour


def _halfway(shot: Shot) -> Array:
    """Unit vector between the directions to the sun and to the camera."""
    halfway = shot.light.direction - shot.camera.rotation[2]
    return np.asarray(halfway / np.linalg.norm(halfway))


def render(shots: Sequence[Shot], dressed: Dressed, size: int, supersample: int, shadows: bool) -> list[Samples]:
    """Render dressed people or hands of one model, each for a picture of its own.

    Args:
        shots: Whom, in which light, by which camera.
        dressed: From `dress`.
        size: Image side in pixels.
        supersample: Samples per pixel and axis.
        shadows: Cast the bodies' own shadows.

    Returns:
        The samples of each shot, on the device of `dressed`.
    """
    device, cameras = dressed.vertices.device, [shot.camera for shot in shots]
    mesh = shots[0].actor.model.mesh.on(device)
    axes, places = (_floats([getattr(c, name) for c in cameras], device) for name in ("rotation", "translation"))
    seen = _transform(dressed.vertices, axes, places)
    focal = _floats([camera.focal * size for camera in cameras], device)[:, None]
    plane = seen[..., :2] / seen[..., 2:].clamp(min=0.05) * focal + size / 2
    regions = _regions(plane, size)
    origin = _floats([[region.left, region.upper] for region in regions], device)
    points = torch.cat([(plane - origin) * supersample, seen[..., 2:]], 2)
    grids = Grids([(region.width * supersample, region.height * supersample) for region in regions], device)
    fragments = rasterize(points, mesh.faces, grids)
    directions = [shot.light.direction for shot in shots]
    shadow = ShadowMaps(dressed.vertices, mesh.faces, directions, mesh.shadowed) if shadows else None
    colour = _shade(shots, dressed, fragments, shadow)
    place = fragments.pixel - owned(grids.start, fragments.owner)
    bone = take(mesh.bone, fragments.face)
    counts = [len(place)] if fragments.owner is None else fragments.owner.bincount(minlength=len(shots)).tolist()
    parts = zip(*(torch.split(each, counts) for each in (place, colour, bone, fragments.depth)), strict=True)
    return [Samples(region, *part) for region, part in zip(regions, parts, strict=True)]


def _shade(shots: Sequence[Shot], dressed: Dressed, fragments: Fragments, shadow: ShadowMaps | None) -> torch.Tensor:
    """Paint and light the visible surfaces: linear colours (N, 3)."""
    device, material, owner = dressed.vertices.device, shots[0].actor.material, fragments.owner
    mesh = shots[0].actor.model.mesh.on(device)
    attributes = mesh.attributes[:, None].expand(-1, len(shots), -1)
    columns = [attributes, dressed.normals, dressed.noise[..., None], dressed.bump]
    values = torch.cat(columns + ([shadow.points] if shadow is not None else []), 2)
    values = _interpolate(values, mesh.faces, fragments)
    k = mesh.attributes.shape[1]
    wearers = Wearers([shot.actor.look for shot in shots], device, owner)
    surface = material.paint(values[:, :k], values[:, k + 3], take(mesh.label, fragments.face), wearers)
    bumped = unit_rows(values[:, k : k + 3]) + (material.bump * surface.fold)[:, None] * values[:, k + 4 : k + 7]
    lit = torch.ones(len(values), device=device)
    if shadow is not None:
        lit = shadow.lit(values[:, k + 7 :], owner, material.shadow_bias)
    return _light_surface(surface, unit_rows(bumped), lit, shots, owner)

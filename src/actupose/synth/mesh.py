"""The triangles of a body model and what the renderer reads from them, on any device. Ours."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F

from actupose.synth.renderer import take, unit_rows


@dataclass(frozen=True, eq=False)
class Mesh:
    """The surface that all people of one model share; only their vertices' places differ.

    Attributes:
        faces: (F, 3) int64 vertex indices.
        label: (F,) int64: skin, eye, cavity or nail.
        bone: (F,) int64: the bone that moves the face most.
        attributes: (V, C) float32 of the vertices, see `BodyModel`.
        corner_faces: (3F,) int64: the faces at vertex 0, then those at vertex 1, and so on.
        corner_offsets: (V,) int64: where each vertex's faces begin in it.
        shadowed: Vertices that the shadow map must cover, or None for all.
    """

    faces: torch.Tensor
    label: torch.Tensor
    bone: torch.Tensor
    attributes: torch.Tensor
    corner_faces: torch.Tensor
    corner_offsets: torch.Tensor
    shadowed: torch.Tensor | None = None

    @classmethod
    def of(cls, faces: torch.Tensor, label: torch.Tensor, bone: torch.Tensor, attributes: torch.Tensor) -> Mesh:
        """Build a mesh; the attributes say how many vertices it has."""
        corners = faces.reshape(-1)
        counts = torch.bincount(corners, minlength=len(attributes))
        corner_faces = torch.argsort(corners, stable=True) // 3
        return cls(faces, label, bone, attributes, corner_faces, torch.cumsum(counts, 0) - counts)

    def normals(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return area-weighted unit vertex normals (V, B, 3) of the vertices (V, B, 3) of B people."""
        shape = vertices.shape
        corners = take(vertices.reshape(len(vertices), -1), self.faces.reshape(-1)).view(-1, 3, *shape[1:])
        first = corners[:, 0]
        across = torch.linalg.cross(corners[:, 1] - first, corners[:, 2] - first)
        summed = F.embedding_bag(self.corner_faces, across.view(len(across), -1), self.corner_offsets, mode="sum")
        return unit_rows(summed.view(-1, 3)).view(shape)

    def on(self, device: torch.device) -> Mesh:
        """The mesh on a device, copied there once."""
        return self if self.faces.device == device else _copied(self, device)


@lru_cache(maxsize=16)
def _copied(mesh: Mesh, device: torch.device) -> Mesh:
    tensors: dict[str, Any] = {field.name: getattr(mesh, field.name) for field in dataclasses.fields(mesh)}
    moved: dict[str, Any] = {name: None if tensor is None else tensor.to(device) for name, tensor in tensors.items()}
    return Mesh(**moved)

"""The baked body: 3,000 adults of a rank-32 model, skinned to a pose.

`assets/body.npz` holds a mesh (13,718 vertices, 27,420 triangles), its mean and basis, the people's coefficients, six
skin weights per vertex and the bone tree; see NOTICE for its origins. Axes: Z up, facing -Y, subject's left = +X,
metres, the root bone at the origin. Every sum runs over one person alone and in a fixed order, so a body never depends
on what is rendered beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from actupose.synth.joints import Body16
from actupose.synth.limits import SIDES
from actupose.synth.renderer import take, unit_rows
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

PACK = Path(__file__).parent / "assets" / "body.npz"

# Columns of `BodyModel.attributes`.
POSITION = slice(0, 3)  # in the reference pose
ARM_ALONG, LEG_ALONG, HEAD, HAND, FOOT, ARM, LEG = range(3, 10)
NUM_ATTRIBUTES = 10
# Values of `BodyModel.face_label`.
SKIN, EYE, CAVITY = 0, 1, 2

_ARM_BONES = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
_LEG_BONES = ("upperleg", "lowerleg", "foot", "toe")


@dataclass(frozen=True)
class PosedBody:
    """A person in a pose, in metres.

    Attributes:
        vertices: (V, 3) float32.
        bone_heads: (J, 3) float64.
        joints: (16, 3) float64, Body16.
    """

    vertices: torch.Tensor
    bone_heads: Array
    joints: Array


class BodyModel:
    """Mesh, rig, people and per-vertex attributes.

    Args:
        pack: The baked npz.

    Attributes:
        rig: The bone tree.
        faces: (F, 3) int64 vertex indices.
        face_label: (F,) int64: skin, eye or cavity.
        face_bone: (F,) int64: the bone that moves the face most.
        attributes: (V, 10) float32: position in the reference pose, coordinate along the arm (0 shoulder, 1 elbow,
            2 wrist; 0 elsewhere) and along the leg, then weights in [0, 1] of head, hand, foot, arm and leg.
        num_people: How many people the pack holds.
    """

    def __init__(self, pack: Path = PACK) -> None:
        with np.load(pack, allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
        self.canonical: Array = data["canonical"].astype(np.float64)
        self.rig = Rig([str(name) for name in data["bones"]], data["parents"].tolist(), data["h0"])
        self.body16 = Body16(self.rig)
        num_vertices = len(self.canonical)
        self.faces = torch.from_numpy(data["faces"].astype(np.int64))
        self.face_label = torch.from_numpy(data["flabel"].astype(np.int64))
        self._mean = torch.from_numpy(data["mean"].reshape(1, -1))
        self._basis = torch.from_numpy(data["basis"].astype(np.float32).reshape(len(data["basis"]), -1))
        self._people = torch.from_numpy(data["people"].astype(np.float32))
        self.num_people = len(self._people)
        self._weight_bones = torch.from_numpy(data["wi"].astype(np.int64))
        self._weights = torch.from_numpy(data["wv"].astype(np.float32))
        dense = np.zeros((num_vertices, len(self.rig.bones)))
        np.put_along_axis(dense, data["wi"].astype(np.int64), data["wv"].astype(np.float64), axis=1)
        self.attributes = torch.from_numpy(self._vertex_attributes(dense).astype(np.float32))
        self.face_bone = torch.from_numpy(dense[self.faces.numpy()].sum(1).argmax(1))
        on_midline = np.abs(self.canonical[:, 0]) < 0.02
        self.head_top_vertex = int(np.argmax(np.where(on_midline, self.canonical[:, 2], -9.0)))
        corners = self.faces.reshape(-1)
        self._corner_faces = torch.argsort(corners, stable=True) // 3
        counts = torch.bincount(corners, minlength=num_vertices)
        self._corner_offsets = torch.cumsum(counts, 0) - counts

    def shape(self, person: int) -> tuple[torch.Tensor, Array]:
        """Return the person's vertices (V, 3) float32 and bone heads (J, 3) float64 in the reference pose."""
        order = torch.arange(len(self._basis))[None]
        offsets = F.embedding_bag(order, self._basis, per_sample_weights=self._people[person][None], mode="sum")
        points = (self._mean + offsets).view(-1, 3)
        num_vertices = len(self.canonical)
        return points[:num_vertices], points[num_vertices:].numpy().astype(np.float64)

    def pose(self, person: int, rotations: Array) -> PosedBody:
        """Pose one person by linear blend skinning.

        Args:
            person: Index into the pack's people.
            rotations: (J, 3, 3) world rotations of the bones, from `Rig.rotations`.
        """
        vertices, heads = self.shape(person)
        posed_heads = self.rig.positions(rotations, heads)
        shift = posed_heads - np.einsum("jab,jb->ja", rotations, heads)
        transforms = np.concatenate([rotations, shift[..., None]], axis=2).reshape(len(heads), 12).astype(np.float32)
        blended = F.embedding_bag(
            self._weight_bones, torch.from_numpy(transforms), per_sample_weights=self._weights, mode="sum"
        )
        rows = blended.t().contiguous().view(3, 4, -1)
        x, y, z = vertices.t().contiguous().unbind(0)
        posed = torch.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in rows.unbind(0)], 1)
        head_top = posed[self.head_top_vertex].numpy().astype(np.float64)
        return PosedBody(posed, posed_heads, self.body16.positions(posed_heads, head_top))

    def normals(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return area-weighted unit vertex normals (V, 3) of posed vertices (V, 3)."""
        corners = take(vertices, self.faces.reshape(-1)).view(-1, 3, 3)
        first = corners[:, 0]
        face_normals = torch.linalg.cross(corners[:, 1] - first, corners[:, 2] - first)
        summed = F.embedding_bag(self._corner_faces, face_normals, self._corner_offsets, mode="sum")
        return unit_rows(summed)

    def _vertex_attributes(self, dense: Array) -> Array:
        bones = self.rig.bones

        def weight(prefixes: tuple[str, ...], suffix: str = "") -> Array:
            columns = [k for k, name in enumerate(bones) if name.startswith(prefixes) and name.endswith(suffix)]
            return np.asarray(dense[:, columns].sum(1))

        arm_along, leg_along = np.zeros(len(dense)), np.zeros(len(dense))
        for side in SIDES:
            arm_along += self._along(weight(_ARM_BONES, f".{side}"), ("upperarm01", "lowerarm01", "wrist"), side)
            leg_along += self._along(weight(_LEG_BONES, f".{side}"), ("upperleg01", "lowerleg01", "foot"), side)
        head = weight(("head", "neck03", "eye"))
        hand, foot = weight(("wrist", "metacarpal", "finger")), weight(("foot", "toe"))
        limbs = [arm_along, leg_along, head, hand, foot, weight(_ARM_BONES), weight(_LEG_BONES)]
        return np.column_stack([self.canonical, *limbs])

    def _along(self, weight: Array, chain: tuple[str, str, str], side: str) -> Array:
        """Coordinate along a limb, 0 at the chain's first bone, 1 at its second, 2 at its third; 0 off the limb."""
        root, middle, end = (self.rig.heads[self.rig.index[f"{name}.{side}"]] for name in chain)
        upper, lower = middle - root, end - middle
        first = ((self.canonical - root) * upper).sum(1) / (upper @ upper)
        second = ((self.canonical - middle) * lower).sum(1) / (lower @ lower)
        along = np.where(first < 1, first, 1 + np.maximum(second, 0))
        return np.where(weight > 0.5, np.maximum(along, 0.001), 0.0)


@lru_cache(maxsize=1)
def load_body() -> BodyModel:
    """Return the shipped body model, loaded once per process."""
    return BodyModel()

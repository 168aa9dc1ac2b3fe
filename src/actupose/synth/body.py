"""The baked body: adults and children of low-rank shape models, skinned to a pose.

`assets/body.npz` holds a mesh (13,718 vertices, 27,420 triangles), the mean and basis of 3,000 adults, six skin weights
per vertex and the bone tree; `assets/children.npz` mean and basis of children on the same mesh; see NOTICE for their
origins. Axes: Z up, facing -Y, subject's left = +X, metres, the root bone at the origin. Every sum runs over one person
alone and in a fixed order, so a body never depends on what is rendered beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from actupose.synth.joints import JointSet, body16
from actupose.synth.limits import SIDES
from actupose.synth.mesh import Mesh
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

PACK = Path(__file__).parent / "assets" / "body.npz"
CHILDREN_PACK = PACK.with_name("children.npz")
Arrays = Mapping[str, Array]  # a pack's arrays by name

# Columns of a body mesh's attributes.
POSITION = slice(0, 3)  # in the reference pose
ARM_ALONG, LEG_ALONG, HEAD, HAND, FOOT, ARM, LEG = range(3, 10)
# Values of a mesh's labels.
SKIN, EYE, CAVITY, NAIL = 0, 1, 2, 3

_ARM_BONES = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
_LEG_BONES = ("upperleg", "lowerleg", "foot", "toe")


def read_pack(path: Path) -> dict[str, Array]:
    """Read a pack's arrays."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@dataclass(frozen=True)
class PosedBody:
    """A person in a pose, in metres.

    Attributes:
        vertices: (V, 3) float32.
        bone_heads: (J, 3) float64.
        joints: (K, 3) float64, those of the model's joint set.
    """

    vertices: torch.Tensor
    bone_heads: Array
    joints: Array


class Shapes:
    """A population: reference-pose points as a mean and a basis, and each person's coefficients.

    Args:
        pack: Arrays `mean` (P, 3), `basis` (R, P, 3) and `people` (N, R).
    """

    def __init__(self, pack: Arrays) -> None:
        self._mean = torch.from_numpy(pack["mean"].reshape(1, -1))
        self._basis = torch.from_numpy(pack["basis"].astype(np.float32).reshape(len(pack["basis"]), -1))
        self._people = torch.from_numpy(pack["people"].astype(np.float32))

    def __len__(self) -> int:
        return len(self._people)

    def points(self, person: int) -> torch.Tensor:
        """Return one person's points (P, 3) float32."""
        order = torch.arange(len(self._basis))[None]
        offsets = F.embedding_bag(order, self._basis, per_sample_weights=self._people[person][None], mode="sum")
        return (self._mean + offsets).view(-1, 3)


class BodyModel:
    """Mesh, rig, people and per-vertex attributes; of a whole body, or of a part that `cut` made.

    Args:
        pack: Arrays of the baked body.
        joints: Makes the joint set from the model.
        children: Arrays of the baked children, or None.

    Attributes:
        rig: The bone tree.
        joints: Where the skeleton's joints lie.
        weights: (V, J) float64 skin weights.
        mesh: The triangles, with vertex attributes (V, 10): position in the reference pose, coordinate along the arm
            (0 shoulder, 1 elbow, 2 wrist; 0 elsewhere) and along the leg, then weights in [0, 1] of head, hand, foot,
            arm and leg.
        num_people: How many adults there are; the indices of children follow theirs.
        num_children: How many children there are.
    """

    def __init__(self, pack: Arrays, joints: Callable[[BodyModel], JointSet], children: Arrays | None = None) -> None:
        self.canonical: Array = pack["canonical"].astype(np.float64)
        self.rig = Rig([str(name) for name in pack["bones"]], pack["parents"].tolist(), pack["h0"])
        num_vertices = len(self.canonical)
        self._adults, self._children = Shapes(pack), Shapes(children) if children is not None else None
        self.num_people = len(self._adults)
        self.num_children = len(self._children) if self._children is not None else 0
        self._weight_bones = torch.from_numpy(pack["wi"].astype(np.int64))
        self._weights = torch.from_numpy(pack["wv"].astype(np.float32))
        self.weights = np.zeros((num_vertices, len(self.rig.bones)))
        np.put_along_axis(self.weights, pack["wi"].astype(np.int64), pack["wv"].astype(np.float64), axis=1)
        self.mesh = self._mesh(pack["faces"].astype(np.int64), pack["flabel"].astype(np.int64))
        self.joints = joints(self)

    def shape(self, person: int) -> tuple[torch.Tensor, Array]:
        """Return the person's vertices (V, 3) float32 and bone heads (J, 3) float64 in the reference pose."""
        if person < self.num_people:
            points = self._adults.points(person)
        else:
            assert self._children is not None
            points = self._children.points(person - self.num_people)
        num_vertices = len(self.canonical)
        return points[:num_vertices], points[num_vertices:].numpy().astype(np.float64)

    def pose(self, person: int, rotations: Array) -> PosedBody:
        """Pose one person by linear blend skinning.

        Args:
            person: Index of an adult, or `num_people` + that of a child.
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
        return PosedBody(posed, posed_heads, self.joints.positions(posed_heads, posed))

    def _mesh(self, faces: Array, labels: Array) -> Mesh:
        bones = self.weights[faces].sum(1).argmax(1)
        attributes = self._vertex_attributes().astype(np.float32)
        return Mesh.of(*(torch.from_numpy(values) for values in (faces, labels, bones, attributes)))

    def bone_weight(self, prefixes: tuple[str, ...], suffix: str = "") -> Array:
        """Return the skin weight (V,) of all bones whose names begin and end like this."""
        columns = [k for k, name in enumerate(self.rig.bones) if name.startswith(prefixes) and name.endswith(suffix)]
        return np.asarray(self.weights[:, columns].sum(1))

    def _vertex_attributes(self) -> Array:
        weight = self.bone_weight
        arm_along, leg_along = np.zeros(len(self.weights)), np.zeros(len(self.weights))
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


def cut(pack: Arrays, faces: Array, children: Arrays | None = None) -> tuple[dict[str, Array], dict[str, Array] | None]:
    """Cut a part out of the packs: the given faces and their vertices, with all bones.

    Args:
        pack: Arrays of the baked body.
        faces: (F,) bool: which faces to keep.
        children: Arrays of the baked children, or None.

    Returns:
        Both packs with fewer points; they hold what `BodyModel` reads.
    """
    kept, corners = np.unique(pack["faces"][faces], return_inverse=True)
    heads = np.arange(len(pack["canonical"]), len(pack["mean"]))
    points = np.concatenate([kept, heads])

    def shapes(source: Arrays) -> dict[str, Array]:
        """The part's share of a population."""
        return {"mean": source["mean"][points], "basis": source["basis"][:, points], "people": source["people"]}

    part = {name: pack[name][kept] for name in ("canonical", "wi", "wv")}
    part |= {name: pack[name] for name in ("bones", "parents", "h0")}
    part |= {"faces": corners.reshape(-1, 3), "flabel": pack["flabel"][faces]}
    return part | shapes(pack), shapes(children) if children is not None else None


def _body_joints(model: BodyModel) -> JointSet:
    on_midline = np.abs(model.canonical[:, 0]) < 0.02
    return body16(model.rig, int(np.argmax(np.where(on_midline, model.canonical[:, 2], -9.0))))


@lru_cache(maxsize=2)
def load_body(children: bool = False) -> BodyModel:
    """Return the shipped body model, loaded once per process.

    Args:
        children: Load the shapes of children as well.
    """
    return BodyModel(read_pack(PACK), _body_joints, read_pack(CHILDREN_PACK) if children else None)

"""Labels beside the keypoints: box, mask, depth and part map of the person, 3D joints and camera.

Each goes into a column of the store (`EXTRA_COLUMNS` in `data/store.py`):

* `box`: 4 float32, x0, y0, x1, y1 of the person inside the image, whatever stands in front, pixel indices.
* `mask`: PNG, 255 where the person is seen.
* `depth`: 16-bit PNG, millimetres from the camera's plane to the surface that is seen, 0 elsewhere.
* `parts`: PNG, number of the body part that is seen, counted from 1 in the order of `PARTS`, 0 elsewhere.
* `joints3d`: 3K float32, keypoints in camera axes (x right, y down, z forward), metres.
* `camera`: rotation and translation from world to camera axes, and intrinsics for pixel indices, row by row.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
from PIL import Image

from actupose.data.store import EXTRA_COLUMNS
from actupose.synth.camera import Camera
from actupose.synth.layers import Layer
from actupose.synth.limits import SIDES
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

# Part -> bones whose skin it is; the number of a part is its place here, counted from 1.
_SIDE_PARTS: dict[str, tuple[str, ...]] = {
    "upper_arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": ("wrist", "metacarpal", "finger"),
    "thigh": ("upperleg",),
    "shin": ("lowerleg",),
    "foot": ("foot", "toe"),
}
_HEAD = ("head", "neck02", "neck03", "eye")
PARTS: tuple[str, ...] = (
    "head",
    "torso",
    *(f"{side}_{part}" for part in _SIDE_PARTS for side in ("left", "right")),
)
_SEEN = 0.5  # least coverage of a pixel that counts as the person


def part_of_bone(rig: Rig) -> Array:
    """Number of the part (1 on, see `PARTS`) of every bone, (J,) uint8."""
    parts = np.full(len(rig.bones), PARTS.index("torso") + 1, dtype=np.uint8)
    for k, bone in enumerate(rig.bones):
        if bone.startswith(_HEAD):
            parts[k] = PARTS.index("head") + 1
        for name, prefixes in _SIDE_PARTS.items():
            if bone.startswith(prefixes):
                parts[k] = PARTS.index(f"{'left' if bone.endswith(SIDES[0]) else 'right'}_{name}") + 1
    return parts


@dataclass(frozen=True)
class PersonMaps:
    """Maps of the person over the whole image.

    Attributes:
        silhouette: (S, S) bool, the person, whatever stands in front.
        mask: (S, S) bool, the person where it is seen.
        depth: (S, S) float32 metres, infinite where the person is not seen.
        bone: (S, S) int64 bone that is seen, -1 for none.
    """

    silhouette: Array
    mask: Array
    depth: Array
    bone: Array

    def box(self) -> Array:
        """Box (4,) float32 of the silhouette: x0, y0, x1, y1 in pixel indices; a whole image is -0.5 to S - 0.5."""
        rows, columns = (np.flatnonzero(self.silhouette.any(axis)) for axis in (1, 0))
        if not len(rows):
            return np.zeros(4, np.float32)
        return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5], np.float32)


def person_maps(layer: Layer, size: int, occluded: Array | None) -> PersonMaps:
    """Put the layer's maps, one value a pixel, into the image.

    Args:
        layer: The rendered people; the others only hide the labelled one.
        size: S, image side.
        occluded: (S, S) bool, what stands in front, or None.
    """
    height, width = layer.alpha.shape
    scale = layer.bone.shape[0] // height
    bones = _samples(layer.bone.numpy(), scale)
    depth = np.where(bones >= 0, _samples(layer.depth.numpy(), scale), np.float32(np.inf))
    nearest = depth.argmin(-1)[..., None]
    window = slice(layer.upper, layer.upper + height), slice(layer.left, layer.left + width)
    silhouette, mask = np.zeros((2, size, size), dtype=bool)
    silhouette[window] = layer.own_alpha.numpy() >= _SEEN
    mask[window] = (bones >= 0).mean(-1) >= _SEEN
    if occluded is not None:
        mask &= ~occluded
    full_depth = np.full((size, size), np.inf, dtype=np.float32)
    full_depth[window] = np.take_along_axis(depth, nearest, -1)[..., 0]
    bone = np.full((size, size), -1, dtype=np.int64)
    bone[window] = np.take_along_axis(bones, nearest, -1)[..., 0]
    return PersonMaps(silhouette, mask, np.where(mask, full_depth, np.float32(np.inf)), np.where(mask, bone, -1))


def _samples(fine: Array, scale: int) -> Array:
    """(h * s, w * s) -> (h, w, s * s)."""
    rows, columns = fine.shape[0] // scale, fine.shape[1] // scale
    return fine.reshape(rows, scale, columns, scale).swapaxes(1, 2).reshape(rows, columns, scale * scale)


def encode_labels(
    wanted: Container[str], maps: PersonMaps, parts: Array, joints: Array, camera: Camera
) -> dict[str, object]:
    """The wanted labels as the store holds them.

    Args:
        wanted: Names of `EXTRA_COLUMNS`.
        maps: The person's maps.
        parts: (J,) from `part_of_bone`.
        joints: (K, 3) float32 in camera axes.
        camera: The camera.
    """
    size = len(maps.mask)
    makers: dict[str, Callable[[], object]] = {
        "box": maps.box,
        "mask": lambda: _png(maps.mask.astype(np.uint8) * 255),
        "depth": lambda: _png(np.where(maps.mask, maps.depth * 1000 + 0.5, 0).clip(0, 65535).astype(np.uint16)),
        "parts": lambda: _png(np.where(maps.mask, parts[maps.bone], 0).astype(np.uint8)),
        "joints3d": lambda: joints.reshape(-1),
        "camera": lambda: {
            "rotation": camera.rotation.reshape(-1).tolist(),
            "translation": camera.translation.tolist(),
            "intrinsics": _intrinsics(camera, size),
        },
    }
    return {name: makers[name]() for name in EXTRA_COLUMNS if name in wanted}


def _intrinsics(camera: Camera, size: int) -> list[float]:
    """K row by row: pixel index = K @ (x, y, z) / z."""
    focal, centre = camera.focal * size, size / 2 - 0.5
    return [focal, 0.0, centre, 0.0, focal, centre, 0.0, 0.0, 1.0]


def _png(values: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()

"""Rotation matrices from rotation vectors (numpy, float64)."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def unit(vector: Array) -> Array:
    """Return the vector scaled to length 1."""
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def from_rotvec(vectors: Array) -> Array:
    """Rodrigues' formula.

    Args:
        vectors: (N, 3) axis times angle in radians.

    Returns:
        (N, 3, 3) rotation matrices.
    """
    angle = np.sqrt((vectors * vectors).sum(-1))
    axis = vectors / np.maximum(angle, 1e-12)[:, None]
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = axis[:, 2], -axis[:, 1], axis[:, 0]
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def aligning_rotvec(source: Array, target: Array) -> Array:
    """Return the rotation vector (3,) of the smallest rotation that takes unit vector `source` to `target`."""
    axis = np.array(
        [
            source[1] * target[2] - source[2] * target[1],
            source[2] * target[0] - source[0] * target[2],
            source[0] * target[1] - source[1] * target[0],
        ]
    )
    sine = float(np.sqrt((axis * axis).sum()))
    angle = np.arctan2(sine, float((source * target).sum()))
    return np.asarray(axis * (angle / max(sine, 1e-9)))

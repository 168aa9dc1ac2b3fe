"""Pinhole camera that frames a person."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actupose.synth.look import CameraLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, uniform

_NEAR = 0.05  # metres


@dataclass(frozen=True)
class View:
    """What a camera shall see; angles in degrees, lengths in units of the image side.

    Azimuth 0 looks at the person's front; elevation > 0 looks down.
    """

    azimuth: float
    elevation: float
    roll: float
    focal: float
    fill: float
    shift: tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """Pinhole camera: x right, y down, z forward.

    Attributes:
        rotation: (3, 3) world -> camera.
        translation: (3,) metres.
        focal: Focal length in units of the image side.
    """

    rotation: Array
    translation: Array
    focal: float

    def to_camera(self, points: Array) -> Array:
        """Return points (N, 3) of the world in camera axes."""
        return np.asarray(np.einsum("ij,nj->ni", self.rotation, points) + self.translation)

    def project(self, points: Array, size: int) -> tuple[Array, Array]:
        """Project points of the world.

        Args:
            points: (N, 3) metres.
            size: Image side in pixels.

        Returns:
            (N, 2) continuous image coordinates (pixel i spans [i, i + 1]) and (N,) depths in metres.
        """
        inside = self.to_camera(points)
        return inside[:, :2] / inside[:, 2:] * (self.focal * size) + size / 2, inside[:, 2]


def draw_view(rng: np.random.Generator, look: CameraLook) -> View:
    """Draw a view from a look."""
    anywhere = chance(rng, look.any_azimuth)
    azimuth = rng.uniform(-180, 180) if anywhere else rng.normal(0, look.azimuth_sd)
    low, high = look.elevation_limits
    truncated = chance(rng, look.truncated)
    shift = rng.uniform(-1, 1, 2) * look.truncated_shift if truncated else rng.normal(0, 1, 2) * look.shift
    return View(
        azimuth=float(azimuth),
        elevation=min(max(float(rng.normal(look.elevation, look.elevation_sd)), low), high),
        roll=float(rng.normal(0, look.roll_sd)),
        focal=uniform(rng, look.focal),
        fill=uniform(rng, look.truncated_fill if truncated else look.fill),
        shift=(float(shift[0]), float(shift[1])),
    )


def _orientation(view: View) -> Array:
    azimuth, elevation, roll = (math.radians(a) for a in (view.azimuth, view.elevation, view.roll))
    forward = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), -math.sin(elevation)]
    )
    right = np.array([math.cos(azimuth), -math.sin(azimuth), 0.0])
    upright = np.stack([right, np.cross(forward, right), forward])
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1.0]])
    return np.asarray(turn @ upright)


def frame(view: View, points: Array) -> Camera:
    """Place a camera so that the projected box of the points has the view's size and place.

    The distance is iterated: formulas from the 3D box alone leave people too small at short focal lengths.

    Args:
        view: What to see.
        points: (N, 3) points to frame, world metres.
    """
    rotation = _orientation(view)
    seen = np.einsum("ij,nj->ni", rotation, points)
    low, high = seen.min(0), seen.max(0)
    centred = seen - (low + high) / 2
    half_depth = float(high[2] - low[2]) / 2
    distance = view.focal * float((high - low)[:2].max()) / view.fill + 0.6 * half_depth + _NEAR
    for _ in range(3):
        projected = centred[:, :2] / np.maximum(centred[:, 2:] + distance, _NEAR)
        side = float((projected.max(0) - projected.min(0)).max())
        distance = max(distance * side * view.focal / view.fill, half_depth + 0.25)
    projected = centred[:, :2] / (centred[:, 2:] + distance)
    middle = (projected.min(0) + projected.max(0)) / 2
    offset = (np.array(view.shift) / view.focal - middle) * distance
    translation = np.array([offset[0], offset[1], distance]) - (low + high) / 2
    return Camera(rotation, translation, view.focal)

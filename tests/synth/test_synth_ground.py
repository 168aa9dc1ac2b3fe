from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from actupose.synth.camera import Camera, View, frame
from actupose.synth.ground import ground_height, ground_rows, shade_ground
from actupose.synth.lighting import Light
from actupose.synth.look import GroundLook

SIZE = 128
LOOK = GroundLook(shadow=1.0, contact=0.0, softness=0.02, reach=50.0, wall=(2.0, 2.0))


def camera(azimuth: float = 30.0, elevation: float = 25.0, roll: float = 0.0) -> Camera:
    room = np.array([[x, y, z] for x in (-1.5, 1.5) for y in (-1.5, 1.5) for z in (0.0, 2.0)])
    return frame(View(azimuth, elevation, roll, 1.5, 0.9, (0.0, 0.0)), room)


def post(height: float = 1.0) -> torch.Tensor:
    """A thin post of many points on the ground at the origin."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.04, -0.04, 0], [0.04, 0.04, height], (20000, 3))
    return torch.from_numpy(points).float()


def sun(azimuth: float, elevation: float) -> Light:
    a, e = math.radians(azimuth), math.radians(elevation)
    direction = np.array([math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)])
    return Light(sky=np.full(3, 0.3), ground=np.full(3, 0.2), sun=np.full(3, 1.0), direction=direction)


def shaded(light: Light, look: GroundLook = LOOK, view: Camera | None = None) -> np.ndarray:
    picture = np.ones((SIZE, SIZE, 3), np.float32)
    shade_ground(picture, [post()], 0.0, view or camera(), light, look)
    return picture


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 45.0), (120.0, 45.0), (250.0, 30.0)])
def test_the_shadow_lies_where_the_sun_throws_it(azimuth: float, elevation: float) -> None:
    """By hand: the shadow of a post of 1 m runs 1 / tan(elevation) m away from the sun."""
    light, view = sun(azimuth, elevation), camera()
    picture = shaded(light, view=view)
    length = 1 / math.tan(math.radians(elevation))
    away = -np.array([math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth)), 0])

    def value(distance: float, aside: float = 0.0) -> float:
        place = away * distance + np.array([-away[1], away[0], 0]) * aside
        column, row = view.project(place[None], SIZE)[0][0]
        return float(picture[int(row), int(column), 0])

    dark = (0.3 / (0.3 + math.sin(math.radians(elevation)))) ** (1 / 2.2)
    assert value(0.5 * length) == pytest.approx(dark, abs=0.1)
    assert value(0.9 * length) < 0.9
    assert value(1.25 * length) > 0.98
    assert value(0.5 * length, 0.3) > 0.98
    assert value(-0.4) > 0.98


def test_nothing_darkens_above_the_horizon_or_without_strength() -> None:
    low = camera(elevation=2.0)
    picture = shaded(sun(0, 20), view=low)
    horizon = ground_rows(low, 0.0, np.random.default_rng(0), LOOK).horizon
    assert picture.min() < 0.9
    assert (picture[: int(horizon * SIZE) - 1] == 1).all()
    assert (shaded(sun(0, 20), GroundLook(shadow=0.0, contact=0.0)) == 1).all()
    assert (shaded(sun(0, 20), view=camera(elevation=-40.0)) == 1).all(), "a camera below the ground sees none of it"


def test_contact_darkens_what_lies_under_the_feet_alone() -> None:
    view = camera()
    picture = shaded(sun(0, 60), GroundLook(shadow=0.0, contact=1.0, reach=50.0), view)
    column, row = view.project(np.zeros((1, 3)), SIZE)[0][0].astype(int)
    far = view.project(np.array([[0.6, 0.0, 0.0]]), SIZE)[0][0].astype(int)
    assert picture[row, column, 0] < 0.95
    assert picture[far[1], far[0], 0] == 1


@pytest.mark.parametrize("roll", [-12.0, 0.0, 20.0])
@pytest.mark.parametrize("elevation", [3.0, 18.0])
def test_horizon_and_wall_are_where_far_and_near_ground_is_seen(roll: float, elevation: float) -> None:
    """Oracle: project ground points, 2 m behind the origin and all but at infinity, left and right of the middle."""
    view = camera(15.0, elevation, roll)
    rows = ground_rows(view, 0.0, np.random.default_rng(0), LOOK)
    forward = view.rotation[2] * [1, 1, 0]
    forward /= np.linalg.norm(forward)
    aside = np.array([forward[1], -forward[0], 0])
    far = np.stack([forward * 1e5 + aside * k * 3e4 for k in (-1, 1)])
    (x0, y0), (x1, y1) = view.project(far, 1)[0]
    slope = (y1 - y0) / (x1 - x0)
    assert rows.slope == pytest.approx(slope, abs=0.01)
    assert rows.horizon == pytest.approx(y0 + slope * (0.5 - x0), abs=0.01)
    foot = view.project(forward[None] * 2, 1)[0][0]
    assert rows.wall == pytest.approx(foot[1], abs=1e-6)


def test_jumps_are_off_the_ground() -> None:
    vertices, rng = post() + torch.tensor([0.0, 0.0, 3.0]), np.random.default_rng(0)
    low, high = 0.2, 0.3
    look = GroundLook(airborne=(low, high))
    assert ground_height(vertices, "stand", rng, look) == pytest.approx(3.0, abs=0.01)
    assert 3 - high <= ground_height(vertices, "jump", rng, look) <= 3 - low + 0.01

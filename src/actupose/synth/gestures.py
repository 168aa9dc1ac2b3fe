"""Hand gestures: anatomical angles of the forearm, wrist, fingers and thumb.

Angles are degrees from the rig's reference hand, which is open with slightly bent fingers. Limits after the AAOS
tables, widened for passive motion (ours).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actupose.synth.rotations import Array

Rng = np.random.Generator

_JOINT_SHARES = np.array([0.85, 1.1, 0.7])  # of a finger's curl at the knuckle, middle and end joint
_JITTER = 4.0
_FLEX_LOW, _FLEX_HIGH = np.array([-22.0, -12.0, -8.0]), np.array([85.0, 100.0, 70.0])


@dataclass(frozen=True)
class Gesture:
    """Angles of one arm and hand, degrees.

    Attributes:
        name: Kind of gesture.
        elbow: Flexion, 0 = straight.
        forearm: Pronation.
        wrist: (2,) flexion towards the palm, deviation towards the little finger.
        flex: (4, 3) index to little finger: flexion of knuckle, middle and end joint.
        spread: (4,) index to little finger: away from the middle finger.
        thumb: (4,) opposition (towards the palm), abduction (away from the index finger), flexion of both joints.
    """

    name: str
    elbow: float
    forearm: float
    wrist: Array
    flex: Array
    spread: Array
    thumb: Array


def _curls(rng: Rng, low: float, high: float, joined: float = 0.7) -> Array:
    """Curl (4,) of the fingers; `joined` is the share that neighbours have in common."""
    own, common = rng.uniform(low, high, 4), rng.uniform(low, high)
    return np.asarray(joined * common + (1 - joined) * own)


def _thumb(
    rng: Rng, opposition: tuple[float, float], abduction: tuple[float, float], bend: tuple[float, float]
) -> Array:
    return np.array([rng.uniform(*opposition), rng.uniform(*abduction), *rng.uniform(*bend, 2)])


Fingers = tuple[Array, float, Array]  # curls (4,), spread of the fingers, thumb (4,)


def _open(rng: Rng) -> Fingers:
    return _curls(rng, -18, 6), rng.uniform(-12, 6), _thumb(rng, (-12, 10), (-4, 14), (-12, 8))


def _relaxed(rng: Rng) -> Fingers:
    curls = _curls(rng, 4, 38, 0.85) + np.arange(4) * rng.uniform(0, 5)
    return curls, rng.uniform(-10, 0), _thumb(rng, (-5, 14), (-8, 6), (0, 22))


def _fist(rng: Rng) -> Fingers:
    return _curls(rng, 66, 88, 0.9), -8.0, _thumb(rng, (14, 34), (-14, 0), (14, 48))


def _point(rng: Rng) -> Fingers:
    curls = _curls(rng, 58, 86, 0.9)
    curls[0] = rng.uniform(-14, 8)
    return curls, -6.0, _thumb(rng, (4, 30), (-10, 4), (8, 42))


def _count(rng: Rng) -> Fingers:
    curls = _curls(rng, 62, 86, 0.9)
    raised = rng.integers(2, 5)
    first = 0 if raised == 4 else int(rng.integers(0, 5 - raised))
    curls[first : first + raised] = rng.uniform(-14, 4, raised)
    return curls, rng.uniform(-8, 5), _thumb(rng, (10, 32), (-12, 0), (10, 42))


def _pinch(rng: Rng) -> Fingers:
    curls = _curls(rng, 10, 45, 0.6)
    curls[0] = rng.uniform(36, 50)
    return curls, rng.uniform(-7, 2), _thumb(rng, (20, 34), (-8, 4), (6, 26))


def _grip(rng: Rng) -> Fingers:
    return _curls(rng, 32, 62, 0.9), rng.uniform(-9, 0), _thumb(rng, (12, 34), (-4, 10), (0, 28))


def _thumb_up(rng: Rng) -> Fingers:
    return _curls(rng, 66, 86, 0.9), -8.0, _thumb(rng, (-16, -2), (4, 20), (-12, 4))


def _random(rng: Rng) -> Fingers:
    return _curls(rng, -16, 84, 0.35), rng.uniform(-9, 5), _thumb(rng, (-12, 34), (-12, 14), (-12, 42))


GESTURES: dict[str, Callable[[Rng], Fingers]] = {
    "open": _open,
    "relaxed": _relaxed,
    "fist": _fist,
    "point": _point,
    "count": _count,
    "pinch": _pinch,
    "grip": _grip,
    "thumb_up": _thumb_up,
    "random": _random,
}


def draw_gesture(rng: Rng, name: str) -> Gesture:
    """Draw one gesture of a kind.

    Args:
        rng: Random generator.
        name: A key of `GESTURES`.
    """
    curls, spread, thumb = GESTURES[name](rng)
    flex = np.where(curls[:, None] > 0, curls[:, None] * _JOINT_SHARES, curls[:, None] * [1.0, 0.5, 0.4])
    flex = np.clip(flex + rng.normal(0, _JITTER, (4, 3)), _FLEX_LOW, _FLEX_HIGH)
    return Gesture(
        name,
        elbow=rng.uniform(25, 110),
        forearm=float(np.clip(rng.normal(0, 30), -75, 75)),
        wrist=np.array([np.clip(rng.normal(0, 24), -60, 60), np.clip(rng.normal(3, 9), -20, 30)]),
        flex=flex,
        spread=spread * np.array([1.0, 0.15, 0.6, 1.5]) + rng.normal(0, 1.2, 4),
        thumb=thumb + rng.normal(0, _JITTER, 4),
    )

"""Nineteen named kinds of pose, ordered from common to rare.

Each function draws one pose (degrees; names in `limits.py`) of its kind. Angles are our own settings, the gait curves
after normative gait tables; jitter and limits are applied afterwards by `poses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from actupose.synth.limits import LIMITS, SIDES, Pose, set_side
from actupose.synth.streams import chance, choose, pick

Rng = np.random.Generator
Archetype = Callable[[Rng], Pose]

# One stride of level walking: phase, hip flexion, knee flexion, ankle dorsiflexion.
_PHASE = np.array([0, 0.12, 0.3, 0.45, 0.6, 0.73, 0.88, 1.0])
_HIP = np.array([30, 26, 8, -10, -4, 18, 31, 30.0])
_KNEE = np.array([5, 18, 8, 6, 38, 62, 28, 5.0])
_ANKLE = np.array([0, -4, 6, 10, -18, -5, 0, 0.0])


def _shuffled_sides(rng: Rng) -> tuple[str, str]:
    return ("L", "R") if chance(rng, 0.5) else ("R", "L")


def _neutral(rng: Rng) -> Pose:
    pose = dict.fromkeys(LIMITS, 0.0)
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(6, 18), shoulder_plane=rng.uniform(0, 50))
        set_side(pose, side, elbow=rng.uniform(8, 35), curl=rng.uniform(10, 45))
        set_side(pose, side, hip_out=rng.uniform(1, 7), hip_turn=rng.uniform(2, 12), knee=rng.uniform(2, 8))
    return pose


def stand(rng: Rng) -> Pose:
    """Upright, half of the time with the weight on one leg."""
    pose = _neutral(rng)
    if chance(rng, 0.5):
        free, loaded = _shuffled_sides(rng)
        pose["spine_side"] = 4.0 if loaded == "L" else -4.0
        set_side(pose, free, hip_flex=rng.uniform(5, 22), knee=rng.uniform(8, 35), hip_out=rng.uniform(3, 14))
    return pose


def hands_on_hips(rng: Rng) -> Pose:
    """Standing with one or both hands on the hips."""
    pose = stand(rng)
    for side in SIDES if chance(rng, 0.6) else (pick(rng, SIDES),):
        set_side(pose, side, shoulder_raise=rng.uniform(38, 50), shoulder_plane=rng.uniform(-35, -15))
        set_side(pose, side, shoulder_twist=rng.uniform(62, 78), elbow=rng.uniform(85, 100), forearm=10, wrist_flex=-25)
    return pose


def gesture(rng: Rng) -> Pose:
    """Standing, arms somewhere."""
    pose = stand(rng)
    for side in SIDES:
        if chance(rng, 0.65):
            raised = choose(rng, {(20.0, 60.0): 0.5, (60.0, 110.0): 0.3, (110.0, 170.0): 0.2})
            bent = pick(rng, ((5, 40), (40, 130)))
            set_side(pose, side, shoulder_raise=rng.uniform(*raised), shoulder_plane=rng.uniform(-10, 100))
            set_side(pose, side, shoulder_twist=rng.uniform(-40, 60), elbow=rng.uniform(*bent), curl=rng.uniform(0, 80))
    return pose


def arms_up(rng: Rng) -> Pose:
    """Standing with both arms raised."""
    pose = stand(rng)
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(120, 172), shoulder_plane=rng.uniform(0, 60))
        set_side(pose, side, elbow=rng.uniform(5, 70), shoulder_twist=rng.uniform(-50, 30))
    return pose


def _swing_arm(pose: Pose, side: str, forward: float, outward: float) -> None:
    """Swing the arm `forward` degrees (negative: back) and `outward` degrees to its side."""
    ahead, out = math.sin(math.radians(forward)), math.sin(math.radians(outward))
    down = math.cos(math.radians(forward))
    length = math.sqrt(out * out + ahead * ahead + down * down)
    set_side(pose, side, shoulder_raise=math.degrees(math.acos(down / length)))
    set_side(pose, side, shoulder_plane=math.degrees(math.atan2(ahead, out)))


def walk(rng: Rng) -> Pose:
    """A phase of walking, by normative gait curves."""
    pose = _neutral(rng)
    phase, speed = rng.uniform(0, 1), rng.uniform(0.6, 1.15)
    for side, lag in zip(SIDES, (0.0, 0.5), strict=True):
        t = (phase + lag) % 1
        set_side(pose, side, hip_flex=float(np.interp(t, _PHASE, _HIP)) * speed, hip_out=rng.uniform(0, 4))
        set_side(pose, side, knee=float(np.interp(t, _PHASE, _KNEE)) * min(speed, 1.1), hip_turn=rng.uniform(0, 8))
        set_side(pose, side, ankle=float(np.interp(t, _PHASE, _ANKLE)) * speed)
        swing = -math.cos(2 * math.pi * t) * 24 * speed  # an arm opposes its leg
        _swing_arm(pose, side, swing, rng.uniform(8, 18))
        set_side(pose, side, elbow=rng.uniform(10, 30) + max(swing, 0) * 0.6)
    pose["pitch"] = rng.uniform(0, 6)
    pose["spine_twist"] = math.cos(2 * math.pi * phase) * 7 * speed
    return pose


def run(rng: Rng) -> Pose:
    """A phase of running."""
    pose = _neutral(rng)
    phase, speed = rng.uniform(0, 1), rng.uniform(0.85, 1.35)
    for side, lag in zip(SIDES, (0.0, 0.5), strict=True):
        t = (phase + lag) % 1
        stride = math.cos(2 * math.pi * (t - 0.9))
        lift = max(0.0, math.sin(math.pi * min(max((t - 0.45) / 0.5, 0), 1)))
        landing = math.exp(-(((t - 0.12) / 0.1) ** 2))
        set_side(pose, side, hip_flex=(20 + 38 * stride) * speed, knee=12 + 95 * speed * lift + 15 * landing)
        set_side(pose, side, ankle=float(np.interp(t, _PHASE, _ANKLE)) * 1.4, hip_out=rng.uniform(0, 4))
        _swing_arm(pose, side, -42 * speed * stride, rng.uniform(10, 22))
        set_side(pose, side, elbow=rng.uniform(75, 110), shoulder_twist=rng.uniform(-25, 10), curl=rng.uniform(40, 85))
    pose["pitch"] = rng.uniform(4, 16)
    pose["spine_twist"] = math.cos(2 * math.pi * (phase - 0.9)) * 14
    return pose


def sit(rng: Rng) -> Pose:
    """On a chair, sometimes with crossed legs."""
    pose = gesture(rng) if chance(rng, 0.4) else _neutral(rng)
    pose["pitch"], pose["spine_flex"] = rng.uniform(-15, 5), rng.uniform(0, 25)
    bend = rng.uniform(75, 100)
    for side in SIDES:
        set_side(pose, side, hip_flex=rng.uniform(80, 98), knee=bend + rng.normal(0, 12), hip_out=rng.uniform(2, 25))
        set_side(pose, side, hip_turn=rng.uniform(-5, 15), ankle=rng.uniform(-15, 10))
        if pose[f"shoulder_raise_{side}"] < 30:  # hands in the lap
            set_side(pose, side, shoulder_raise=rng.uniform(20, 45), shoulder_plane=rng.uniform(60, 95))
            set_side(pose, side, elbow=rng.uniform(30, 75), shoulder_twist=rng.uniform(-20, 10))
    if chance(rng, 0.25):
        side = pick(rng, SIDES)
        set_side(pose, side, hip_flex=pose[f"hip_flex_{side}"] + 12, hip_out=-8, knee=rng.uniform(60, 90))
    return pose


def bend_reach(rng: Rng) -> Pose:
    """Bending forward, reaching down or ahead."""
    pose = stand(rng)
    bend = rng.uniform(20, 85)
    pose["pitch"], pose["spine_flex"], pose["neck_flex"] = bend * 0.55, bend * 0.6, -bend * 0.25
    pose["spine_twist"] = rng.normal(0, 15)
    for side in SIDES:
        set_side(pose, side, hip_flex=bend * 0.5 + rng.uniform(0, 12), knee=rng.uniform(4, 35))
        set_side(pose, side, ankle=rng.uniform(0, 8), hip_out=rng.uniform(2, 14))
        if chance(rng, 0.75):
            set_side(pose, side, shoulder_raise=rng.uniform(45, 120), shoulder_plane=rng.uniform(60, 100))
            set_side(pose, side, elbow=rng.uniform(5, 50), shoulder_twist=0)
    return pose


def squat(rng: Rng) -> Pose:
    """Squatting with the arms ahead."""
    pose = _neutral(rng)
    depth = rng.uniform(0.45, 1.0)
    pose["pitch"] = 28 * depth + rng.uniform(-5, 5)
    pose["spine_flex"], pose["neck_flex"] = 18 * depth, -20 * depth
    for side in SIDES:
        set_side(pose, side, hip_flex=112 * depth + pose["pitch"] * 0.3, knee=132 * depth, ankle=24 * depth)
        set_side(pose, side, hip_out=rng.uniform(8, 30), hip_turn=rng.uniform(5, 25))
        set_side(pose, side, shoulder_raise=rng.uniform(55, 95), shoulder_plane=rng.uniform(70, 100))
        set_side(pose, side, elbow=rng.uniform(5, 90), shoulder_twist=rng.uniform(-10, 20))
    return pose


def lunge(rng: Rng) -> Pose:
    """One leg far ahead; a third of the time with both arms out."""
    pose = gesture(rng)
    front, back = _shuffled_sides(rng)
    depth = rng.uniform(0.5, 1.0)
    set_side(pose, front, hip_flex=95 * depth, knee=95 * depth, ankle=10 * depth, hip_out=rng.uniform(0, 10))
    set_side(pose, back, hip_flex=-22 * depth, knee=pick(rng, (8, 80)) * depth, ankle=20 * depth, hip_out=4)
    pose["pitch"], pose["spine_twist"] = rng.uniform(0, 18), rng.normal(0, 12)
    if chance(rng, 0.35):
        for side in SIDES:
            set_side(pose, side, shoulder_raise=88, shoulder_plane=rng.uniform(-5, 15), elbow=4, shoulder_twist=0)
    return pose


def throw(rng: Rng) -> Pose:
    """One arm cocked behind, the trunk turned."""
    pose = lunge(rng) if chance(rng, 0.5) else stand(rng)
    throwing, other = _shuffled_sides(rng)
    set_side(pose, throwing, shoulder_raise=rng.uniform(85, 160), shoulder_plane=rng.uniform(-35, 30))
    set_side(pose, throwing, elbow=rng.uniform(20, 105), shoulder_twist=rng.uniform(-65, -20), curl=70)
    set_side(pose, other, shoulder_raise=rng.uniform(40, 110), shoulder_plane=rng.uniform(40, 95))
    set_side(pose, other, elbow=rng.uniform(5, 60))
    pose["spine_twist"] = (-1 if throwing == "R" else 1) * rng.uniform(10, 40)
    pose["spine_flex"] = rng.uniform(-25, 10)
    return pose


def kick(rng: Rng) -> Pose:
    """A football kick or a side kick."""
    pose = gesture(rng)
    kicking, standing = _shuffled_sides(rng)
    if chance(rng, 0.5):
        set_side(pose, kicking, hip_flex=rng.uniform(40, 95), knee=rng.uniform(5, 70), ankle=-25)
        pose["pitch"] = rng.uniform(-25, -5)
    else:
        set_side(pose, kicking, hip_flex=rng.uniform(20, 60), hip_out=rng.uniform(45, 78), knee=rng.uniform(3, 60))
        set_side(pose, kicking, ankle=-10)
        pose["roll"] = (1 if kicking == "R" else -1) * rng.uniform(10, 38)
    set_side(pose, standing, hip_flex=rng.uniform(-8, 12), knee=rng.uniform(5, 25))
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(30, 85), shoulder_plane=rng.uniform(-20, 50))
        set_side(pose, side, elbow=rng.uniform(10, 70))
    return pose


def anatomical(rng: Rng) -> Pose:
    """Broad: every joint from a normal about its mid-range, cut at its limits."""
    pose = _neutral(rng)
    for name, (low, high, _) in LIMITS.items():
        if name not in ("pitch", "roll"):
            centre = pose[name] + 0.3 * ((low + high) / 2 - pose[name])
            pose[name] = min(max(float(rng.normal(centre, (high - low) / 6)), low), high)
    pose["pitch"], pose["roll"] = rng.normal(0, 25), rng.normal(0, 20)
    return pose


# Per kind of jump: ranges of hip flexion, hip abduction, knee, ankle, shoulder raise, shoulder plane, elbow.
_JUMPS = (
    ((0, 20), (15, 50), (3, 30), -30, (95, 165), (0, 30), (5, 30)),  # star
    ((60, 115), None, (80, 130), -20, (50, 160), (20, 90), (5, 60)),  # tuck
    ((-20, 10), None, (60, 120), -30, (120, 172), (0, 50), (5, 40)),  # arched
    ((70, 110), (20, 60), (2, 20), -35, (60, 95), (40, 80), (2, 20)),  # straddle
)


def jump(rng: Rng) -> Pose:
    """In the air: star, tuck, arched or straddle."""
    pose = _neutral(rng)
    kind = int(rng.integers(len(_JUMPS)))
    hip, out, knee, ankle, arm, plane, elbow = _JUMPS[kind]
    for side in SIDES:
        set_side(pose, side, hip_flex=rng.uniform(*hip), knee=rng.uniform(*knee), ankle=ankle)
        set_side(pose, side, shoulder_raise=rng.uniform(*arm), shoulder_plane=rng.uniform(*plane))
        set_side(pose, side, elbow=rng.uniform(*elbow))
        if out is not None:
            set_side(pose, side, hip_out=rng.uniform(*out))
    if kind == 2:
        pose["spine_flex"] = rng.uniform(-40, -15)
    pose["pitch"] = rng.normal(0, 10)
    return pose


def _plank(rng: Rng) -> Pose:
    pose = _neutral(rng)
    pose["pitch"], pose["neck_flex"] = 80 + rng.normal(0, 6), -20
    depth = rng.uniform(0, 1)
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(60, 85), shoulder_twist=0, elbow=5 + 85 * depth, curl=0)
        set_side(pose, side, shoulder_plane=rng.uniform(45, 90) * (1 - 0.4 * depth))
        set_side(pose, side, hip_flex=rng.uniform(-5, 8), knee=rng.uniform(1, 8), ankle=20)
    return pose


def _lie(rng: Rng) -> Pose:
    pose = gesture(rng)
    pose["pitch"] = pick(rng, (-90, 90)) + rng.normal(0, 5)
    pose["roll"] = float(pick(rng, (0, 0, 40, -40)))
    for side in SIDES:
        set_side(pose, side, hip_flex=rng.uniform(-5, 60), knee=rng.uniform(2, 90))
    return pose


def _crawl(rng: Rng) -> Pose:
    pose = _neutral(rng)
    pose["pitch"], pose["neck_flex"] = 78 + rng.normal(0, 8), -35
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(60, 110), shoulder_plane=rng.uniform(70, 95))
        set_side(pose, side, elbow=rng.uniform(3, 40), hip_flex=rng.uniform(55, 115), knee=rng.uniform(70, 115))
        set_side(pose, side, ankle=-30, curl=0)
    return pose


def _sit_on_floor(rng: Rng) -> Pose:
    pose = gesture(rng)
    pose["pitch"], pose["spine_flex"] = rng.uniform(-25, 5), rng.uniform(5, 35)
    crossed = chance(rng, 0.5)
    for side in SIDES:
        if crossed:
            set_side(pose, side, hip_out=rng.uniform(40, 60), hip_turn=35, knee=rng.uniform(100, 130))
        else:
            set_side(pose, side, hip_out=rng.uniform(2, 25), hip_turn=5, knee=rng.uniform(2, 40))
        set_side(pose, side, hip_flex=rng.uniform(75, 100))
    return pose


def floor(rng: Rng) -> Pose:
    """On the floor: plank, lying, crawling or sitting."""
    return pick(rng, (_plank, _lie, _crawl, _sit_on_floor))(rng)


def cartwheel(rng: Rng) -> Pose:
    """Any phase of a cartwheel."""
    pose = _neutral(rng)
    pose["roll"] = rng.uniform(60, 300)
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(125, 165), shoulder_plane=rng.uniform(0, 25), shoulder_twist=0)
        set_side(pose, side, elbow=rng.uniform(2, 12), hip_out=rng.uniform(30, 65), hip_flex=rng.uniform(-5, 20))
        set_side(pose, side, knee=rng.uniform(1, 14), ankle=-35)
    return pose


def handstand(rng: Rng) -> Pose:
    """On the hands; legs together, apart or split."""
    pose = _neutral(rng)
    pose["pitch"], pose["spine_flex"], pose["neck_flex"] = 180 + rng.normal(0, 12), rng.uniform(-20, 5), -30
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(160, 176), shoulder_plane=rng.uniform(20, 70), shoulder_twist=0)
        set_side(pose, side, elbow=rng.uniform(2, 14), wrist_flex=-50, ankle=-35, curl=0)
    kind = pick(rng, ("together", "apart", "split"))
    if kind == "split":
        front, back = _shuffled_sides(rng)
        set_side(pose, front, hip_flex=rng.uniform(30, 90), knee=5)
        set_side(pose, back, hip_flex=-22, knee=rng.uniform(3, 80))
        return pose
    for side in SIDES:
        out = (0, 6) if kind == "together" else (30, 75)
        set_side(pose, side, hip_flex=rng.uniform(-8, 16), hip_out=rng.uniform(*out), knee=rng.uniform(1, 12))
    return pose


def split_leap(rng: Rng) -> Pose:
    """A leap with the legs split."""
    pose = _neutral(rng)
    front, back = _shuffled_sides(rng)
    set_side(pose, front, hip_flex=rng.uniform(70, 98), knee=rng.uniform(2, 15), ankle=-35)
    set_side(pose, back, hip_flex=-30, knee=rng.uniform(2, 40), ankle=-35, hip_out=rng.uniform(5, 40))
    pose["pitch"], pose["spine_flex"] = rng.uniform(5, 25), rng.uniform(-35, -10)
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(80, 150), shoulder_plane=rng.uniform(-10, 40))
        set_side(pose, side, elbow=rng.uniform(2, 20))
    return pose


def bridge(rng: Rng) -> Pose:
    """A back bridge."""
    pose = _neutral(rng)
    pose["pitch"], pose["spine_flex"], pose["neck_flex"] = -90 + rng.uniform(-15, 15), -45, -40
    for side in SIDES:
        set_side(pose, side, shoulder_raise=rng.uniform(155, 176), shoulder_plane=60, shoulder_twist=0)
        set_side(pose, side, elbow=rng.uniform(2, 30), hip_flex=rng.uniform(-30, -5), hip_out=8)
        set_side(pose, side, knee=rng.uniform(70, 105), ankle=0)
    return pose


# From common to rare: the rank gives the weight (see `poses.mix`).
ARCHETYPES: dict[str, Archetype] = {
    kind.__name__: kind
    for kind in (
        stand, walk, gesture, sit, hands_on_hips, bend_reach, run, arms_up, squat, lunge, throw, kick, anatomical, jump,
        floor, cartwheel, handstand, split_leap, bridge,
    )
}  # fmt: skip

# Kinds done in sportswear, and those done barefoot by many.
SPORTS = frozenset(
    {"run", "kick", "throw", "jump", "cartwheel", "handstand", "split_leap", "bridge", "floor", "squat", "lunge"}
)
BAREFOOT = frozenset({"handstand", "bridge", "split_leap", "cartwheel", "floor"})
AIRBORNE = frozenset({"jump", "split_leap"})  # off the ground

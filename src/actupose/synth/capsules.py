"""A cheap self-intersection test: capsules about bones, pairs of which may not overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from actupose.synth.limits import SIDES
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array

_SAMPLES = 9  # points along the first axis of a pair: distances are good to about 1 cm


def _capsules() -> dict[str, tuple[str, str, float]]:
    """Name -> (first bone, last bone, radius in metres)."""
    capsules = {
        "torso": ("spine04", "neck01", 0.125),
        "pelvis": ("upperleg01.L", "upperleg01.R", 0.10),
        "head": ("neck03", "head", 0.10),
    }
    for side in SIDES:
        capsules |= {
            f"upper_arm.{side}": (f"upperarm02.{side}", f"lowerarm01.{side}", 0.042),
            f"forearm.{side}": (f"lowerarm01.{side}", f"wrist.{side}", 0.036),
            f"hand.{side}": (f"wrist.{side}", f"finger3-2.{side}", 0.03),
            f"thigh.{side}": (f"upperleg02.{side}", f"lowerleg01.{side}", 0.07),
            f"shin.{side}": (f"lowerleg01.{side}", f"foot.{side}", 0.047),
            f"foot.{side}": (f"foot.{side}", f"toe2-1.{side}", 0.035),
        }
    return capsules


def _pairs() -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for side, other in (("L", "R"), ("R", "L")):
        for part in (f"forearm.{side}", f"hand.{side}"):
            pairs += [(part, body) for body in ("torso", "pelvis", "head", f"upper_arm.{other}")]
            pairs += [(part, f"{leg}.{s}") for leg in ("thigh", "shin") for s in SIDES]
        pairs += [(f"upper_arm.{side}", "head"), (f"thigh.{side}", "torso")]
        pairs += [(f"shin.{side}", body) for body in (f"thigh.{other}", "torso", "pelvis")]
        pairs += [(f"foot.{side}", body) for body in (f"thigh.{other}", f"shin.{other}", "pelvis")]
        pairs += [(f"hand.{side}", f"forearm.{other}")]
    return pairs + [(f"{part}.L", f"{part}.R") for part in ("forearm", "hand", "thigh", "shin", "foot")]


def _slack(first: str, second: str) -> float:
    """How much (m) a pair of neighbours may overlap in any pose."""
    return 0.03 * first.startswith("thigh") + 0.03 * (second in ("torso", "pelvis"))


class CapsuleTest:
    """Depth of the worst self-intersection of a posed rig; by default of the body's 15 capsules in 40 pairs.

    Args:
        rig: The rig whose bone names the capsules use.
        capsules: Name -> (first point, last point, radius in metres), or None for those of the body.
        pairs: Names of the capsules that may not overlap, or None for those of the body.
        more_points: Names of points that follow the bones in the positions.
    """

    def __init__(
        self,
        rig: Rig,
        capsules: Mapping[str, tuple[str, str, float]] | None = None,
        pairs: Sequence[tuple[str, str]] | None = None,
        more_points: Sequence[str] = (),
    ) -> None:
        capsules = _capsules() if capsules is None else capsules
        self.pairs = tuple(_pairs() if pairs is None else pairs)
        index = rig.index | {name: len(rig.bones) + k for k, name in enumerate(more_points)}
        ends = [(*capsules[a][:2], *capsules[b][:2]) for a, b in self.pairs]
        self._ends = np.array([[index[name] for name in names] for names in ends]).T
        self._reach = np.array([capsules[a][2] + capsules[b][2] - _slack(a, b) for a, b in self.pairs])
        self._along = np.linspace(0, 1, _SAMPLES)[:, None]

    def penetration(self, positions: Array) -> float:
        """Return the deepest overlap of two capsules in metres, 0 when none overlap.

        Args:
            positions: (J + P, 3) posed bone heads, then the further points.
        """
        a0, a1, b0, b1 = positions[self._ends]
        points = a0[:, None] * (1 - self._along) + a1[:, None] * self._along
        axis, gap = b1 - b0, points - b0[:, None]
        share = (gap * axis[:, None]).sum(-1) / np.maximum((axis * axis).sum(-1), 1e-9)[:, None]
        offset = gap - np.clip(share, 0, 1)[..., None] * axis[:, None]
        distance = np.sqrt((offset * offset).sum(-1).min(1))
        return max(0.0, float((self._reach - distance).max()))

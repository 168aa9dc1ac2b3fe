"""The long-tailed pose sampler: an archetype by rank, its angles, jitter, mirror, no self-intersection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.capsules import CapsuleTest
from actupose.synth.limits import Pose, mirror, perturb
from actupose.synth.mocap.pool import PosePool
from actupose.synth.rig import Rig
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose

MAX_TRIES = 24
TOLERANCE = 0.015  # metres of capsule overlap that pass


def mix(alpha: float = 1.1, boost: Mapping[str, float] | None = None) -> dict[str, float]:
    """Probability of each archetype: 1 / rank^alpha, ranks as listed in `ARCHETYPES`.

    Args:
        alpha: Steepness of the tail; 0 makes all archetypes equally likely.
        boost: Archetype -> factor on its weight; absent ones keep factor 1.

    Returns:
        Archetype -> probability, summing to 1.
    """
    factors = boost or {}
    weights = {name: rank**-alpha * factors.get(name, 1.0) for rank, name in enumerate(ARCHETYPES, start=1)}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


@dataclass(frozen=True)
class SampledPose:
    """One drawn pose.

    Attributes:
        archetype: Its kind.
        angles: Anatomical angles, degrees.
        rotations: (J, 3, 3) world rotations of the bones.
        penetration: Deepest capsule overlap left, metres.
    """

    archetype: str
    angles: Pose
    rotations: Array
    penetration: float


class PoseSampler:
    """Draws valid poses.

    Args:
        rig: The rig to pose.
        weights: Archetype -> probability, as from `mix`.
        jitter: Factor on the angles' jitter.
        mirrored: Share of mirrored poses.
        pool: Recorded poses, if there are any.
        share: Share of the draws that take a recorded pose.
    """

    def __init__(
        self,
        rig: Rig,
        weights: Mapping[str, float],
        jitter: float = 1.0,
        mirrored: float = 0.5,
        pool: PosePool | None = None,
        share: float = 0.0,
    ) -> None:
        self.rig, self._jitter, self._mirrored = rig, jitter, mirrored
        self._pool, self._share = pool, share
        self.weights = dict(weights)
        self._capsules = CapsuleTest(rig)

    def sample(self, rng: np.random.Generator) -> SampledPose:
        """Draw an archetype, then redraw its angles until the body does not intersect itself.

        After `MAX_TRIES` the least intersecting draw is returned, so the archetype mix is exact. A recorded pose is
        taken as it is, or its mirror image; its archetype is the recording's name.
        """
        if self._pool is not None and chance(rng, self._share):
            return self._recorded(rng, self._pool)
        name = choose(rng, self.weights)
        best: SampledPose | None = None
        for _ in range(MAX_TRIES):
            angles = perturb(ARCHETYPES[name](rng), rng, self._jitter)
            if chance(rng, self._mirrored):
                angles = mirror(angles)
            rotations = self.rig.rotations(angles)
            depth = self._capsules.penetration(self.rig.positions(rotations))
            if best is None or depth < best.penetration:
                best = SampledPose(name, angles, rotations, depth)
            if depth < TOLERANCE:
                break
        assert best is not None
        return best

    def _recorded(self, rng: np.random.Generator, pool: PosePool) -> SampledPose:
        index = int(rng.integers(len(pool)))
        angles = pool.pose(index)
        if chance(rng, self._mirrored):
            angles = mirror(angles)
        rotations = self.rig.rotations(angles)
        depth = self._capsules.penetration(self.rig.positions(rotations))
        return SampledPose(pool.clips[index], angles, rotations, depth)

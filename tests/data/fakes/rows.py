"""Store rows and shard makers for the builder."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from actupose.data.build import ShardResult, StoreRow
from data.fakes.pictures import jpeg


def row(i: int, joints: int = 14) -> StoreRow:
    """A store row that depends on its index alone."""
    rng = np.random.default_rng(i)
    return StoreRow(
        image=jpeg(i),
        name=f"item {i}",
        keypoints=rng.uniform(0, 32, (joints, 2)).astype(np.float32),
        visible=rng.integers(0, 3, joints).astype(np.uint8),
        crop=np.array([[1, 0, i], [0, 1, -i]], np.float32),
        archetype=("stand", "sit")[i % 2],
    )


@dataclass(frozen=True)
class Rows:
    """Shard maker; item indices in ``bad`` become problems, ``seconds`` slow each shard, ``kill`` ends the process."""

    bad: tuple[int, ...] = ()
    seconds: float = 0.0
    kill: int = -1

    def __call__(self, items: range) -> ShardResult:
        time.sleep(self.seconds)
        if self.kill in items:
            os.kill(os.getpid(), signal.SIGKILL)
        good = [row(i) for i in items if i not in self.bad]
        return ShardResult(good, [f"item {i}: is bad" for i in items if i in self.bad])

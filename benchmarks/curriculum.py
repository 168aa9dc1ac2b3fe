"""Time the curriculum at a given number of samples: fit and apply the Pose-VAE, bin, re-rank and draw.

Run ``python benchmarks/curriculum.py --num 1000000``; prints one JSON object per size (seconds, and peak memory of the
whole process so far in MB).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from actupose.curriculum import (
    CurriculumConfig,
    CurriculumState,
    PoseVAEConfig,
    assign_bins,
    fit_pose_vae,
    score_poses,
)
from actupose.skeletons import load_skeleton

T = TypeVar("T")


def make_poses(num: int, num_keypoints: int, seed: int = 0) -> Tensor:
    """Return (num, K, 2) poses in pixels: random mixes of eight fixed movements, with a few wild ones."""
    generator = torch.Generator().manual_seed(seed)
    rest = torch.rand(num_keypoints, 2, generator=generator) * 200
    movements = torch.randn(8, num_keypoints * 2, generator=generator) * 15
    amount = torch.randn(num, 8, generator=generator)
    amount[torch.rand(num, generator=generator) < 0.05] *= 3
    return rest + (amount @ movements).view(num, num_keypoints, 2)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a call and its seconds."""
    start = time.perf_counter()
    result = call()
    return result, round(time.perf_counter() - start, 3)


def measure(num: int, config: PoseVAEConfig) -> dict[str, float]:
    """Return the seconds of each stage for `num` samples, and the peak memory in MB."""
    skeleton = load_skeleton("body16")
    points = make_poses(num, skeleton.num_keypoints)
    visible = torch.full(points.shape[:2], 2, dtype=torch.uint8)
    vae, fit_s = timed(lambda: fit_pose_vae(points, visible, skeleton, config))
    score, score_s = timed(lambda: score_poses(vae, points, visible, skeleton))
    _, bin_s = timed(lambda: assign_bins(score, 25))
    state = CurriculumState(score, CurriculumConfig(), epochs=70)
    length = min(num, 16_000)
    _, draw_s = timed(lambda: state.draw(10, length))
    _, update_s = timed(lambda: state.update(torch.rand(num), torch.ones(num)))
    held = sum(t.nbytes for t in (state.score, state.score_vae, state.bin_of, state.bin_means))
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "num": num,
        "fit_s": fit_s,
        "score_s": score_s,
        "bin_s": bin_s,
        "draw_s": draw_s,
        "update_s": update_s,
        "poses_mb": round(points.nbytes / 1e6, 1),
        "state_mb": round(held / 1e6, 1),
        "peak_rss_mb": round(peak_kb / 1e3, 1),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of samples")
    parser.add_argument("--quick", action="store_true", help="a small run that only shows that it works")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    sizes = [2000] if args.quick else args.num
    config = PoseVAEConfig(epochs=2) if args.quick else PoseVAEConfig()
    for num in sizes:
        sys.stdout.write(json.dumps(measure(num, config)) + "\n")


if __name__ == "__main__":
    main()

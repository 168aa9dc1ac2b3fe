"""Time the curriculum at given numbers of samples: fit and apply the Pose-VAE, bin, re-rank and draw.

``python benchmarks/curriculum.py --num 10000 6000000`` prints one record (see `common.py`). One thread; times are
CPU seconds. Peak memory is that of the whole process so far, the poses themselves included.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from common import (
    Figure,
    cpu_seconds,
    figure,
    fresh_python,
    parser,
    peak_memory_mib,
    publish,
    record,
    resident_memory_mib,
)
from torch import Tensor

from actupose.curriculum import (
    CurriculumConfig,
    CurriculumState,
    PoseVAEConfig,
    assign_bins,
    fit_pose_vae,
    score_poses,
)
from actupose.metrics.confidence import SampleConfidence
from actupose.skeletons import load_skeleton

T = TypeVar("T")
EPOCHS, EPOCH_SAMPLES, MAKE_ROWS = 70, 16_000, 1 << 16


def make_poses(num: int, num_keypoints: int, seed: int = 0) -> Tensor:
    """Return (num, K, 2) poses in pixels: random mixes of eight fixed movements, with a few wild ones."""
    generator = torch.Generator().manual_seed(seed)
    rest = torch.rand(num_keypoints, 2, generator=generator) * 200
    movements = torch.randn(8, num_keypoints * 2, generator=generator) * 15
    poses = torch.empty(num, num_keypoints, 2)
    for part in poses.split(MAKE_ROWS):  # in parts, so that making them is not what needs the memory
        amount = torch.randn(len(part), 8, generator=generator)
        amount[torch.rand(len(part), generator=generator) < 0.05] *= 3
        part.copy_(rest + (amount @ movements).view(part.shape))
    return poses


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a call and its CPU seconds."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def measure(num: int, config: PoseVAEConfig, repeats: int) -> list[Figure]:
    """Return the CPU seconds of each stage for `num` samples, and the memory of the state and of the process."""
    skeleton = load_skeleton("body16")
    points = make_poses(num, skeleton.num_keypoints)
    visible = torch.full(points.shape[:2], 2, dtype=torch.uint8)
    vae, fit_s = timed(lambda: fit_pose_vae(points, visible, skeleton, config))
    score, score_s = timed(lambda: score_poses(vae, points, visible, skeleton))
    _, bin_s = timed(lambda: assign_bins(score, 25))
    state, length = CurriculumState(score, CurriculumConfig(), epochs=EPOCHS), min(num, EPOCH_SAMPLES)
    peaks, counts = torch.rand(num), torch.ones(num)
    draw_s = cpu_seconds(lambda: state.draw(10, length), repeats)
    update_s = cpu_seconds(lambda: state.update(peaks, counts), repeats)
    held = sum(t.nbytes for t in (state.score, state.score_vae, state.bin_of, state.bin_means))
    at = {"samples": num}
    return [
        figure("fit", "CPU s", [fit_s], at),
        figure("score", "CPU s", [score_s], at),
        figure("sort and bin", "CPU s", [bin_s], at),
        figure("fit, score, sort and bin", "CPU s", [fit_s + score_s + bin_s], at),
        figure("draw an epoch", "CPU s", draw_s, at),
        figure("re-rank and bin", "CPU s", update_s, at),
        figure("re-rank, bin and draw", "CPU s", [a + b for a, b in zip(draw_s, update_s, strict=True)], at),
        figure("poses", "MB", [points.nbytes / 1e6], at),
        figure("state", "MB", [held / 1e6], at),
        figure("peak memory", "MiB", [peak_memory_mib()], at),
    ]


def state_memory(num: int) -> list[Figure]:
    """Return what the state and an epoch's confidences hold of this process's memory, and the most while re-ranking."""
    score, length = torch.rand(num), min(num, EPOCH_SAMPLES)
    total, count = torch.rand(num), torch.ones(num)
    CurriculumState(score[:1000], CurriculumConfig(), epochs=EPOCHS).draw(0, 10)  # loads what the first one needs
    held, peak = [resident_memory_mib()], peak_memory_mib()
    state = CurriculumState(score, CurriculumConfig(), epochs=EPOCHS)
    for epoch in range(2):
        rows = state.draw(epoch, length)
        state.update(total, count)
    held.append(resident_memory_mib())
    peak = peak_memory_mib() - peak
    confidence = SampleConfidence(num)
    confidence.update(rows, torch.rand(len(rows)))
    held.append(resident_memory_mib())
    at = {"samples": num}
    return [
        figure("state after two epochs, resident", "MiB", [held[1] - held[0]], at),
        figure("an epoch's confidences, resident", "MiB", [held[2] - held[1]], at),
        figure("most while binning and re-ranking", "MiB", [peak], at),
    ]


def growth(figures: Sequence[Figure]) -> list[Figure]:
    """Return how much longer the largest run took than the smallest, for each stage that was timed."""
    sizes = sorted({f.at["samples"] for f in figures})
    first, last = ({f.figure: f for f in figures if f.at["samples"] == size} for size in (sizes[0], sizes[-1]))
    at = {"samples": [sizes[0], sizes[-1]]}
    return [
        figure(f"growth of {name}", "ratio", [last[name].value / max(made.value, 1e-9)], at)
        for name, made in first.items()
        if made.unit == "CPU s" and len(sizes) > 1
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = parser(__doc__ or "")
    options.add_argument("--num", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of samples")
    options.add_argument("--repeats", type=int, default=3, help="repeats of the stages of an epoch")
    options.add_argument("--state", type=int, default=None, help="measure the memory of the state alone")
    args = options.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if args.state is not None:
        publish(record("curriculum", state_memory(args.state), quick=args.quick), args.out)
        return
    sizes = [1000, 2000] if args.quick else args.num
    config = PoseVAEConfig(epochs=2) if args.quick else PoseVAEConfig()
    figures = [f for num in sizes for f in measure(num, config, args.repeats)]
    alone = [fresh_python(__file__, "--state", str(num))["figures"] for num in sizes]
    figures += [Figure(**found) for part in alone for found in part]
    publish(record("curriculum", [*figures, *growth(figures)], quick=args.quick), args.out)


if __name__ == "__main__":
    main()

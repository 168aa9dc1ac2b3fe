"""The whole ACTUPose training step against the passes that it cannot avoid, as JSON.

``python benchmarks/step.py`` times, on CUDA where there is one: load, augment, style, teacher, student, losses, EMA,
feedback to the curriculum and logging, as Lightning runs them in the adaptation; against the student's forward and
backward passes on source and target, the teacher's forward pass and the optimiser's step, on images in place, with
the same networks, precision and compilation. Random weights and pictures; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from common import Figure, figure, parser, publish, record
from training import WAIT_STEPS, Measured, Setting, at, best_cache, free, measure

from actupose.methods.compiled import Compilation

CPU_PROFILE = Setting("tf_efficientnet_lite0", "fpn", 96, 128, 32, windows=5, steps=2, warmup=1)
QUICK = Setting("test_efficientnet", "fpn", 16, 64, 4, windows=2, steps=2, warmup=1)


def figures(setting: Setting, found: Measured) -> list[Figure]:
    """What a measurement says."""
    where = {**at(setting), "steps": setting.steps, "cache": best_cache(), "load": round(found.load, 1)}
    out = [
        figure("step", "ms", [1e3 * s for s in found.whole], where),
        figure("bare passes", "ms", [1e3 * s for s in found.bare], where),
        figure("step over bare passes", "ratio", found.ratios, where),
        figure("images of one domain", "images/s", [setting.batch / s for s in found.whole], where),
        figure("steps before the first repeat", "s", [found.prepare], where),
        figure("peak memory of the step", "MiB", [found.whole_mib], where),
    ]
    if found.bare_mib:
        out.append(figure("peak memory of the bare passes", "MiB", [found.bare_mib], where))
        waits = sum(found.waits.values()) / WAIT_STEPS
        out.append(figure("host waits a step", "waits", [waits], {**where, "places": found.waits}))
    return out


def device() -> str:
    """Name of the device that is measured."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu, 1 thread"


def read_setting(options: argparse.Namespace) -> Setting:
    """The command line over the defaults: the published size on CUDA, the CPU profile elsewhere."""
    base = QUICK if options.quick else Setting() if torch.cuda.is_available() else CPU_PROFILE
    given: dict[str, Any] = {
        key: getattr(options, key)
        for key in ("backbone", "head", "width", "size", "batch", "steps", "windows")
        if getattr(options, key) is not None
    }
    precision = {"32": "32", "bf16": "bf16-mixed"}[options.precision]
    setting = replace(
        base, **given, plain=options.plain, precision=precision, compilation=options.compile, tf32=not options.no_tf32
    )
    if setting.compilation != "none":
        setting = replace(setting, warmup=max(setting.warmup, 5))
    return setting


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--backbone", help="a timm name, e.g. resnet50, resnet101, tf_efficientnet_lite0")
    made.add_argument("--head", choices=("deconv", "fpn"))
    made.add_argument("--width", type=int, help="channels of the head")
    made.add_argument("--size", type=int, help="side of the images, pixels")
    made.add_argument("--batch", type=int, help="images of one domain a step")
    made.add_argument("--precision", choices=("32", "bf16"), default="32")
    made.add_argument("--compile", nargs="?", const="default", default="none", choices=get_args(Compilation))
    made.add_argument("--no-tf32", action="store_true", help="CUDA: float32 products in full precision")
    made.add_argument("--num", type=int, dest="windows", help="repeats")
    made.add_argument("--steps", type=int, help="steps of a repeat")
    made.add_argument("--plain", action="store_true", help="every part of the step once a sample, see plain.py")
    made.add_argument("--profile", type=Path, help="write a profiler's tables to this file")
    options = made.parse_args()
    setting = read_setting(options)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(setting, Path(folder), options.profile)
    free()
    publish(record("step", figures(setting, found), quick=options.quick, device=device()), options.out)


if __name__ == "__main__":
    main()

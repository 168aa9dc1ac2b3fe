"""The rows of the table in docs/performance.md: `step.py` at the published size in every precision, on CUDA.

``python benchmarks/gpu_table.py --out gpu.json`` writes the record after every row, so that what was measured stays
when it is stopped. A row that fails, or that would begin after ``--budget`` seconds, is listed as missing with
the reason. Run it alone: in eager mode the time goes to launching kernels, so other work on the cores shows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import Figure, as_text, parser, publish, record
from step import device, figures
from training import Setting, at, free, measure

STRICT = {"precision": "32", "tf32": False}
TF32 = {"precision": "32"}
BF16 = {"precision": "bf16-mixed"}
PARTS = {**BF16, "compilation": "parts", "warmup": 6}
COMPILED = {**BF16, "compilation": "default", "warmup": 6}
GRAPHS = {**BF16, "compilation": "reduce-overhead", "warmup": 6}
NAMES = {"fp32": STRICT, "tf32": TF32, "bf16": BF16, "parts": PARTS, "compile": COMPILED, "graphs": GRAPHS}
ORDER = (
    "50-bf16", "50-parts", "50-compile", "50-graphs", "50-tf32", "101-bf16", "101-parts", "101-tf32", "50-fp32",
    "101-fp32", "101-compile",
)  # fmt: skip
PROFILED = ("50-bf16", "50-compile")
QUICK = {"backbone": "test_efficientnet", "head": "fpn", "width": 16, "size": 64, "batch": 2, "windows": 1, "steps": 1}


def rows(names: list[str], quick: bool) -> dict[str, Setting]:
    """The setting of every row that is asked for."""
    made = {}
    for name in names:
        depth, kind = name.split("-")
        setting = Setting(f"resnet{depth}", windows=4, steps=8, **NAMES[kind])
        made[name] = replace(setting, **QUICK, compilation="none") if quick else setting
    return made


def measure_rows(settings: dict[str, Setting], options: argparse.Namespace) -> dict[str, Any]:
    """Measure one row after the other; the record so far is written after each."""
    start, found, missing = time.monotonic(), list[Figure](), list[dict[str, Any]]()
    kept: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, setting in settings.items():
            spent = time.monotonic() - start
            if spent > options.budget:
                missing.append({"row": name, "at": at(setting), "reason": f"not begun after {spent:.0f} s"})
            else:
                profiles = options.profiles if name in PROFILED else None
                reason = measure_row(name, setting, Path(folder), profiles, found)
                if reason:
                    missing.append({"row": name, "at": at(setting), "reason": reason})
                print(f"{name}: {reason or 'measured'}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            kept = record("gpu_table", found, quick=options.quick, device=device(), missing=missing)
            if options.out is not None:
                options.out.write_text(as_text(kept), encoding="utf-8")
    return kept


def measure_row(name: str, setting: Setting, folder: Path, profiles: Path | None, found: list[Figure]) -> str:
    """Add a row's figures; return why there are none, empty where there are."""
    reason = ""
    try:
        profile = None if profiles is None else profiles / f"profile_{name}.txt"
        found.extend(figures(setting, measure(setting, folder, profile)))
    except Exception as error:  # whatever a row dies of, the table goes on
        traceback.print_exc()
        first = (str(error).splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {first}"[:300]
    free()
    return reason


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--rows", nargs="+", default=list(ORDER), choices=ORDER, help="which rows, in this order")
    made.add_argument("--budget", type=float, default=150.0, help="seconds after which no row begins")
    made.add_argument("--profiles", type=Path, help=f"write profiles of {', '.join(PROFILED)} into this folder")
    options = made.parse_args()
    if options.profiles is not None:
        options.profiles.mkdir(parents=True, exist_ok=True)
    publish(measure_rows(rows(options.rows, options.quick), options), options.out)


if __name__ == "__main__":
    main()

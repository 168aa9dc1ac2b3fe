"""What the benchmarks share: one form of record, timing with repeats, and the command line.

A record is a JSON object: ``benchmark``, ``quick``, ``device``, ``versions``, and ``figures``, a list of objects with
``figure`` (its name), ``unit``, ``value`` (the median), ``spread`` (largest minus least), ``repeats`` and ``at`` (the
settings it was taken at). Where settings could not be measured, ``missing`` lists them, each with its ``reason``.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = ("torch", "numpy", "datasets", "pyarrow", "pillow")


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of its repeats and how far they lie apart."""

    figure: str
    unit: str
    value: float
    spread: float = 0.0
    repeats: int = 1
    at: dict[str, Any] = field(default_factory=dict)


def figure(name: str, unit: str, values: Sequence[float], at: Mapping[str, Any] | None = None) -> Figure:
    """Summarise repeats of one measurement."""
    rounded = [float(f"{v:.4g}") for v in (median(values), max(values) - min(values))]
    return Figure(name, unit, rounded[0], rounded[1], len(values), dict(at or {}))


def cpu_seconds(call: Callable[[], object], repeats: int = 1) -> list[float]:
    """CPU seconds of each of the repeated calls: what one idle core takes, on a machine that is shared too."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return taken


def peak_memory_mib() -> float:
    """Most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def resident_memory_mib() -> float:
    """Memory that this process holds of its own.

    On Linux without mapped files, whose pages the kernel can drop, and without what is free in the allocator.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return peak_memory_mib()
    with contextlib.suppress(AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
    fields = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    return int(fields["RssAnon"].split()[0]) / 1024


def fresh_python(script: str, *args: str) -> dict[str, Any]:
    """The record that a script prints, run by a process of its own with the allocator as the system has it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, script, *args], check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def record(
    benchmark: str,
    figures: Sequence[Figure],
    *,
    quick: bool,
    device: str = "cpu",
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The record of one run, with the versions it ran on.

    Args:
        benchmark: its name.
        figures: what was measured.
        quick: whether it only shows that it works.
        device: what it ran on.
        missing: settings that could not be measured, each with its ``reason``.
    """
    return {
        "benchmark": benchmark,
        "quick": quick,
        "device": f"{device}, {os.cpu_count()} cores, {platform.machine()}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "figures": [asdict(f) for f in figures],
        **({"missing": [dict(m) for m in missing]} if missing else {}),
    }


def parser(description: str) -> argparse.ArgumentParser:
    """A command line with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("--quick", action="store_true", help="a small run that only shows that it works")
    made.add_argument("--out", type=Path, default=None, help="write the record to this file too")
    return made


def publish(found: Mapping[str, Any], out: Path | None) -> None:
    """Print a record, and write it where asked."""
    text = as_text(found)
    sys.stdout.write(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")


def as_text(found: Mapping[str, Any]) -> str:
    """A record as JSON."""
    return json.dumps(found, indent=1) + "\n"

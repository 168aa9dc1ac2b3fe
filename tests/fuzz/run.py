"""Fuzzing of one target, or of all, with atheris (libFuzzer): ``python tests/fuzz/run.py [TARGET...] --seconds 60``.

Each target runs in a process of its own, since a crash of a C library ends it. What it finds lies in ``--out``; mend
it, and put the file into ``tests/fuzz/found/TARGET--WHAT``, where every test run tries it again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


def fuzz_one(name: str, seconds: int, out: Path) -> None:
    """Fuzz in this process; libFuzzer ends it."""
    import atheris

    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["actupose"]):
        from fuzz.targets import TARGETS
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    file = TARGETS[name].make(folder)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "whole").write_bytes(file.read_bytes())
    options = [
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
        f"-artifact_prefix={out}/{name.replace(' ', '_')}--",
    ]
    options += ["-rss_limit_mb=4096", "-timeout=60", "-max_len=200000"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: TARGETS[name].attempt(file, data))
    atheris.Fuzz()


def run(name: str, seconds: int, out: Path) -> dict[str, Any]:
    """Fuzz in a child process and say what came of it."""
    command = [sys.executable, __file__, name, "--seconds", str(seconds), "--out", str(out), "--here"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 300)
    cases = re.findall(r"stat::number_of_executed_units: *(\d+)", done.stderr) or re.findall(
        r"^#(\d+)", done.stderr, re.M
    )
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return {
        "target": name,
        "cases": int(cases[-1]) if cases else 0,
        "seconds": seconds,
        "failed": bool(done.returncode),
    }


def main() -> int:
    """Fuzz and print a record; 1 = something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="names of `TARGETS`; all without one")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--out", type=Path, default=Path("fuzz"), help="folder of what is found")
    parser.add_argument("--record", type=Path, default=None, help="add the counts to this file")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.here:
        fuzz_one(options.targets[0], options.seconds, options.out)
        return 0
    sys.path.insert(0, str(TESTS))
    from fuzz.targets import TARGETS

    found = []
    for name in options.targets or TARGETS:
        found.append(run(name, options.seconds, options.out))
        print(json.dumps(found[-1]), flush=True)
    if options.record is not None:
        add_to(options.record, found)
    return int(any(result["failed"] for result in found))


def add_to(file: Path, results: list[dict[str, Any]]) -> None:
    """Add cases and seconds of targets that nothing was found in to a record's table."""
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"table": []}
    rows = {row["target"]: row for row in record["table"]}
    for result in (r for r in results if not r["failed"]):
        row = rows.setdefault(result["target"], {"target": result["target"], "cases": 0, "seconds": 0})
        row["cases"] += result["cases"]
        row["seconds"] += result["seconds"]
    table = sorted(rows.values(), key=lambda row: row["target"])
    record |= {"command": "python tests/fuzz/run.py --record FILE", "cores": os.cpu_count()}
    record |= {"python": platform.python_version(), "atheris": version("atheris"), "table": table}
    record |= {"cases": sum(row["cases"] for row in table), "targets": len(table)}
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

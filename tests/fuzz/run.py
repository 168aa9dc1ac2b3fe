"""Fuzzing of some targets, or of all, with atheris (libFuzzer): ``python tests/fuzz/run.py [TARGET...] --seconds 60``.

Each target runs in a process of its own, since a crash of a C library ends it. What it finds lies in ``--out``; mend
it, and put the file into ``tests/fuzz/found/TARGET--WHAT``, where every test run tries it again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
with atheris.instrument_imports(include=["actupose"]):
    from fuzz.targets import TARGETS


def fuzz_here(name: str, seconds: int, out: Path) -> None:
    """Fuzz in this process, which libFuzzer ends."""
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    file = TARGETS[name].make(folder)
    (folder / "corpus").mkdir()
    (folder / "corpus" / "whole").write_bytes(file.read_bytes())
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={out}/{name.replace(' ', '_')}--"]
    options += ["-print_final_stats=1", "-rss_limit_mb=4096", "-timeout=60", "-max_len=200000"]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], lambda data: TARGETS[name].attempt(file, data))
    atheris.Fuzz()


def fuzz(name: str, seconds: int, out: Path) -> dict[str, Any]:
    """Fuzz in a forked process and say what came of it."""
    log = out / f"{name.replace(' ', '_')}.log"
    child = os.fork()
    if child == 0:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
        fuzz_here(name, seconds, out)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = log.read_text(encoding="utf-8", errors="replace")
    cases = re.findall(r"stat::number_of_executed_units: *(\d+)", said)
    if code:
        print(said[-3000:], file=sys.stderr)
    return {"target": name, "cases": int(cases[-1]) if cases else 0, "seconds": seconds, "failed": code != 0}


def add_to(file: Path, results: list[dict[str, Any]]) -> None:
    """Add cases and seconds of targets that nothing was found in to a record's table."""
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"table": []}
    rows = {row["target"]: row for row in record["table"]}
    for result in (r for r in results if not r["failed"]):
        row = rows.setdefault(result["target"], {"target": result["target"], "cases": 0, "seconds": 0})
        row["cases"] += result["cases"]
        row["seconds"] += result["seconds"]
    table = sorted(rows.values(), key=lambda row: str(row["target"]))
    record |= {"command": "python tests/fuzz/run.py --record FILE", "cores": os.cpu_count()}
    record |= {"python": platform.python_version(), "atheris": version("atheris"), "table": table}
    record |= {"cases": sum(row["cases"] for row in table), "targets": len(table)}
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Fuzz, one line a target; 1 = something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="names of `TARGETS`; all without one")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--out", type=Path, default=Path("fuzz"), help="folder of what is found")
    parser.add_argument("--record", type=Path, default=None, help="add the counts to this file")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in options.targets or TARGETS:
        result = fuzz(name, options.seconds, options.out)
        print(json.dumps(result), flush=True)
        failed |= result["failed"]
        if options.record is not None:
            add_to(options.record, [result])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

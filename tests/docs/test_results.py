"""Every row of numbers in docs/results.md is what the run record beside it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actupose.report.table import scores_table
from actupose.skeletons import load_skeleton

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = [
    ("synth_lspet_cpu/source_only", "student", "source-only"),
    ("synth_lspet_cpu/regda", "student", "RegDA"),
    ("synth_lspet_cpu/hkfa", "student", "HKFA"),
    ("synth_lspet_cpu/udape", "student", "UDAPE (student)"),
    ("synth_lspet_cpu/udape", "teacher", "UDAPE (teacher)"),
    ("synth_lspet_cpu/vae_hm", "student", "UDAPE + VAE-HM (student)"),
    ("synth_lspet_cpu/vae_hm", "teacher", "UDAPE + VAE-HM (teacher)"),
    ("synth_lspet_cpu/actupose", "student", "ACTUPose (student)"),
    ("synth_lspet_cpu/actupose", "teacher", "ACTUPose (teacher)"),
    ("synth_lspet_cpu/oracle", "student", "oracle"),
    ("synth_lspet_cpu_before/source_only", "student", "source-only"),
    ("synth_lspet_cpu_before/actupose", "student", "ACTUPose (student)"),
    ("synth_lspet_cpu_before/actupose", "teacher", "ACTUPose (teacher)"),
    ("synth_lspet_cpu_before/actupose_short", "student", "ACTUPose, gentle (student)"),
    ("synth_lspet_cpu_before/actupose_short", "teacher", "ACTUPose, gentle (teacher)"),
    ("synth_lspet_cpu_before/oracle", "student", "oracle"),
    ("demo_looks/source_only", "student", "source-only"),
    ("demo_looks/actupose", "teacher", "ACTUPose"),
    ("demo_looks/actupose_short", "teacher", "ACTUPose, short adaptation"),
    ("demo/source_only", "student", "source-only"),
    ("demo/actupose", "teacher", "ACTUPose"),
]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


@pytest.mark.parametrize(("run", "net", "name"), ROWS)
def test_rows_are_what_the_records_say(run: str, net: str, name: str) -> None:
    kept = json.loads((DOCS / "results" / run / "scores.json").read_text(encoding="utf-8"))
    groups = list(load_skeleton("body16").groups)
    wanted = cells(scores_table({name: kept["scores"]}, groups, {name: net}).splitlines()[-1])
    printed = [cells(line) for line in (DOCS / "results.md").read_text(encoding="utf-8").splitlines()]
    rows = [line for line in printed if line[: len(wanted)] == wanted]
    assert rows, wanted
    times = {"", f"{kept['train_seconds']:.0f}"} if "train_seconds" in kept else {""}
    assert all(set(row[len(wanted) :]) <= times for row in rows), "the column of seconds"


def test_no_row_is_without_a_record() -> None:
    text = re.sub(r"<!-- table: .*? -->\n\n(\|.*\n)+", "", (DOCS / "results.md").read_text(encoding="utf-8"))
    rows = [cells(line)[0] for line in text.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not row.startswith(("PCK", "---"))]
    assert sorted(rows) == sorted(name for _, _, name in ROWS)


def test_the_boxes_table_is_what_its_runs_say() -> None:
    folder = DOCS / "results" / "box8"
    rows = json.loads((folder / "table.json").read_text(encoding="utf-8"))["table"]
    ours, plain = (json.loads((folder / m / "scores.json").read_text("utf-8")) for m in ("actupose", "source_only"))
    parts = ((plain, "student"), (ours["label_free"], ours["label_free"]["headline"]), (ours, "teacher"))
    for row, (part, net) in zip(rows, parts, strict=True):
        assert {k: row[k] for k in ("Front", "Back", "All")} == {
            k: round(part["scores"][f"{net}/pck/{k}"], 1) for k in ("Front", "Back", "All")
        }


@pytest.mark.parametrize(("key", "score"), [("pck", "pck/All"), ("evalpose", "evalpose")])
def test_the_tables_of_few_labels_are_what_their_runs_say(key: str, score: str) -> None:
    folder = DOCS / "results" / "few_labels"
    rows = json.loads((folder / "table.json").read_text(encoding="utf-8"))[key]
    runs = {"source-only": "source_only", "the labels alone": "labels_alone", "ACTUPose": "actupose"}
    checked = 0
    for row in rows:
        for name, run in runs.items():
            if row[name] == "":
                continue
            file = folder / f"{run}_{row['labelled photographs']}" / "scores.json"
            kept = json.loads(file.read_text(encoding="utf-8"))
            assert row[name] == round(kept["scores"][f"{kept['headline']}/{score}"], 1)
            checked += 1
    assert checked == len([f for f in folder.iterdir() if f.is_dir()])


STUDIES = sorted(
    file for file in (DOCS / "results").glob("*/table.json") if "runs" in json.loads(file.read_text("utf-8"))
)


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.parent.name)
def test_a_studys_table_is_what_its_runs_say(file: Path) -> None:
    told = json.loads(file.read_text(encoding="utf-8"))
    assert {row["PCK@0.05"] for row in told["table"]} == set(told["runs"])
    for row in told["table"]:
        kept = json.loads((file.parent / told["runs"][row["PCK@0.05"]] / "scores.json").read_text(encoding="utf-8"))
        net = told.get("nets", {}).get(row["PCK@0.05"], kept["headline"])
        scores = {name.removeprefix(f"{net}/"): value for name, value in kept["scores"].items()}
        groups = {key: scores[f"pck/{key}"] for key in row if f"pck/{key}" in scores}
        assert len(groups) == len(load_skeleton("body16").groups)
        for key, value in {**groups, "EvalPose": scores["evalpose"]}.items():
            assert row[key] == round(value, 1), (row, key)
        key, told_of = next(((k, str(v)) for k, v in row.items() if k.startswith("against ")), ("", ""))
        if told_of:
            _, comma, seed = row["PCK@0.05"].partition(", seed")
            names = [f"{key.removeprefix('against ')}{comma}{seed}{net}" for net in ("", " (teacher)")]
            other = next(line for line in told["table"] if line["PCK@0.05"] in names)
            assert float(told_of.split()[0]) == pytest.approx(row["All"] - other["All"], abs=0.11), row


def rewritten(script: str, record: Path, runs: list[str], out: Path) -> None:
    """Have a benchmark write its record anew from the committed runs; its table must be the committed one."""
    told = json.loads(record.read_text(encoding="utf-8"))
    command = [sys.executable, str(DOCS.parent / "benchmarks" / script), *runs, "--out", str(out)]
    subprocess.run(command, cwd=DOCS / "results", capture_output=True, text=True, check=True)
    new = json.loads(out.read_text(encoding="utf-8"))
    assert [list(row.items()) for row in new["table"]] == [list(row.items()) for row in told["table"]]
    assert new["runs"] == told["runs"]


def test_the_calibration_on_the_target_is_what_the_runs_say(tmp_path: Path) -> None:
    record = DOCS / "results" / "label_free" / "ece.json"
    runs = [f"{name}={run}" for name, run in json.loads(record.read_text(encoding="utf-8"))["runs"].items()]
    rewritten("calibration.py", record, runs, tmp_path / "ece.json")


def test_the_study_of_validators_is_what_its_runs_say(tmp_path: Path) -> None:
    record = DOCS / "results" / "label_free" / "validators.json"
    rewritten("validators.py", record, json.loads(record.read_text("utf-8"))["runs"], tmp_path / "validators.json")

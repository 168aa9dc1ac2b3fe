"""Every row of numbers in docs/results.md is what the run record beside it says."""

import json
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
    lines = (DOCS / "results.md").read_text(encoding="utf-8").splitlines()
    rows = [cells(line)[0] for line in lines if line.startswith("|") and not line.startswith(("| PCK", "| ---"))]
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

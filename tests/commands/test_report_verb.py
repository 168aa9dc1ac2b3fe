"""`actupose report`: what it says of runs, the figures, and folders it cannot use."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from actupose.cli import main
from actupose.report.runs import read_runs
from actupose.skeletons import load_skeleton
from commands.conftest import TinyRun


def write_run(folder: Path, config: str = "seed_everything: 3\n", **result: Any) -> Path:
    """A finished run of one network without bins."""
    folder.mkdir(parents=True)
    scores = {"student/pck/All": 12.34, "student/pck/Elb": math.nan, "student/pck_regda/All": 11.0}
    held = {"method": "SourceOnly", "headline": "student", "scores": scores, "epochs": 4, "train_seconds": 61.6}
    held |= {"num_test": 500, "num_keypoints_scored": 6000}
    record = {"command": "actupose fit --config a.yaml", "python": "3.11.9", "machine": "x86_64, 2 cores", "git": None}
    record |= {"packages": {"torch": "2.11.0"}, "fingerprints": {"source": "aaaa1111", "target_test": "bbbb2222"}}
    (folder / "scores.json").write_text(json.dumps(held | result), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    return folder


def table(text: str, heading: str) -> dict[str, dict[str, str]]:
    """The first table after a heading: first column -> column -> cell."""
    paragraphs = text.split(heading, 1)[1].split("\n\n")
    lines = next(p for p in paragraphs if p.startswith("|")).splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def failed(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """The one line on standard error of a call that must end with code 2."""
    assert main(["report", *map(str, args)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_scores_facts_and_what_repeats_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(write_run(tmp_path / "source_only"))]) == 0
    text = capsys.readouterr().out
    scores = table(text, "# Results")["**source_only**"]
    assert scores == {"Elb": "-", "All": "12.3", "All (regda)": "11.0", "EvalPose": "-"}
    assert table(text, "## Runs")["source_only"] == {
        "method": "SourceOnly",
        "seed": "3",
        "epochs": "4",
        "train seconds": "62",
        "test images": "500",
        "joints scored": "6000",
        "source fingerprint": "aaaa1111",
        "target fingerprint": "-",
        "target_test fingerprint": "bbbb2222",
    }
    for line in (
        "- command: `actupose fit --config a.yaml`",
        "- machine: x86_64, 2 cores, Python 3.11.9",
        "- packages: torch 2.11.0",
    ):
        assert line in text
    assert re.search(r"- configuration: `.*source_only/config\.yaml`", text)


def test_a_real_run_beside_a_written_one(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "docs" / "results.md"
    figures = tmp_path / "docs" / "img"
    runs = [str(write_run(tmp_path / "other")), str(tiny_run.folder)]
    assert main(["report", *runs, "--out", str(out), "--figures", str(figures)]) == 0
    assert "report of 2 runs, 7 figures" in capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    held = json.loads((tiny_run.folder / "scores.json").read_text(encoding="utf-8"))
    rows = table(text, "# Results")
    assert list(rows) == ["**other**", "run (student)", "**run (teacher)**"]
    for row, net in (("run (student)", "student"), ("**run (teacher)**", "teacher")):
        assert rows[row]["All"] == f"{held['scores'][f'{net}/pck/All']:.1f}"
        assert rows[row]["Knee"] == f"{held['scores'][f'{net}/pck/Knee']:.1f}"
    facts = table(text, "## Runs")["run"]
    prints = json.loads((tiny_run.folder / "run.json").read_text(encoding="utf-8"))["fingerprints"]
    assert facts["target_test fingerprint"] == prints["target_test"]
    assert (facts["seed"], facts["epochs"], facts["test images"]) == ("7", "2", "24")
    assert "backbone test_efficientnet, weights random, head fpn, image size 32, batch 4, steps an epoch 2" in text
    linked = re.findall(r"!\[.*?\]\((.*?)\)", text)
    names = ["cases_hardest", "run_complexity", "bins", "run_curriculum", "run_losses", "run_moves", "validators"]
    assert linked == [f"img/{name}.png" for name in names]
    for link in linked:
        with Image.open(out.parent / link) as image:
            assert min(image.size) > 300


def test_labels_are_as_short_as_tells_runs_apart(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / seed / "actupose") for seed in ("seed0", "seed1")]
    assert [run.label for run in read_runs(folders)] == ["seed0/actupose", "seed1/actupose"]
    assert [run.label for run in read_runs([folders[0], write_run(tmp_path / "udape")])] == ["actupose", "udape"]


def test_a_named_run_is_called_so_everywhere(tiny_run: TinyRun, tmp_path: Path) -> None:
    out, figures = tmp_path / "r.md", tmp_path / "figures"
    named = f"UDAPE + VAE-HM, 1/2={tiny_run.folder}"
    assert main(["report", named, "--out", str(out), "--figures", str(figures)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "UDAPE + VAE-HM, 1/2 (student)" in table(text, "# Results")
    assert (figures / "UDAPE_VAE-HM_1_2_losses.png").is_file()
    assert "](figures/UDAPE_VAE-HM_1_2_losses.png)" in text


def test_groups_come_in_the_skeletons_order(tiny_run: TinyRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tiny_run.folder)]) == 0
    columns = list(table(capsys.readouterr().out, "# Results")["run (student)"])
    assert columns == ["Sld", "Elb", "Wrist", "Hip", "Knee", "Ankle", "All", "All (regda)", "EvalPose"]


def test_an_earlier_report_is_replaced_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out, figures = write_run(tmp_path / "run"), tmp_path / "r.md", tmp_path / "figures"
    out.write_text("mine", encoding="utf-8")
    assert "r.md: exists already" in failed(capsys, run, "--out", out)
    assert out.read_text(encoding="utf-8") == "mine"
    assert main(["report", str(run), "--out", str(out), "--overwrite", "true"]) == 0
    assert "# Results" in out.read_text(encoding="utf-8")
    figures.mkdir()
    (figures / "mine.png").write_bytes(b"")
    assert "figures: holds files" in failed(capsys, run, "--figures", figures)
    assert "r.md: is a file" in failed(capsys, run, "--figures", out)
    assert "exists already" in failed(capsys, run, "--out", figures, "--overwrite", "true")
    assert "cannot write" in failed(capsys, run, "--out", out / "deep.md")


def test_folders_that_are_no_finished_run_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.md"
    good = write_run(tmp_path / "good")
    assert "gone: no such run folder" in failed(capsys, good, tmp_path / "gone", "--out", out)
    assert "named twice" in failed(capsys, good, os.path.relpath(good), "--out", out)
    (tmp_path / "empty").mkdir()
    assert "empty: has no run.json" in failed(capsys, tmp_path / "empty", "--out", out)
    unfinished = write_run(tmp_path / "unfinished")
    (unfinished / "scores.json").unlink()
    assert "unfinished: has no scores.json" in failed(capsys, unfinished, "--out", out)
    for name, file, text in (("a", "run.json", "{"), ("b", "scores.json", "[]"), ("c", "config.yaml", "a: [")):
        broken = write_run(tmp_path / name)
        (broken / file).write_text(text, encoding="utf-8")
        assert f"{name}: its scores.json, run.json or config.yaml is broken" in failed(capsys, broken, "--out", out)
    assert "lacks something" in failed(capsys, write_run(tmp_path / "d", headline="teacher"), "--out", out)
    assert not out.exists()


def test_a_page_is_refused_and_replaced_like_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, page = write_run(tmp_path / "run"), tmp_path / "r.html"
    assert main(["report", str(run), "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}: page of 1 run\n"
    assert set(tmp_path.iterdir()) == {page, run}
    assert "r.html: exists already; name another --html" in failed(capsys, run, "--html", page)
    assert main(["report", str(run), "--html", str(page), "--overwrite", "true"]) == 0
    assert "cannot write" in failed(capsys, run, "--html", page / "deep.html")


def test_every_figure_stands_beside_the_page_in_three_kinds(tiny_run: TinyRun, tmp_path: Path) -> None:
    page, figures = tmp_path / "r.html", tmp_path / "figures"
    assert main(["report", str(tiny_run.folder), "--html", str(page), "--figures", str(figures)]) == 0
    names = {file.stem for file in figures.iterdir()}
    assert {"bins", "run_curriculum", "run_losses"} <= names
    assert {f.name for f in figures.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg", "csv")}
    logged = [json.loads(line) for line in (tiny_run.folder / "curriculum.jsonl").read_text("utf-8").splitlines()]
    with (figures / "run_curriculum.csv").open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert [float(row["drawn"]) for row in told] == [count for line in logged for count in line["drawn"]]
    assert [int(row["epoch"]) for row in told] == [1] * 4 + [2] * 4


def test_a_study_of_a_real_run_and_one_that_is_always_right(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its difference to a network that is always right is what it misses."""
    right = tmp_path / "right"
    right.mkdir()
    for name in ("run.json", "config.yaml"):
        (right / name).write_bytes((tiny_run.folder / name).read_bytes())
    held = dict(np.load(tiny_run.folder / "predictions.npz"))
    np.savez(right / "predictions.npz", **{**held, "points": held["truth"]})
    scores = {f"student/pck/{group}": 100.0 for group in load_skeleton("lsp14").groups}
    (right / "scores.json").write_text(json.dumps({"headline": "student", "scores": scores}), encoding="utf-8")
    out = tmp_path / "new" / "study.json"
    args = ["report", f"perfect={right}", f"ACTUPose={tiny_run.folder}", "--study", str(out)]
    assert main(args) == 0
    assert "| ACTUPose (teacher)" in capsys.readouterr().out
    told = json.loads(out.read_text("utf-8"))
    kept = json.loads((tiny_run.folder / "scores.json").read_text("utf-8"))["scores"]
    assert told["differences"]["ACTUPose (teacher)"]["points"] == pytest.approx(kept["teacher/pck/All"] - 100, abs=0.01)
    assert main(args) == 2
    assert "study.json: exists already; name another --study" in capsys.readouterr().err
    assert main([*args, "--against", "ACTUPose", "--nets", "headline", "--overwrite", "true"]) == 0
    assert list(json.loads(out.read_text("utf-8"))["differences"]) == ["perfect"]

"""The table of a study of run folders written by hand; tests/commands makes one of a real run."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from actupose.cli import main
from actupose.engine.trials import SuiteFolder, Trial
from actupose.errors import UserError
from actupose.report.cases import case_scores, read_predictions
from actupose.report.runs import FinishedRun, read_runs
from actupose.report.study import difference, study_table, write_study, write_suite_studies
from actupose.report.suite import Cell
from actupose.skeletons import load_skeleton

LSP = load_skeleton("lsp14")
SIZE, PHOTOGRAPHS = 100, 60
TRUTH = np.random.default_rng(0).uniform(20, 80, (PHOTOGRAPHS, LSP.num_keypoints, 2))
VISIBLE = (np.random.default_rng(1).random((PHOTOGRAPHS, LSP.num_keypoints)) < 0.8).astype(np.uint8)


def write_run(
    folder: Path, wrong: float, *, seed: int = 0, prefix: str = "", nets: tuple[str, ...] = ("student",)
) -> Path:
    """A finished run whose last network misses this share of the joints by a tenth of the side."""
    folder.mkdir(parents=True)
    missed = np.random.default_rng(100 + seed).random(TRUTH.shape[:2]) < wrong
    points = TRUTH + 10.0 * missed[..., None] * [1, 0]
    name = np.array([f"{prefix}{i}" for i in range(PHOTOGRAPHS)])
    np.savez(folder / "predictions.npz", name=name, points=points, truth=TRUTH, visible=VISIBLE, size=SIZE)
    scores = {f"{net}/pck/{group}": 10.0 for net in nets for group in LSP.groups}
    found = case_scores(read_predictions(folder / "predictions.npz"), LSP)
    scores |= {f"{nets[-1]}/pck/All": 100 * found.right.sum() / found.scored.sum(), f"{nets[-1]}/evalpose": 20.04}
    (folder / "scores.json").write_text(json.dumps({"headline": nets[-1], "scores": scores}), encoding="utf-8")
    (folder / "run.json").write_text("{}", encoding="utf-8")
    config = {"seed_everything": seed, "data": {"skeleton": "lsp14"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def pck(run: FinishedRun) -> float:
    return run.scores[f"{run.headline}/pck/All"]


def test_the_difference_is_that_of_the_scores_and_its_error_that_of_the_photographs(tmp_path: Path) -> None:
    base, run = read_runs([write_run(tmp_path / "base", 0.5, seed=1), write_run(tmp_path / "run", 0.3, seed=2)])
    found = difference(base, run)
    assert found.value == pytest.approx(pck(run) - pck(base))
    assert found.images == PHOTOGRAPHS
    parts = [case_scores(read_predictions(r.folder.predictions), LSP) for r in (base, run)]
    gain, scored = parts[1].right - parts[0].right, parts[0].scored
    delta = (gain - found.value / 100 * scored).std() / math.sqrt(PHOTOGRAPHS) / scored.mean()
    assert found.error == pytest.approx(100 * delta, rel=0.1)
    assert difference(run, run).error == 0.0


def test_three_files_say_the_same(tmp_path: Path) -> None:
    nets = ("student", "teacher")
    folders = [write_run(tmp_path / "a", 0.5), write_run(tmp_path / "b", 0.2, seed=1, nets=nets)]
    told = study_table(read_runs(folders, ["source-only", "UDAPE + x"]), "source-only")
    rows = {row["PCK@0.05"]: row for row in told["table"]}
    assert list(rows) == ["source-only", "UDAPE + x (student)", "UDAPE + x (teacher)"]
    assert list(rows["source-only"]) == ["PCK@0.05", *LSP.groups, "EvalPose", "against source-only"]
    compared = {name for name, row in rows.items() if row["against source-only"]}
    assert compared == set(told["differences"]) == {"UDAPE + x (teacher)"}
    exact = told["differences"]["UDAPE + x (teacher)"]
    assert rows["UDAPE + x (teacher)"]["against source-only"] == f"{exact['points']:+.1f} ± {exact['error']:.1f}"
    assert rows["UDAPE + x (student)"]["EvalPose"] == ""
    assert rows["UDAPE + x (teacher)"]["EvalPose"] == 20.0
    text = write_study(told, tmp_path / "t.json")
    held = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert held["table"] == told["table"]
    assert held["runs"] == {"source-only": "a", "UDAPE + x (student)": "b", "UDAPE + x (teacher)": "b"}
    assert (tmp_path / "t.md").read_text("utf-8") == text
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in row.items()} for row in told["table"]]
    only = study_table(read_runs(folders), "a", headline_only=True)
    assert [row["PCK@0.05"] for row in only["table"]] == ["a", "b"]


def test_a_seed_is_compared_with_the_other_lines_run_of_that_seed(tmp_path: Path) -> None:
    parts = [("base", 0.5, 0), ("base", 0.4, 1), ("mine", 0.3, 0), ("mine", 0.2, 1)]
    folders = [write_run(tmp_path / f"{name}{seed}", wrong, seed=seed) for name, wrong, seed in parts]
    runs = read_runs(folders, [name for name, _, _ in parts])
    told = study_table(runs, "base")
    assert [row["PCK@0.05"] for row in told["table"]] == ["base", "base, seed 1", "mine", "mine, seed 1"]
    for row, other in (("mine", 0), ("mine, seed 1", 1)):
        assert told["differences"][row]["points"] == pytest.approx(pck(runs[other + 2]) - pck(runs[other]))
    with pytest.raises(UserError, match="two runs of one seed are called 'x'"):
        read_runs([folders[0], folders[2]], ["x", "x"])


def test_a_suites_finished_runs_make_a_table_a_task(tmp_path: Path) -> None:
    folder, cells = SuiteFolder(tmp_path), []
    for row, wrong in (("base", 0.5), ("mine", 0.3), ("never done", 0.0)):
        trials = {seed: Trial.of("looks", row.replace(" ", "_"), seed, f"seed_everything: {seed}") for seed in (0, 1)}
        cells.append(Cell("looks", row, None, "lsp14", trials))
        if wrong:
            [write_run(folder.run(trial.name).path, wrong, seed=seed) for seed, trial in trials.items()]
    cells.append(Cell("looks", "mine again", None, "lsp14", cells[1].trials))
    text = write_suite_studies(cells, folder, "base", "s")
    told = json.loads((tmp_path / "s_looks_against.json").read_text("utf-8"))
    wanted = ["mine", "mine, seed 1", "mine again", "mine again, seed 1"]
    assert list(told["differences"]) == wanted
    assert told["runs"]["mine, seed 1"] == f"runs/{cells[1].trials[1].name}"
    assert "| mine again, seed 1 " in text
    assert write_suite_studies(cells, folder, "never done", "other") == ""
    assert not list(tmp_path.glob("other*"))


def test_what_cannot_be_compared_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", 0.5)
    other, elsewhere, bare, stale = (tmp_path / name for name in ("other", "elsewhere", "bare", "stale"))
    write_run(other, 0.3, seed=1)
    write_run(elsewhere, 0.3, seed=1, prefix="x")
    (write_run(bare, 0.3, seed=1) / "predictions.npz").unlink()
    (write_run(stale, 0.3, seed=1) / "predictions.npz").write_bytes((base / "predictions.npz").read_bytes())
    moved = write_run(tmp_path / "moved", 0.3, seed=1)
    held = dict(np.load(moved / "predictions.npz"))
    np.savez(moved / "predictions.npz", **{**held, "truth": held["truth"] + 1, "points": held["points"] + 1})
    out = tmp_path / "out" / "t.json"
    for run, said in (
        (elsewhere, "elsewhere were not scored on the same photographs and labels"),
        (moved, "moved were not scored on the same photographs and labels"),
        (bare, "bare/predictions.npz: is missing; run `actupose test` on the run"),
        (stale, "stale/predictions.npz: gives"),
        (f"=={other}", "no such run folder"),
    ):
        assert main(["report", str(base), str(run), "--study", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    for extra, said in (
        (["--study", str(out), "--against", "bse"], "there is no run 'bse' (did you mean 'base'?)"),
        (["--study", str(tmp_path / "t.md")], "t.md: a study's table is a .json file"),
        (["--against", "base"], "name its file with --study"),
    ):
        assert main(["report", str(base), str(other), *extra]) == 2
        assert said in capsys.readouterr().err
    assert not out.parent.exists()

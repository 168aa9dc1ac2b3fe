"""Sweeps found among runs: equal but for one setting and the seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from actupose.report.ablations import find_sweeps, mean_and_error, write_ablations
from actupose.report.html import report_html
from actupose.report.run_figures import MOST_SINGLE, write_run_figures
from actupose.report.runs import FinishedRun, read_runs


def run(root: Path, pck: float, seed: int = 0, method: str = "ACTUPose", **data: Any) -> Path:
    """A finished run with settings of its data."""
    root.mkdir(parents=True)
    config = {
        "seed_everything": seed,
        "out": str(root),
        "trainer": {"max_epochs": 14},
        "data": {"seed": seed, "curriculum": {"n_bins": 25, "pace": 2.0} | data, "loader": {"cache": str(seed)}},
        "model": {"class_path": f"actupose.methods.{method}", "init_args": {"seed": seed}},
    }
    (root / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    result = {"method": method, "headline": "student", "scores": {"student/pck/All": pck}}
    (root / "scores.json").write_text(json.dumps(result), encoding="utf-8")
    (root / "run.json").write_text("{}", encoding="utf-8")
    return root


@pytest.fixture
def runs(tmp_path: Path) -> list[FinishedRun]:
    made = [
        run(tmp_path / "base0", 30.0),
        run(tmp_path / "base1", 34.0, seed=1),
        run(tmp_path / "bins100", 25.0, n_bins=100),
        run(tmp_path / "bins5", 20.0, n_bins=5),
        run(tmp_path / "pace", 31.0, pace=0.5),
        run(tmp_path / "other", 10.0, method="UDAPE"),
        run(tmp_path / "two", 40.0, pace=4.0, n_bins=7),  # differs in two settings: in no sweep
    ]
    return read_runs(made)


def test_runs_that_differ_in_one_setting_are_a_sweep(runs: list[FinishedRun]) -> None:
    bins, pace = find_sweeps(runs)
    assert (bins.key, bins.label) == ("data.curriculum.n_bins", "ACTUPose")
    assert bins.points == {"5": [20.0], "25": [30.0, 34.0], "100": [25.0]}
    assert (pace.key, pace.points) == ("data.curriculum.pace", {"0.5": [31.0], "2": [30.0, 34.0]})
    assert list(bins.points) == ["5", "25", "100"]


def test_seeds_alone_are_no_sweep(runs: list[FinishedRun]) -> None:
    assert find_sweeps(runs[:2]) == []
    assert find_sweeps([runs[0], runs[5]]) == []
    assert list(write_ablations(runs[:2], Path("unused"))) == []


def test_the_figure_and_its_numbers(runs: list[FinishedRun], tmp_path: Path) -> None:
    (figure,) = write_ablations(runs, tmp_path / "out")
    assert all(file.stat().st_size > 1000 for file in (figure.png, figure.svg))
    lines = figure.csv.read_text("utf-8").splitlines()
    assert lines[0] == "setting,method,value,runs,mean,error"
    assert "data.curriculum.n_bins,ACTUPose,25,2,32.0,2.0" in lines
    assert "data.curriculum.n_bins, data.curriculum.pace" in figure.alt


def test_the_error_is_that_of_the_mean() -> None:
    mean, error = mean_and_error([1.0, 3.0, 5.0])
    assert (mean, error) == (3.0, pytest.approx(2 / 3**0.5))


def test_a_sweep_over_bins_has_a_figure_for_each_number_of_them(tmp_path: Path) -> None:
    made = []
    for count in (3, 4):
        folder = run(tmp_path / f"bins{count}", 20.0, n_bins=count)
        result = json.loads((folder / "scores.json").read_text("utf-8"))
        result["scores"] |= {f"student/bin/{i:02d}": 10.0 + i for i in range(count)}
        (folder / "scores.json").write_text(json.dumps(result), encoding="utf-8")
        made.append(folder)
    figures = write_run_figures(read_runs(made), tmp_path / "out")
    assert [figure.png.name for figure in figures] == ["ablations.png", "bins_3.png", "bins_4.png"]


def test_of_many_runs_only_comparisons_are_drawn(tmp_path: Path) -> None:
    made = [run(tmp_path / str(i), float(i), n_bins=i) for i in range(1, MOST_SINGLE + 2)]
    for folder in made:
        (folder / "metrics.csv").write_text("epoch,train/loss\n0,1\n1,0.5\n", encoding="utf-8")
    runs = read_runs(made)
    kinds = [
        {figure.kind for figure in write_run_figures(some, tmp_path / str(len(some)))} for some in (runs, runs[:2])
    ]
    assert kinds == [{"ablations"}, {"ablations", "losses"}]
    assert f"Left out for more than {MOST_SINGLE} runs" in report_html(runs, [])

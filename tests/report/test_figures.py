"""Figures: what is drawn equals the run's logs, and broken logs are named."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from actupose.errors import UserError
from actupose.report.figures import bins_figure, choose_epochs, curriculum_figure, losses_figure, read_metrics


def log_line(epoch: int, peak: int, bins: int = 6, samples: int = 60) -> dict[str, Any]:
    share = np.exp(-0.5 * (np.arange(bins) - peak) ** 2)
    planned = samples * share / share.sum()
    return {
        "epoch": float(epoch),
        "peak_bin": float(peak),
        "unique_share": 0.5,
        "planned": planned.tolist(),
        "drawn": np.round(planned).tolist(),
    }


def write_log(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def all_axes(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.get_axes() if axes.get_label() != "<colorbar>"]


def bar_heights(axes: Axes) -> list[float]:
    return [patch.get_height() for patch in axes.patches]  # type: ignore[attr-defined]


def is_picture(path: Path, least_colours: int = 20) -> bool:
    with Image.open(path) as image:
        colours = image.convert("RGB").getcolors(1 << 24)
    return colours is not None and len(colours) >= least_colours


def test_curriculum_panels_hold_the_epochs_plan_and_draw(tmp_path: Path) -> None:
    lines = [log_line(e, min(2 * e, 5)) for e in range(6)]
    figure = curriculum_figure(write_log(tmp_path / "c.jsonl", lines), tmp_path / "deep" / "c.png")
    assert is_picture(tmp_path / "deep" / "c.png")
    *panels, heat = [axes for axes in all_axes(figure) if axes.patches or axes.images]
    shown = {int(axes.get_title("left").split()[1]) - 1: axes for axes in panels}
    assert set(shown) == {0, 1, 2, 3, 5}
    for epoch, axes in shown.items():
        assert bar_heights(axes) == lines[epoch]["drawn"]
        plan, peak = axes.lines
        np.testing.assert_allclose(plan.get_ydata(), lines[epoch]["planned"])
        assert list(peak.get_xdata()) == [lines[epoch]["peak_bin"]]
    np.testing.assert_array_equal(heat.images[0].get_array(), [line["drawn"] for line in lines])
    assert heat.images[0].get_extent() == [-0.5, 5.5, 6.5, 0.5]
    assert list(heat.lines[0].get_xdata()) == [line["peak_bin"] for line in lines]
    assert list(heat.lines[0].get_ydata()) == [1, 2, 3, 4, 5, 6]


def test_a_uniform_draw_has_no_peak(tmp_path: Path) -> None:
    line = log_line(0, 0) | {"planned": [10.0] * 6, "drawn": [10.0] * 6}
    figure = curriculum_figure(write_log(tmp_path / "c.jsonl", [line]), tmp_path / "c.svg")
    panel, heat = (axes for axes in all_axes(figure) if axes.patches or axes.images)
    assert len(panel.lines) == 1
    assert len(heat.lines[0].get_xdata()) == 0
    assert (tmp_path / "c.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


@pytest.mark.parametrize(
    ("peaks", "chosen"),
    [
        ([0], [0]),
        ([0, 12, 24, 24], [0, 1, 2, 3]),
        ([0, 3, 7, 10, 14, 17, 21, 24, 24, 24, 24, 24, 24, 24], [0, 2, 5, 7, 13]),
        ([4] * 10, [0, 2, 4, 7, 9]),
        (list(range(9)), [0, 2, 4, 6, 8]),
    ],
)
def test_chosen_epochs_follow_the_peak_until_it_stands_still(peaks: list[int], chosen: list[int]) -> None:
    assert choose_epochs(peaks, 5) == chosen


@pytest.mark.parametrize(
    "text", ["", "{", '{"epoch": 0}\n', "[1]\n", json.dumps(log_line(0, 0)) + "\n" + json.dumps(log_line(1, 0, bins=5))]
)
def test_a_broken_curriculum_log_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "curriculum.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"curriculum\.jsonl"):
        curriculum_figure(path, tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()


def test_missing_logs_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such curriculum log"):
        curriculum_figure(tmp_path / "none.jsonl", tmp_path / "c.png")
    with pytest.raises(UserError, match="no such metrics log"):
        losses_figure(tmp_path / "none.csv", tmp_path / "c.png")


@pytest.mark.parametrize("name", ["c.jpeg", "c", "file/c.png"])
def test_a_figure_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    log = write_log(tmp_path / "c.jsonl", [log_line(0, 0)])
    with pytest.raises(UserError, match=name):
        curriculum_figure(log, tmp_path / name)


def binned(net: str, values: list[float], over_all: float = 31.25) -> dict[str, float]:
    return {f"{net}/bin/{i:02d}": v for i, v in enumerate(values)} | {f"{net}/pck/All": over_all, "other/bin/00": 99.0}


def test_bins_are_bars_of_each_runs_network(tmp_path: Path) -> None:
    a, b = [50.0, math.nan, 20.0, 5.0], [60.0, 30.0, 25.0, 0.0]
    runs = {"one": binned("student", a), "two": binned("teacher", b, 40.0)}
    figure = bins_figure(runs, {"one": "student", "two": "teacher"}, tmp_path / "b.png")
    assert is_picture(tmp_path / "b.png")
    (axes,) = all_axes(figure)
    first, second = axes.containers
    assert [bar.get_height() for bar in first] == [50.0, 0.0, 20.0, 5.0]
    assert [bar.get_height() for bar in second] == b
    for i, (left, right) in enumerate(zip(first, second, strict=True)):
        assert i - 0.5 < left.get_x() < left.get_x() + left.get_width() <= right.get_x() + 1e-9
        assert right.get_x() + right.get_width() < i + 0.5
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["one  (31.2 over all)", "two  (40.0 over all)"]
    assert axes.get_ylim() == (0.0, pytest.approx(64.8))


def test_runs_without_bins_or_with_others_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one: has no scores per bin for network 'student'"):
        bins_figure({"one": {"student/pck/All": 3.0}}, {"one": "student"}, tmp_path / "b.png")
    runs = {"one": binned("student", [1.0, 2.0]), "two": binned("student", [1.0, 2.0, 3.0])}
    with pytest.raises(UserError, match="one: 2, two: 3"):
        bins_figure(runs, {"one": "student", "two": "student"}, tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def write_metrics(path: Path) -> Path:
    """As Lightning's CSV logger writes it: validation and training in rows of their own, absent values empty."""
    rows = [
        {"epoch": 0, "step": 2, "source_val/student/pck/All": 10.0, "source_val/student/pck/Elb": 1.0},
        {"epoch": 0, "step": 2, "train/loss": 0.5, "train/supervised": 0.5},
        {"epoch": 1, "step": 5, "source_val/student/pck/All": 12.0, "source_val/teacher/pck/All": 11.0},
        {"epoch": 1, "step": 5, "train/loss": 0.25, "train/supervised": 0.25, "train/pairs": 3.0},
        {"epoch": 2, "step": 6, "target_test/student/pck/All": 50.0},
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, sorted({key for row in rows for key in row}), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_losses_each_have_a_panel_and_source_pck_one(tmp_path: Path) -> None:
    figure = losses_figure(write_metrics(tmp_path / "metrics.csv"), tmp_path / "l.png")
    assert is_picture(tmp_path / "l.png")
    panels = {axes.get_title("left"): axes for axes in all_axes(figure)}
    assert list(panels) == ["total (weighted sum)", "supervised", "pairs found a step", "source PCK@0.05 (%)"]
    total = panels["total (weighted sum)"].lines[0]
    assert (list(total.get_xdata()), list(total.get_ydata())) == ([1, 2], [0.5, 0.25])
    assert list(panels["pairs found a step"].lines[0].get_xdata()) == [2]
    student, teacher = panels["source PCK@0.05 (%)"].lines
    assert (student.get_label(), list(student.get_ydata())) == ("student", [10.0, 12.0])
    assert (teacher.get_label(), list(teacher.get_ydata())) == ("teacher", [11.0])


@pytest.mark.parametrize("text", ["step,train/loss\n1,2\n", "epoch,train/loss\nx,2\n"])
def test_a_broken_metrics_log_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"metrics\.csv: is no metrics log"):
        read_metrics(tmp_path / "metrics.csv")


def test_metrics_without_losses_are_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step\n0,1\n", encoding="utf-8")
    with pytest.raises(UserError, match="no training losses"):
        losses_figure(tmp_path / "metrics.csv", tmp_path / "l.png")


def test_figures_leave_matplotlibs_settings_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    curriculum_figure(write_log(tmp_path / "c.jsonl", [log_line(0, 0), log_line(1, 3)]), tmp_path / "c.png")
    losses_figure(write_metrics(tmp_path / "metrics.csv"), tmp_path / "l.png")
    assert dict(mpl.rcParams) == before

"""Figures of what a run records for its report: complexity, moves, pseudo-labels, validators against the truth."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actupose.errors import UserError
from actupose.report.complexity_figure import complexity_figure, read_complexity
from actupose.report.moves_figure import move_shares, moves_figure, read_moves
from actupose.report.pairs_figure import read_pairs
from actupose.report.pseudo_label_figure import pseudo_labels_figure
from actupose.report.truth_figure import pairs_of, rank_correlation, truth_figure
from actupose.report.validator_figure import TRUTH


def line(epoch: int, **more: Any) -> str:
    counts = {"planned": [1.0, 1.0], "drawn": [1.0, 1.0]}
    return json.dumps({"epoch": float(epoch), "peak_bin": 0.0, "unique_share": 1.0, **counts, **more})


def test_moves_are_counted_by_direction(tmp_path: Path) -> None:
    log = tmp_path / "curriculum.jsonl"
    log.write_text("\n".join([line(0), line(1, moved=[[6, 1], [3, 10]]), line(2, moved=[[10, 0], [0, 10]])]) + "\n")
    moves = read_moves(log)
    assert list(moves) == [1, 2]
    assert move_shares(moves[1]) == (5.0, 80.0, 15.0)
    figure = moves_figure(moves, tmp_path / "m.png")
    heat, lines = figure.get_axes()[:2]
    np.testing.assert_array_equal(heat.images[0].get_array().filled(0), [[16, 1], [3, 20]])
    assert [list(drawn.get_ydata()) for drawn in lines.lines] == [[5, 0], [80, 100], [15, 0]]
    log.write_text(line(0) + "\n")
    assert read_moves(log) == {}
    log.write_text(line(1, moved=[[1, 2]]) + "\n")
    with pytest.raises(UserError, match="no square of counts"):
        read_moves(log)


def test_boxes_hold_the_recorded_quantiles(tmp_path: Path) -> None:
    file = tmp_path / "complexity.json"
    bins = [{"mean": 0.2 + i, "values": [0.1 + i, 0.15 + i, 0.2 + i, 0.3 + i, 0.5 + i]} for i in range(3)]
    file.write_text(json.dumps({"quantiles": [0.05, 0.25, 0.5, 0.75, 0.95], "bins": bins}))
    assert read_complexity(file) == bins
    (axes,) = complexity_figure(bins, tmp_path / "c.png").get_axes()
    medians = [drawn for drawn in axes.lines if len(set(drawn.get_ydata())) == 1 and len(drawn.get_ydata()) == 2]
    assert {round(float(drawn.get_ydata()[0]), 6) for drawn in medians} >= {0.2, 1.2, 2.2}
    for broken in ("{", "{}", json.dumps({"quantiles": [0.5], "bins": bins})):
        file.write_text(broken)
        with pytest.raises(UserError, match=r"complexity\.json: is broken"):
            read_complexity(file)


def test_pseudo_labels_have_a_line_a_run(tmp_path: Path) -> None:
    runs = {
        "one": [{"epoch": 0, "all": 10.0, "used": 20.0}, {"epoch": 1, "all": 11.0, "used": 25.0}],
        "two": [{"epoch": 0, "all": 5.0}],
    }
    everything, used = pseudo_labels_figure(runs, tmp_path / "p.png").get_axes()
    assert [list(drawn.get_ydata()) for drawn in everything.lines] == [[10.0, 11.0], [5.0]]
    assert [list(drawn.get_xdata()) for drawn in used.lines] == [[1, 2]]


def test_validators_meet_the_truth_of_their_epoch(tmp_path: Path) -> None:
    one = {"flip": [(1, 5.0), (2, 6.0), (3, 9.0)], TRUTH: [(1, 10.0), (3, 30.0)]}
    two = {"flip": [(1, 7.0)], "peak": [(1, 0.5)], TRUTH: [(1, 20.0)]}
    found = pairs_of([("one", one), ("two", two)])
    assert found == {"flip": {"one": [(5.0, 10.0), (9.0, 30.0)], "two": [(7.0, 20.0)]}}  # one epoch of peak is too few
    assert pairs_of([("udape", one), ("udape", two)])["flip"] == {"udape": [(5.0, 10.0), (9.0, 30.0), (7.0, 20.0)]}
    assert rank_correlation(found["flip"]) == pytest.approx(1.0)
    assert math.isnan(rank_correlation({"one": [(1.0, 2.0), (1.0, 3.0)]}))
    (axes,) = truth_figure(found, tmp_path / "t.png").get_axes()
    assert axes.get_xlabel() == "rank correlation 1.00"
    assert sum(len(dots.get_offsets()) for dots in axes.collections) == 3


@pytest.mark.parametrize("broken", ["[", "{}", '{"pairs": [{"distance": 1}]}', '{"pairs": []}'])
def test_broken_pairs_are_named(broken: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text(broken)
    with pytest.raises(UserError, match=r"pairs\.json: is broken"):
        read_pairs(tmp_path / "pairs.json")

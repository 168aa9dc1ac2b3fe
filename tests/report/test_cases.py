"""Scores of single pictures and which ones a report shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actupose.errors import UserError
from actupose.report.cases import CaseScores, Predictions, case_scores, choose_cases, read_predictions
from actupose.skeletons import load_skeleton

LSP = load_skeleton("lsp14")
K = LSP.num_keypoints
ALL = list(LSP.groups["All"])


def scores(right: list[int], evalpose: list[float], scored: list[int] | None = None) -> CaseScores:
    return CaseScores(np.array(right), np.array(scored or [10] * len(right)), np.array(evalpose))


def test_hardest_improved_and_harmed() -> None:
    first = scores([5, 9, 2, 7, 5, 0], [50, 90, 20, 70, 50, 0])
    last = scores([8, 3, 2, 7, 9, 9], [80, 30, 10, 70, 95, 0], [10, 10, 10, 10, 10, 1])
    first.scored[5] = 1  # hardly a label: never shown
    chosen = choose_cases({"a": first, "b": last}, 2)
    assert chosen == {"hardest": [2, 1], "improved": [4, 0], "harmed": [1]}
    assert choose_cases({"a": first}, 3) == {"hardest": [2, 0, 4]}


def test_ties_go_by_evalpose() -> None:
    only = scores([3, 3, 3], [10, -5, 2])
    assert choose_cases({"a": only}, 3)["hardest"] == [1, 2, 0]


def test_scores_of_a_picture_are_those_of_the_metrics() -> None:
    """Moved by 0.04 of the side is right, by 0.06 wrong; a pose moved as a whole has its limbs' directions."""
    truth = np.random.default_rng(0).uniform(0.2, 0.8, (4, K, 2))
    points = truth.copy()
    points[1, :, 0] += 0.04
    points[2, ALL[:3], 1] += 0.06
    visible = np.full((4, K), 2, np.uint8)
    visible[3] = 0
    found = case_scores(Predictions(list("abcd"), points, truth, visible), LSP)
    n = len(ALL)
    assert found.right.tolist() == [n, n, n - 3, 0]
    assert found.scored.tolist() == [n, n, n, 0]
    assert found.evalpose[:2] == pytest.approx(100, abs=0.1)
    assert found.evalpose[2] < found.evalpose[1]
    assert np.isnan(found.evalpose[3])
    assert found.text(3) == "no label"
    assert found.text(1).startswith(f"PCK 100 %  ({n} of {n})\nEvalPose 100")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "predictions.npz"
    for content in (b"", b"PK\x03\x04 cut"):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"predictions\.npz: is broken"):
            read_predictions(file)
    np.savez(file, name=np.array(["a"]))
    with pytest.raises(UserError, match="lacks points, size, truth, visible"):
        read_predictions(file)
    shape = {"points": (2, K, 2), "truth": (1, K, 2), "visible": (1, K)}
    np.savez(file, name=np.array(["a"]), size=64, **{k: np.zeros(v) for k, v in shape.items()})
    with pytest.raises(UserError, match="do not fit together"):
        read_predictions(file)

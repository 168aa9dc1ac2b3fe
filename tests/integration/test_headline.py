"""The student as the headline of a method with a teacher: its scores count, and the training is the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from actupose.deploy.load import load_model
from actupose.errors import UserError
from actupose.methods import TeacherConfig
from integration.runs import differing, fit, metrics
from tiny_stores import Stores


def test_the_students_scores_count_and_no_weight_is_another(stores: Stores, tmp_path: Path) -> None:
    usual = fit("udape", stores, tmp_path / "usual")
    weights = fit("udape", stores, tmp_path / "student", "--model.teacher.headline", "student")
    assert differing(usual, weights) == []
    loss = "train/loss"
    assert [row[loss] for row in metrics(tmp_path / "usual")] == [row[loss] for row in metrics(tmp_path / "student")]
    ours, theirs = (json.loads((tmp_path / name / "scores.json").read_text("utf-8")) for name in ("student", "usual"))
    assert (ours["headline"], theirs["headline"]) == ("student", "teacher")
    same = [key for key in theirs["scores"] if not key.endswith("ece_calibrated")]
    assert {key: ours["scores"][key] for key in same} == {key: theirs["scores"][key] for key in same}
    points = [np.load(tmp_path / name / "predictions.npz")["points"] for name in ("student", "usual")]
    assert not np.array_equal(*points)
    assert load_model(tmp_path / "student").name == "UDAPE student"
    assert load_model(tmp_path / "student", "teacher").name == "UDAPE teacher"


def test_pseudo_labels_are_not_masked_by_the_students_calibration() -> None:
    with pytest.raises(UserError, match=r"teacher\.mask_by probability needs teacher\.headline teacher"):
        TeacherConfig(headline="student", mask_by="probability")

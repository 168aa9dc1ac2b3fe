"""What a run records for its report: complete, the same after a kill, and without a part in the training."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from actupose.curriculum import assign_bins, pair_differences
from actupose.data.datamodule import PoseDataModule
from actupose.data.store import open_store
from integration.runs import differing, fit, fit_args, metrics, run, run_and_stop, scores, weights
from tiny_stores import NUM_TEST, Stores

WATCHED = ["--eval_pseudo_labels", "true"]
RECORDS = ("pseudo_labels.jsonl", "curriculum.jsonl", "complexity.json", "pairs.json")
WIDE = ["--model.skeleton_losses.gamma", 10, "--model.skeleton_losses.confidence", -9]


@pytest.fixture(scope="module")
def watched(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("records") / "run"
    fit("actupose", stores, out, *WATCHED, *WIDE)
    return out


def test_comparing_pseudo_labels_changes_no_bit(watched: Path, stores: Stores, tmp_path: Path) -> None:
    plain = fit("actupose", stores, tmp_path / "run", *WIDE)
    assert not (tmp_path / "run" / "pseudo_labels.jsonl").exists()
    assert differing(plain, weights(watched)) == []
    assert metrics(tmp_path / "run") == metrics(watched)
    lines = [json.loads(line) for line in (watched / "pseudo_labels.jsonl").read_text("utf-8").splitlines()]
    assert [(line["epoch"], line["net"]) for line in lines] == [(0, "student"), (1, "teacher"), (2, "teacher")]
    assert all(0 <= line["all"] <= 100 and 30 < line["used_share"] < 70 for line in lines)


def test_a_resumed_run_records_the_same(watched: Path, stores: Stores, tmp_path: Path) -> None:
    args = fit_args("actupose", stores, tmp_path / "run", *WATCHED, *WIDE)
    assert run_and_stop(args, 2, 1) == -signal.SIGKILL
    assert run(args) == 0
    for name in RECORDS:
        assert (tmp_path / "run" / name).read_text("utf-8") == (watched / name).read_text("utf-8"), name
    ours, theirs = (dict(np.load(folder / "predictions.npz")) for folder in (tmp_path / "run", watched))
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


def test_predictions_give_the_scores(watched: Path, stores: Stores) -> None:
    held, told = dict(np.load(watched / "predictions.npz")), scores(watched)
    assert held["name"].tolist() == open_store(stores.target_test).rows["name"]
    assert held["points"].shape == (NUM_TEST, 16, 2)
    distance = np.linalg.norm(held["points"] - held["truth"], axis=-1)
    seen = held["visible"] > 0
    knees = [1, 4]
    right = (distance < 0.05 * held["size"])[:, knees] & seen[:, knees]
    assert told["headline"] == "teacher"
    assert told["scores"]["teacher/pck/Knee"] == pytest.approx(100 * right.sum() / seen[:, knees].sum())


def test_moves_count_every_source_pose(watched: Path) -> None:
    lines = [json.loads(line) for line in (watched / "curriculum.jsonl").read_text("utf-8").splitlines()]
    assert "moved" not in lines[0]
    assert [np.sum(line["moved"]) for line in lines[1:]] == [38, 38]
    assert all(np.sum(line["moved"], axis=0).tolist() == np.sum(line["moved"], axis=1).tolist() for line in lines[1:])


def test_complexity_is_that_of_the_pose_vaes_bins(watched: Path, stores: Stores) -> None:
    checkpoint = torch.load(watched / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    score = checkpoint["PoseDataModule"]["curriculum"]["score_vae"]
    data = PoseDataModule(stores.source, size=64)
    data.setup("fit")
    source = data.sets.source
    bins = assign_bins(score, 5)[1]
    expected = pair_differences(source.keypoints, source.visible, bins, data.skeleton.triplets).nanmean(-1)
    held = json.loads((watched / "complexity.json").read_text("utf-8"))["bins"]
    assert [b["mean"] for b in held] == pytest.approx(expected.tolist())
    assert all(sorted(b["values"]) == b["values"] for b in held)


def test_pairs_are_near_different_and_in_order(watched: Path, stores: Stores) -> None:
    held = json.loads((watched / "pairs.json").read_text("utf-8"))
    pairs = held["pairs"]
    assert len(pairs) == 12
    assert held["compared"] == 38 * 20
    assert held["found"] >= len(pairs)
    distances = [pair["distance"] for pair in pairs]
    assert distances == sorted(distances)
    assert distances[-1] < held["gamma"]
    for part, store in (("source", stores.source), ("target", stores.target)):
        names = [pair[part]["name"] for pair in pairs]
        assert len(set(names)) == len(names)
        assert set(names) <= set(open_store(store).rows["name"])


def test_methods_without_pairs_or_ranking_leave_them_out(stores: Stores, tmp_path: Path) -> None:
    fit("source_only", stores, tmp_path / "run", "--trainer.max_epochs", 1)
    assert (tmp_path / "run" / "predictions.npz").is_file()
    assert not any((tmp_path / "run" / name).exists() for name in ("complexity.json", "pairs.json"))


def test_pseudo_labels_need_a_target_with_labels(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = fit_args("source_only", stores, tmp_path / "run", *WATCHED, "--data.target", "null")
    assert run(args) == 2
    assert "eval_pseudo_labels needs target images with labels; set data.target" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_streamed_target_has_pairs_but_no_pseudo_labels(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = ["--trainer.max_epochs", 1, "--data.stream.enabled", "true", "--data.stream.shards", 2]
    fit("actupose", stores, tmp_path / "run", *WIDE, *stream)
    assert json.loads((tmp_path / "run" / "pairs.json").read_text("utf-8"))["pairs"]
    assert run(fit_args("actupose", stores, tmp_path / "other", *stream, *WATCHED)) == 2
    assert "a streamed target (data.stream) has no labels to compare with" in capsys.readouterr().err

"""Every method, found by itself, through the command line: trained, scored again, trained again from its own config."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from actupose.commands import training
from actupose.methods import METHODS, UDAPE
from integration.runs import LITE, differing, fit, label_free, metrics, run, scores, weights
from tiny_stores import NUM_TEST, Stores

EPOCHS = 2
WHOLE_RUN = {".lock", "config.yaml", "run.json", "checkpoints", "metrics.csv", "scores.json", "curriculum.jsonl"}
WHOLE_RUN |= {"validators.jsonl", "validators", "predictions.npz"}


@pytest.mark.parametrize("name", METHODS)
def test_fit_leaves_a_whole_run_that_can_be_scored_and_repeated(name: str, stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "run"
    trained = fit(name, stores, out, *LITE, "--data.loader.iterations", 2, "--trainer.max_epochs", EPOCHS)

    adapts = METHODS[name].needs_target
    records = {"complexity.json", "pairs.json"} if name == "actupose" else set()
    assert {p.name for p in out.iterdir()} == WHOLE_RUN | records | ({"verdict.json"} if adapts else set())
    kept = {"last.ckpt", "previous.ckpt", "label_free.ckpt"} | ({"warmup.ckpt"} if adapts else set())
    assert {p.name for p in (out / "checkpoints").iterdir()} == kept
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["method"] == METHODS[name].__name__
    assert {"source", "target_test"} <= set(record["fingerprints"])
    assert {"command", "python", "machine", "packages", "git"} <= set(record)
    assert {"torch", "lightning", "numpy"} <= set(record["packages"])
    rows = metrics(out)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(EPOCHS)]
    assert all(math.isfinite(float(row["train/loss"])) for row in rows)
    lines = (out / "curriculum.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(EPOCHS))
    first = scores(out)
    assert first["num_test"] == NUM_TEST
    assert first["headline"] == ("teacher" if issubclass(METHODS[name], UDAPE) else "student")
    wanted = {f"{first['headline']}/{key}" for key in ("pck/All", "pck_regda/All", "evalpose", "bin/00")}
    assert wanted <= set(first["scores"])

    chosen = first["label_free"]
    assert (first["checkpoint"], first["epoch"]) == ("last.ckpt", EPOCHS - 1)
    assert (chosen["checkpoint"], chosen["epoch"]) == ("label_free.ckpt", label_free(out)["kept"])
    same = chosen["epoch"] == first["epoch"]
    assert not same or json.dumps(chosen["scores"]) == json.dumps(first["scores"])

    saved = ["--config", str(out / "config.yaml")]
    assert run(["test", *saved]) == 0
    assert json.dumps(scores(out)) == json.dumps(first)  # as text: NaN equals NaN
    held = training.validate(saved)
    for key, value in held.items():
        assert float(rows[-1][f"source_val/{key}"]) == pytest.approx(value, abs=1e-3, nan_ok=True)
    assert metrics(out) == rows

    assert run(["fit", *saved, "--out", str(tmp_path / "again")]) == 0
    assert differing(trained, weights(tmp_path / "again")) == []
    assert metrics(tmp_path / "again") == rows


def test_another_seed_gives_other_weights(stores: Stores, tmp_path: Path) -> None:
    a, b = (fit("source_only", stores, tmp_path / str(seed), "--seed_everything", seed) for seed in (0, 1))
    assert len(differing(a, b)) > 20


def test_a_checkpoint_scores_elsewhere(stores: Stores, tmp_path: Path) -> None:
    """`test` into a folder of its own leaves the run as it is."""
    out = tmp_path / "run"
    fit("udape", stores, out)
    before = scores(out)
    args = ["--config", str(out / "config.yaml"), "--ckpt_path", str(out / "checkpoints" / "last.ckpt")]
    assert run(["test", *args, "--out", str(tmp_path / "new" / "place")]) == 0
    there = scores(tmp_path / "new" / "place")
    assert json.dumps(there["scores"]) == json.dumps(before["scores"])
    assert there["train_seconds"] is None
    assert before["train_seconds"] > 0

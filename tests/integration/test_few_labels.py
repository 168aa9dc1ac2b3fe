"""Few labelled target pictures as a third stream: every method learns from them and from no other target label."""

from __future__ import annotations

import json
import math
import shutil
import signal
from pathlib import Path

import pyarrow as pa
import pytest

from actupose.methods import METHODS
from integration.runs import differing, fit, fit_args, label_free, metrics, run, run_and_stop, scores, weights
from tiny_stores import NUM_TARGET, NUM_TEST, Stores

CHOSEN = (3, 4, 11)
EPOCHS = ["--trainer.max_epochs", 2, "--data.loader.iterations", 2]


def few(stores: Stores, *options: object) -> list[object]:
    given = ["--data.labelled_target.store", stores.target, "--data.labelled_target.rows", json.dumps(CHOSEN)]
    return [*EPOCHS, *given, "--data.labelled_target.batch_size", 2, *options]


def planted(store: Path, out: Path, rows: set[int]) -> Path:
    """A copy in which the labels of some rows are moved."""
    shutil.copytree(store, out)
    start = 0
    for shard in sorted((out / "shards").glob("*.arrow")):
        table = pa.ipc.open_stream(shard.read_bytes()).read_all()
        place, field = table.column_names.index("keypoints"), table.schema.field("keypoints")
        points = [[x + 9 for x in p] if start + i in rows else p for i, p in enumerate(table["keypoints"].to_pylist())]
        table = table.set_column(place, field, pa.array(points, field.type))
        with pa.OSFile(str(shard), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        start += len(table)
    return out


@pytest.mark.parametrize("name", [name for name in METHODS if name != "oracle"])
def test_every_method_learns_from_them_alone(name: str, stores: Stores, tmp_path: Path) -> None:
    """Weight 0 is off to the bit; labels of other rows change nothing, those of the chosen ones do."""
    off = fit(name, stores, tmp_path / "off", *EPOCHS)
    zero = few(stores, "--model.init_args.weights.labelled_target", 0)
    assert differing(off, fit(name, stores, tmp_path / "zero", *zero)) == []
    on = fit(name, stores, tmp_path / "on", *few(stores))
    assert len(differing(off, on)) > 20
    assert all(float(row["train/labelled_target"]) > 0 for row in metrics(tmp_path / "on"))
    assert "train/labelled_target" not in metrics(tmp_path / "zero")[0]
    assert all(math.isfinite(float(row["train/loss"])) for row in metrics(tmp_path / "on"))

    others = planted(stores.target, tmp_path / "others", set(range(NUM_TARGET)) - set(CHOSEN))
    blind = Stores(stores.source, others, stores.target_test)
    assert differing(on, fit(name, blind, tmp_path / "blind", *few(blind))) == []
    assert label_free(tmp_path / "blind") == label_free(tmp_path / "on")
    wrong = Stores(stores.source, planted(stores.target, tmp_path / "chosen", set(CHOSEN)), stores.target_test)
    assert len(differing(on, fit(name, wrong, tmp_path / "wrong", *few(wrong)))) > 20


@pytest.mark.parametrize("name", ["actupose", "regda"])
def test_killed_and_resumed_equals_unbroken(name: str, stores: Stores, tmp_path: Path) -> None:
    options = few(stores, "--trainer.max_epochs", 3)
    whole = fit(name, stores, tmp_path / "whole", *options)
    args = fit_args(name, stores, tmp_path / "run", *options)
    assert run_and_stop(args, 1, 1) == -signal.SIGKILL
    assert run(args) == 0
    assert differing(weights(tmp_path / "run"), whole) == []
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_the_labels_alone_are_the_oracle_on_them(stores: Stores, tmp_path: Path) -> None:
    """All rows are the oracle itself; a few need neither source nor target, nor held-out samples."""
    oracle = fit("oracle", stores, tmp_path / "oracle", *EPOCHS)
    every = ["--data.labelled_target.store", stores.target]
    assert differing(oracle, fit("oracle", stores, tmp_path / "all", *EPOCHS, *every)) == []
    alone = few(stores, "--data.validation_share", 0, "--data.source", "null", "--data.target", "null")
    assert len(differing(oracle, fit("oracle", stores, tmp_path / "alone", *alone))) > 20
    assert "train/labelled_target" not in metrics(tmp_path / "alone")[0]
    assert scores(tmp_path / "alone")["num_test"] == NUM_TEST


def test_what_is_trained_on_is_not_tested_on(stores: Stores, tmp_path: Path) -> None:
    given = ["--data.labelled_target.store", stores.target_test, "--data.labelled_target.num", 5]
    fit("source_only", stores, tmp_path / "run", *EPOCHS, *given)
    assert scores(tmp_path / "run")["num_test"] == NUM_TEST - 5
    assert run(["test", "--config", str(tmp_path / "run" / "config.yaml")]) == 0
    assert scores(tmp_path / "run")["num_test"] == NUM_TEST - 5
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["data"]["labelled_target"]["num"] == 5
    assert record["fingerprints"]["labelled_target"] == record["fingerprints"]["target_test"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["num", NUM_TARGET + 1], f"has {NUM_TARGET} with labels"),
        (["rows", "[1]", "num", 1], "both num and rows"),
        (["nums", 1], "no option or key 'nums' (did you mean 'num'?)"),
        (["store", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    options: list[object], said: str, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[object] = ["--data.labelled_target.store", stores.target]
    for key, value in zip(options[::2], options[1::2], strict=True):
        given += [f"--data.labelled_target.{key}", value]
    assert run(fit_args("source_only", stores, tmp_path / "run", *given)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert said in lines[-1]
    assert not (tmp_path / "run").exists()

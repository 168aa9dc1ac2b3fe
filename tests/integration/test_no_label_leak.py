"""Target labels never reach training: wrong, missing or absent ones do not change one bit of the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from actupose.data.batch import UnlabeledBatch
from actupose.data.store import shard_path
from actupose.methods import METHODS
from integration.runs import differing, fit, fit_args, run, scores
from tiny_stores import Stores

Rewrite = Callable[[pa.Table], pa.Table]
RNG = np.random.default_rng(0)


def replaced(table: pa.Table, keypoints: np.ndarray, visible: np.ndarray) -> pa.Table:
    for name, values in (("keypoints", keypoints), ("visible", visible)):
        place = table.column_names.index(name)
        field = table.schema.field(name)
        table = table.set_column(place, field, pa.array(list(values), field.type))
    return table


def garbage(table: pa.Table) -> pa.Table:
    shape = len(table), 32
    return replaced(table, RNG.uniform(-1e4, 1e4, shape), RNG.integers(0, 3, (shape[0], 16)))


def nan(table: pa.Table) -> pa.Table:
    return replaced(table, np.full((len(table), 32), np.nan), np.full((len(table), 16), 2))


def absent(table: pa.Table) -> pa.Table:
    """Without the columns: whoever reads them fails."""
    return table.drop_columns(["keypoints", "visible", "crop", "archetype"])


def rewritten(store: Path, out: Path, rewrite: Rewrite) -> Path:
    shutil.copytree(store, out)
    for shard in (out / "shards").glob("*.arrow"):
        table = rewrite(pa.ipc.open_stream(shard.read_bytes()).read_all())
        with pa.OSFile(str(shard), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    assert shard_path(out, 0).is_file()
    return out


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.needs_target])
def test_target_labels_change_no_weight_bit(name: str, stores: Stores, tmp_path: Path) -> None:
    clean = fit(name, stores, tmp_path / "clean")
    for rewrite in (garbage, nan, absent):
        folder = tmp_path / rewrite.__name__
        target = rewritten(stores.target, folder / "store", rewrite)
        changed = fit(name, Stores(stores.source, target, stores.target_test), folder / "run")
        assert differing(clean, changed) == [], rewrite.__name__


@pytest.mark.parametrize("name", METHODS)
def test_test_labels_change_the_scores_alone(name: str, stores: Stores, tmp_path: Path) -> None:
    clean = fit(name, stores, tmp_path / "clean", "--trainer.max_epochs", 2)
    test = rewritten(stores.target_test, tmp_path / "store", garbage)
    planted = Stores(stores.source, stores.target, test)
    assert differing(clean, fit(name, planted, tmp_path / "wrong", "--trainer.max_epochs", 2)) == []
    before, after = (json.dumps(scores(tmp_path / run)["scores"]) for run in ("clean", "wrong"))
    assert before != after


def test_source_labels_do_reach_training(stores: Stores, tmp_path: Path) -> None:
    """The tests above could fail: the same change of the source's labels is seen."""
    clean = fit("source_only", stores, tmp_path / "clean")
    source = rewritten(stores.source, tmp_path / "store", garbage)
    wrong = fit("source_only", Stores(source, stores.target, stores.target_test), tmp_path / "wrong")
    assert len(differing(clean, wrong)) > 20


def test_the_oracle_alone_is_trained_on_target_labels(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is source-only with the target as its source; every other method refuses."""
    oracle = fit("oracle", stores, tmp_path / "oracle")
    swapped = Stores(stores.target, stores.source, stores.target_test)
    assert differing(oracle, fit("source_only", swapped, tmp_path / "swapped")) == []
    for name in METHODS:
        if name != "oracle":
            assert run(fit_args(name, stores, tmp_path / name, "--data.oracle", "true")) == 2
            assert "would be trained on target labels; only Oracle may" in capsys.readouterr().err
            assert not (tmp_path / name).exists()


def test_an_unlabelled_batch_has_no_keypoints_by_type() -> None:
    assert set(UnlabeledBatch.__annotations__) == {"image", "row"}

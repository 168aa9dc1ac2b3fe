"""Target labels never reach training: wrong, missing or absent ones do not change one bit of the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset
from torch import Tensor

from actupose.data.batch import UnlabeledBatch
from actupose.data.dataset import PoseDataset
from actupose.data.store import open_store, shard_path
from actupose.methods import METHODS
from actupose.skeletons import load_skeleton
from integration.runs import differing, fit, fit_args, label_free, run, scores, validators, weights
from tiny_stores import Stores

Rewrite = Callable[[pa.Table], pa.Table]
LABELS = {"keypoints", "visible"}
BLIND = ["--data.oracle", "false"]  # the oracle too: what it sees by that option alone, it must not see without it
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


def raising(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    """From now on whoever asks this store for a label column is told off."""
    select, item = Dataset.select_columns, Dataset.__getitem__

    def guarded(self: Dataset, names: list[str]) -> Dataset:
        mine = any(str(store) in file["filename"] for file in self.cache_files)
        assert not (mine and LABELS & set(names)), f"{names} of {store} were asked for"
        return select(self, names)

    def got(self: Dataset, key: object) -> object:
        mine = any(str(store) in file["filename"] for file in self.cache_files)
        assert not (mine and LABELS & set(self.column_names)), f"all columns of {store} were read"
        return item(self, key)

    monkeypatch.setattr(Dataset, "select_columns", guarded)
    monkeypatch.setattr(Dataset, "__getitem__", got)


@pytest.mark.parametrize("name", METHODS)
def test_target_labels_change_no_weight_bit_and_no_choice(name: str, stores: Stores, tmp_path: Path) -> None:
    """Of the last checkpoint and of the one that is chosen; nor a label-free score of any image."""

    def trained(target: Path, out: Path) -> dict[str, Tensor]:
        # A method that does not train on the target shows it to its validators.
        return fit(name, Stores(stores.source, target, stores.target_test), out, *BLIND)

    clean = trained(stores.target, tmp_path / "clean")
    for rewrite in (garbage, nan, absent):
        folder = tmp_path / rewrite.__name__
        changed = trained(rewritten(stores.target, folder / "store", rewrite), folder / "run")
        assert differing(clean, changed) == [], rewrite.__name__
        assert label_free(folder / "run") == label_free(tmp_path / "clean"), rewrite.__name__
        kept = [weights(out, "label_free") for out in (folder / "run", tmp_path / "clean")]
        assert differing(*kept) == []


@pytest.mark.parametrize("name", METHODS)
def test_label_columns_that_raise_when_read_do_not_matter(
    name: str, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "guarded"
    shutil.copytree(stores.target, target)
    raising(monkeypatch, target)
    with pytest.raises(AssertionError, match="asked for"):
        PoseDataset(open_store(target), load_skeleton("body16"), 64, labelled=True)
    fit(name, stores, tmp_path / "run", *BLIND, "--data.target", target, "--trainer.max_epochs", 2)
    assert len(validators(tmp_path / "run")) == 2


@pytest.mark.parametrize("name", METHODS)
def test_test_labels_change_the_scores_alone(name: str, stores: Stores, tmp_path: Path) -> None:
    options = [*BLIND, "--trainer.max_epochs", 2]
    clean = fit(name, stores, tmp_path / "clean", *options)
    test = rewritten(stores.target_test, tmp_path / "store", garbage)
    planted = Stores(stores.source, stores.target, test)
    assert differing(clean, fit(name, planted, tmp_path / "wrong", *options)) == []
    assert label_free(tmp_path / "clean") == label_free(tmp_path / "wrong")
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

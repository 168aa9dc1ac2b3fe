"""Few labelled target pictures: which ones, none of them tested on, and what bad input says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.datamodule import PoseDataModule
from actupose.data.labelled_target import LabelledTargetConfig
from actupose.data.loader_config import LoaderConfig
from actupose.data.store import StoreMeta
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from tiny_stores import NUM_TARGET, NUM_TEST, Stores

LSP = load_skeleton("lsp14")


def module(stores: Stores, **few: Any) -> PoseDataModule:
    return PoseDataModule(
        stores.source,
        None,
        stores.target_test,
        size=64,
        loader=LoaderConfig(batch_size=4, iterations=3),
        labelled_target=LabelledTargetConfig(**{"store": stores.target, **few}),
    )


def rows(data: PoseDataModule) -> list[str]:
    data.setup("fit")
    few = data.sets.labelled_target
    assert few is not None
    return few.names(range(len(few)))


def test_a_smaller_number_is_a_part_of_a_larger_one_and_the_seed_draws(stores: Stores) -> None:
    five, nine = (set(rows(module(stores, num=num))) for num in (5, 9))
    assert (len(five), len(nine)) == (5, 9)
    assert five < nine
    other = module(stores, num=5)
    other.seed = 1
    assert set(rows(other)) != five
    assert len(rows(module(stores))) == NUM_TARGET


def test_rows_are_taken_as_named(stores: Stores) -> None:
    names = rows(module(stores))
    assert rows(module(stores, rows=(7, 2))) == [names[2], names[7]]


def test_off_without_a_number_or_a_store(stores: Stores) -> None:
    for few in ({"num": 0}, {"rows": ()}, {"store": None}):
        data = module(stores, **few)
        data.setup("fit")
        assert data.sets.labelled_target is None
        assert "labelled_target" not in data.fingerprints()
        assert "labelled_target" not in data.describe()
    assert {"source", "labelled_target"} <= set(module(stores, num=3).fingerprints())


def test_one_store_for_both_is_split(stores: Stores) -> None:
    data = module(stores, store=stores.target_test, num=4)
    taught = set(rows(data))
    data.setup("test")
    tested = set(data.test_set.names(range(len(data.test_set))))
    assert (len(taught), len(tested)) == (4, NUM_TEST - 4)
    assert not taught & tested


def written(out: Path, pictures: list[bytes], visible: list[int], skeleton: str = "lsp14") -> Path:
    """A store of these pictures; all keypoints of one are visible or none is."""
    joints = load_skeleton(skeleton)
    k = joints.num_keypoints
    points, crop = np.full((k, 2), 20, np.float32), np.eye(2, 3, dtype=np.float32)

    def make(items: range) -> ShardResult:
        labels = {i: np.full(k, visible[i], np.uint8) for i in items}
        return ShardResult([StoreRow(pictures[i], f"{out.name}{i}", points, labels[i], crop) for i in items])

    build_store(out, StoreMeta(joints, 64, out.name, {}), len(pictures), make)
    return out


@pytest.fixture(scope="module")
def pictures(stores: Stores) -> list[bytes]:
    from actupose.data.store import open_store

    return [bytes(data) for data in open_store(stores.target).rows["image"]]


def test_a_picture_of_the_test_is_found_by_its_bytes(stores: Stores, pictures: list[bytes], tmp_path: Path) -> None:
    few = written(tmp_path / "few", pictures[:4], [2] * 4)
    test = written(tmp_path / "test", [pictures[9], pictures[2]], [2] * 2)
    data = module(Stores(stores.source, stores.target, test), store=few)
    with pytest.raises(UserError, match=r"picture test1 is few2 of data\.labelled_target, byte for byte"):
        data.setup("test")
    clean = module(Stores(stores.source, stores.target, test), store=few, rows=(0, 1, 3))
    clean.setup("test")
    assert len(clean.test_set) == 2


def test_samples_without_labels_are_not_drawn(stores: Stores, pictures: list[bytes], tmp_path: Path) -> None:
    few = written(tmp_path / "few", pictures[:6], [2, 0, 2, 0, 0, 2])
    assert rows(module(stores, store=few)) == ["few0", "few2", "few5"]
    with pytest.raises(UserError, match=r"4 samples are asked for, but .*few has 3 with labels of skeleton 'body16'"):
        module(stores, store=few, num=4).setup("fit")
    with pytest.raises(UserError, match=r"row 1 of .*few has no labels"):
        module(stores, store=few, rows=(0, 1)).setup("fit")
    with pytest.raises(UserError, match=r"row 6 of .*few is not there \(0 to 5\)"):
        module(stores, store=few, rows=(6,)).setup("fit")
    unlabelled = written(tmp_path / "none", pictures[:2], [0, 0])
    with pytest.raises(UserError, match=r"all samples are asked for, but .*none has 0 with labels"):
        module(stores, store=unlabelled).setup("fit")


def test_a_skeleton_that_shares_no_keypoint(stores: Stores, pictures: list[bytes], tmp_path: Path) -> None:
    hand = written(tmp_path / "hand", pictures[:2], [2, 2], "hand21")
    with pytest.raises(UserError, match=r"hand21.*body16|body16.*hand21"):
        module(stores, store=hand).setup("fit")


def test_nothing_left_to_test_on(stores: Stores) -> None:
    with pytest.raises(UserError, match=rf"takes all {NUM_TEST} samples of data\.target_test"):
        module(stores, store=stores.target_test).setup("test")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num": 3}, r"set data\.labelled_target\.store"),
        ({"store": Path("x"), "num": 3, "rows": (1,)}, "both num and rows"),
        ({"store": Path("x"), "num": -1}, "must not be negative"),
        ({"store": Path("x"), "rows": (1, 1)}, "names a row twice"),
        ({"store": Path("x"), "batch_size": 0}, "at least 1"),
    ],
)
def test_values_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        LabelledTargetConfig(**options)


def test_a_keypoint_that_the_few_labels_alone_have_is_taught(
    stores: Stores, pictures: list[bytes], tmp_path: Path
) -> None:
    """Evaluation leaves out what nothing taught; body16 has two keypoints more than lsp14."""
    source = written(tmp_path / "source", pictures[:10], [2] * 10)
    data = module(Stores(source, stores.target, stores.target_test), num=3)
    alone = module(Stores(source, stores.target, stores.target_test), num=0)
    for one in (data, alone):
        one.setup("fit")
        one.setup("test")
    missing = [name not in LSP.keypoints for name in data.skeleton.keypoints]
    assert data.test_set.visible[:, missing].any()
    assert not alone.test_set.visible[:, missing].any()

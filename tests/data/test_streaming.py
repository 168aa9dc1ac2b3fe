"""Streamed targets: every row once a turn, positions by arithmetic, few shards at a time, a cache of bounded size."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from actupose.data.build import ShardResult, build_store
from actupose.data.remote import ShardFiles
from actupose.data.store import StoreMeta, open_store, shard_path, write_meta
from actupose.data.streaming import StreamConfig, StreamedTarget
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows

BODY = load_skeleton("body16")
NUM, SHARD, GROUP = 47, 5, 3  # ten shards, the last one of two rows; four blocks a turn, the last one of one shard
URL = "memory://bucket/target"


class Gaps(Rows):
    """Every seventh item is unusable."""

    def __call__(self, items: range) -> ShardResult:
        made = super().__call__(items)
        kept = [row for i, row in zip(items, made.rows, strict=True) if i % 7]
        return ShardResult(kept, [f"item {i}" for i in items if i % 7 == 0])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("streaming") / "store"
    build_store(out, StoreMeta(load_skeleton("lsp14"), 32, "fake", {}), NUM, Rows(), shard_size=SHARD)
    return out


@pytest.fixture
def url(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ACTUPOSE_CACHE", str(tmp_path / "cache"))
    memory = fsspec.filesystem("memory")
    memory.put(str(path), "/bucket/target", recursive=True)
    yield URL
    memory.rm("/bucket", recursive=True)


def stream(path: Path | str, seed: int = 3, cache_gib: float = 1.0) -> StreamedTarget:
    return StreamedTarget(path, BODY, 32, seed, StreamConfig(True, GROUP, cache_gib))


def rows(made: StreamedTarget, start: int, stop: int, step: int = 4) -> list[int]:
    found = [made.batch(range(i, min(i + step, stop))).row.tolist() for i in range(start, stop, step)]
    return [row for batch in found for row in batch]


def test_a_turn_has_every_row_once_in_an_order_of_its_own(path: Path) -> None:
    made = stream(path)
    turns = [rows(made, t * NUM, (t + 1) * NUM) for t in range(3)]
    assert [sorted(turn) for turn in turns] == [list(range(NUM))] * 3
    assert len({tuple(turn) for turn in turns}) == 3
    assert rows(stream(path, seed=4), 0, NUM) != turns[0] == rows(stream(path), 0, NUM, step=9)


def test_a_single_shard_is_shuffled_anew_each_turn(tmp_path: Path) -> None:
    build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake", {}), 7, Rows())
    order = rows(stream(tmp_path / "s"), 0, 21)
    assert len({tuple(order[i : i + 7]) for i in (0, 7, 14)}) == 3
    assert sorted(order) == sorted([*range(7)] * 3)


def test_a_block_is_a_few_shards_and_shuffled(path: Path) -> None:
    made = stream(path)
    order = rows(made, 0, NUM)
    for start in range(0, NUM - 14, 15):
        block = [row for at, row in enumerate(order) if made.place(at)[1] == made.place(start)[1]]
        assert len({row // SHARD for row in block}) <= GROUP
        assert block != sorted(block)


def test_any_position_is_had_at_once(path: Path) -> None:
    whole = rows(stream(path), 0, 3 * NUM)
    for start in (1, 40, 46, 47, 93, 130):
        assert stream(path).batch(range(start, start + 6)).row.tolist() == whole[start : start + 6]
    again = pickle.loads(pickle.dumps(stream(path)))
    assert again.batch(np.arange(0, 60, 2)).row.tolist() == whole[:60:2]  # a process's stripe


def test_the_images_are_the_stores(path: Path) -> None:
    from actupose.data.dataset import PoseDataset

    batch = stream(path).batch(range(40, 60))
    plain = PoseDataset(open_store(path), BODY, 32, labelled=False).batch(batch.row.numpy())
    assert torch.equal(batch.image, plain.image)
    assert stream(path).names([3, 46]) == ["item 3", "item 46"]
    assert batch._fields == ("image", "row")


def test_skipped_items_make_others_come_twice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="more than 5 %"):
        build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake", {}), NUM, Gaps(), shard_size=SHARD)
    (tmp_path / "s" / "REJECTED.json").unlink()
    seen = rows(stream(tmp_path / "s"), 0, NUM)
    store = open_store(tmp_path / "s")
    assert len(store) == 40
    assert set(stream(tmp_path / "s").names(sorted(set(seen)))) == set(store.rows["name"])
    assert max(seen.count(row) for row in seen) == 2


def test_a_url_is_read_block_by_block(path: Path, url: str) -> None:
    far, near = stream(url), stream(path)
    copies = far._files.folder / "shards"
    assert not list(copies.iterdir())
    first = far.batch(range(5))
    assert far._ahead is not None
    far._ahead.result()
    assert len(list(copies.iterdir())) == 2 * GROUP  # of this block and the next
    assert torch.equal(first.image, near.batch(range(5)).image)
    assert rows(far, 0, 2 * NUM) == rows(near, 0, 2 * NUM)
    assert not list(copies.glob("*.tmp*"))


def test_the_copies_stay_within_their_limit(path: Path, url: str) -> None:
    size = max(file.stat().st_size for file in (path / "shards").glob("*.arrow"))
    made = stream(url, cache_gib=7 * size / 2**30)
    for start in range(0, 2 * NUM, 4):
        made.batch(range(start, start + 4))
        if made._ahead is not None:
            made._ahead.result()
        held = [file.stat().st_size for file in (made._files.folder / "shards").glob("*.arrow")]
        assert sum(held) <= 10 * size  # 7, and a block that was fetched since
    assert len(held) < 10
    tight = ShardFiles(url, 0)
    tight.trim(keep=[])
    assert not list((tight.folder / "shards").iterdir())


def test_a_part_is_the_same_in_every_run(path: Path, url: str) -> None:
    parts = [stream(where, seed).part(8) for where, seed in ((path, 1), (url, 2))]
    assert parts[0].rows["name"][:] == parts[1].rows["name"][:]
    assert len(parts[0]) == 8
    assert len(set(parts[0].rows["name"])) == 8


def test_what_bad_input_says(path: Path, url: str, tmp_path: Path) -> None:
    fsspec.filesystem("memory").rm("/bucket/target/shards/00004.arrow")
    with pytest.raises(UserError, match=r"memory://bucket/target: no such store or file .*00004.arrow"):
        rows(stream(url), 0, NUM)
    with pytest.raises(UserError, match=r"memory://bucket/none: no such store"):
        stream("memory://bucket/none")
    with pytest.raises(UserError, match=r"nothing: no such folder"):
        stream(tmp_path / "nothing")
    for setting in ({"shards": 0}, {"cache_gib": 0.0}):
        with pytest.raises(UserError, match=r"data.stream: shards must be 1 or more"):
            replace(StreamConfig(), **setting)  # type: ignore[arg-type]
    meta = open_store(path).meta
    (tmp_path / "half" / "shards").mkdir(parents=True)
    write_meta(tmp_path / "half", meta, num_shards=10, complete=False)
    with pytest.raises(UserError, match=r"half: the store is not finished"):
        stream(tmp_path / "half")
    write_meta(tmp_path / "half", meta, num_shards=10, complete=True)
    with pytest.raises(UserError, match=f"{shard_path(tmp_path / 'half', 0).parent}.*shard is missing or broken"):
        rows(stream(tmp_path / "half"), 0, NUM)

"""Streaming: target images read block after block of shards, here or at a URL, without opening the whole store.

The stream is endless. A *turn* goes once through all shards in an order drawn from the seed; neighbours in that order
are a *block*, whose rows are shuffled. So which image stands at a position of the stream is arithmetic: nothing is read
to know it, a run resumes at any step, and processes take stripes of the one stream. A shard counts as many items as
``store.json`` says; where some were skipped, a block's first rows come twice, so that no shard need be opened to count.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from actupose.data.batch import UnlabeledBatch
from actupose.data.dataset import PoseDataset
from actupose.data.remote import ShardFiles
from actupose.data.store import PoseStore, complete_meta, open_shards
from actupose.errors import UserError
from actupose.skeletons import Skeleton

Array = NDArray[np.int64]
_BLOCKS_OPEN = 2  # a batch may begin in one block and end in the next


@dataclass(frozen=True)
class StreamConfig:
    """How a target is streamed.

    Attributes:
        enabled: read the target block by block rather than as a whole; for stores at a URL that are too large to copy.
        shards: shards a block, the range of the shuffle within a turn.
        cache_gib: most that copies of shards take on disk, GiB; the blocks in use stay even if they take more.
    """

    enabled: bool = False
    shards: int = 16
    cache_gib: float = 20.0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.shards < 1 or not self.cache_gib > 0:
            raise UserError("data.stream: shards must be 1 or more, and cache_gib positive.")


@dataclass(frozen=True)
class _Block:
    """The opened rows of a block and their shuffled order; ``row`` is each one's place in the whole store."""

    images: PoseDataset
    order: Array
    row: Array


class StreamedTarget(Dataset[UnlabeledBatch]):
    """Images of a store by their position in an endless stream; labels are never read.

    Args:
        path: folder or URL of the store.
        skeleton: of the model.
        size: S, side of the images that come out.
        seed: of the order.
        config: blocks and cache.

    Raises:
        UserError: there is no complete store at the path, or it cannot be read.
    """

    cached_on: torch.device | None = None  # as of a `PoseDataset` that decodes on demand

    def __init__(self, path: str | Path, skeleton: Skeleton, size: int, seed: int, config: StreamConfig) -> None:
        self._files = ShardFiles(path, int(config.cache_gib * 2**30))
        self.meta = complete_meta(self._files.folder, str(path))
        self._skeleton, self._size, self._seed, self._group = skeleton, size, seed, config.shards
        self._shard_size, self._items = (int(self.meta.recipe[key]) for key in ("shard_size", "items"))
        self._blocks: OrderedDict[tuple[int, int], _Block] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: Future[list[Path]] | None = None

    def __len__(self) -> int:
        """Positions of one turn."""
        return self._items

    def __getstate__(self) -> dict[str, Any]:
        """For copies and other processes: without opened blocks."""
        return {**self.__dict__, "_blocks": OrderedDict(), "_pool": None, "_ahead": None}

    def __getitem__(self, positions: Array) -> UnlabeledBatch:
        """The batch of some positions."""
        return self.batch(positions)

    def batch(self, positions: Array | range) -> UnlabeledBatch:
        """The images at ascending positions of the stream; ``row`` is their place in the store.

        Raises:
            UserError: a shard cannot be had, is broken, or an image cannot be decoded.
        """
        places = [self.place(int(p)) for p in positions]
        parts = []
        for turn, block in dict.fromkeys((t, b) for t, b, _ in places):
            held = self._block(turn, block)
            slots = np.array([s for t, b, s in places if (t, b) == (turn, block)])
            at = held.order[slots % len(held.order)]
            parts.append((held.images.batch(at).image, torch.from_numpy(held.row[at])))
        return UnlabeledBatch(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def place(self, position: int) -> tuple[int, int, int]:
        """Turn, block of the turn and slot of the block that a position stands for."""
        turn, offset = divmod(position, self._items)
        _, ends = self._turn(turn)
        block = int(np.searchsorted(ends, offset, side="right"))
        return turn, block, offset - (int(ends[block - 1]) if block else 0)

    def names(self, rows: list[int]) -> list[str]:
        """What the samples at some places of the store are called."""
        found = []
        for row in rows:
            shard, within = divmod(row, self._shard_size)
            found.append(str(open_shards([self._files.shard(shard)])[within]["name"]))
        return found

    def part(self, count: int) -> PoseStore:
        """Some images that are the same in every run on the store: a store of the first block's, drawn with seed 0.

        Args:
            count: how many; fewer where a block has fewer.
        """
        first = copy(self)
        first._seed = 0
        block = first._open(first._shards(0, 0).tolist(), 0, 0)
        return PoseStore(block.images.store.path, self.meta, block.images.store.rows.select(block.order[:count]))

    def _turn(self, turn: int) -> tuple[Array, Array]:
        """Order of the shards in a turn, and where its blocks end."""
        return _turn_order(self._items, self._shard_size, self._group, self._seed, turn)

    def _shards(self, turn: int, block: int) -> Array:
        """Shards of a block; of the first one of the next turn where the turn has no such block."""
        order, ends = self._turn(turn)
        if block == len(ends):
            return self._shards(turn + 1, 0)
        return order[block * self._group : (block + 1) * self._group]

    def _block(self, turn: int, block: int) -> _Block:
        key = (turn, block)
        if key not in self._blocks:
            now, then = (self._shards(turn, b).tolist() for b in (block, block + 1))
            if self._ahead is not None:
                self._ahead.exception()  # wait; what it could not fetch is asked for again, and told
            self._files.trim(keep={*now, *then})
            self._blocks[key] = self._open(now, turn, block)
            if self._files.remote:
                self._pool = self._pool or ThreadPoolExecutor(1)
                self._ahead = self._pool.submit(lambda: [self._files.shard(i) for i in then])
        self._blocks.move_to_end(key)
        while len(self._blocks) > _BLOCKS_OPEN:
            self._blocks.popitem(last=False)
        return self._blocks[key]

    def _open(self, shards: list[int], turn: int, block: int) -> _Block:
        import datasets

        tables = [open_shards([self._files.shard(i)]) for i in shards]
        total = sum(map(len, tables))
        if total == 0:
            raise UserError(f"{self._files.name}: shards {shards} hold no picture; set data.stream.shards higher.")
        row = np.concatenate([i * self._shard_size + np.arange(len(t)) for i, t in zip(shards, tables, strict=True)])
        store = PoseStore(self._files.folder, self.meta, datasets.concatenate_datasets(tables))
        images = PoseDataset(store, self._skeleton, self._size, labelled=False, cache="none")
        return _Block(images, _permutation(total, self._seed, turn, block + 1), row)


@lru_cache(maxsize=8)
def _turn_order(items: int, shard_size: int, group: int, seed: int, turn: int) -> tuple[Array, Array]:
    count = -(-items // shard_size)
    order = _permutation(count, seed, turn, 0)
    ends = np.cumsum(np.where(order == count - 1, items - (count - 1) * shard_size, shard_size))
    last = np.append(np.arange(group - 1, count - 1, group), count - 1)
    return order, ends[last]


def _permutation(count: int, *seeds: int) -> Array:
    return np.random.default_rng(seeds).permutation(count)

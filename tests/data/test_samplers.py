"""Samplers: constant length, stripes that partition one draw, rows used equally often."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from actupose.data.samplers import EpochSampler, endless_shuffle


def draw(epoch: int) -> Tensor:
    return torch.arange(12) + 100 * epoch


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_the_ranks_stripes_partition_the_one_draw(world: int) -> None:
    samplers = [EpochSampler(draw, 12, 5, rank, world) for rank in range(world)]
    for epoch in (0, 3):
        stripes = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            batches = [batch.tolist() for batch in sampler]
            assert len(batches) == len(sampler)
            assert all(len(batch) == 5 for batch in batches[:-1])
            stripes.append([index for batch in batches for index in batch])
            assert len(stripes[-1]) == 12 // world
        woven = [stripes[i % world][i // world] for i in range(12)]
        assert woven == draw(epoch).tolist()


def test_a_longer_draw_is_cut() -> None:
    sampler = EpochSampler(lambda _: torch.arange(50), 12, 4, 1, 2)
    assert [batch.tolist() for batch in sampler] == [[1, 3, 5, 7], [9, 11]]


def test_a_shorter_draw_gives_every_rank_as_many() -> None:
    samplers = [EpochSampler(lambda _: torch.arange(7), 12, 4, rank, 3) for rank in range(3)]
    assert [[batch.tolist() for batch in sampler] for sampler in samplers] == [[[0, 3]], [[1, 4]], [[2, 5]]]


def test_samples_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="12 samples an epoch do not divide among 5"):
        EpochSampler(draw, 12, 4, 0, 5)


@pytest.mark.parametrize(("rows", "samples"), [(10, 4), (7, 7), (5, 13), (1, 3), (9, 6)])
def test_every_row_is_used_equally_often(rows: int, samples: int) -> None:
    shuffled = endless_shuffle(rows, samples, seed=3)
    used: Counter[int] = Counter()
    for epoch in range(rows * 2):
        drawn = shuffled(epoch).tolist()
        assert len(drawn) == samples
        used.update(drawn)
        counts = [used[row] for row in range(rows)]
        assert max(counts) - min(counts) <= 1
        assert set(used) <= set(range(rows))
    assert set(counts) == {2 * samples}


def test_a_draw_depends_on_seed_and_epoch_alone() -> None:
    first = endless_shuffle(20, 15, seed=1)
    later = [first(epoch).tolist() for epoch in (4, 0, 4)]
    assert later[0] == later[2] == endless_shuffle(20, 15, seed=1)(4).tolist()
    assert later[0] != endless_shuffle(20, 15, seed=2)(4).tolist()
    assert sorted(first(0).tolist() + first(1).tolist()[:5]) == list(range(20))
    assert first(0).tolist() != sorted(first(0).tolist())

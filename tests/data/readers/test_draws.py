"""Published splits and draws against the calls that the published code makes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from actupose.data.readers.draws import fixed_subset, published_choices, published_split
from actupose.data.records import PoseRecord

RECORDS = tuple(PoseRecord(Path(f"{i}.jpg"), f"{i}.jpg") for i in range(5000))


@pytest.mark.parametrize(
    ("count", "test"), [(0, 0), (4, 0), (5, 1), (100, 20), (15_999, 3199), (16_000, 3200), (90_000, 3200)]
)
def test_split(count: int, test: int) -> None:
    random.seed(42)
    order = list(range(count))
    random.shuffle(order)
    state = random.getstate()
    got = published_split(count)
    assert got == (sorted(order[test:]), sorted(order[:test]))
    assert random.getstate() == state, "the global state is left alone"


def test_choices() -> None:
    random.seed(42)
    wanted = random.choices([r.name for r in RECORDS], k=3200)
    drawn = published_choices(RECORDS)
    assert [r.image for r in drawn] == [Path(name) for name in wanted]
    assert len({r.name for r in drawn}) == 3200
    assert {r.name for r in drawn if "~" not in r.name} == set(wanted)
    assert len(set(wanted)) < 3200, "some are drawn twice"


def test_subset() -> None:
    names = [r.name for r in fixed_subset(RECORDS)]
    assert len(set(names)) == 3200
    assert names == sorted(names, key=lambda n: int(n.split(".")[0]))
    assert names == [r.name for r in fixed_subset(RECORDS)]
    assert fixed_subset(RECORDS[:7]) == RECORDS[:7]

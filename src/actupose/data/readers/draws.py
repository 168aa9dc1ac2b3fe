"""The random splits and draws of the published experiments, repeated number by number, and ours.

The published code calls ``random.seed(42)`` and then one function of `random`; a `random.Random(42)` of one's own
gives the same numbers and leaves the global state alone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from actupose.data.readers.base import count_note
from actupose.data.records import PoseRecord

_SEED = 42
_TEST_SHARE, _TEST_MOST = 0.2, 3200


def published_split(count: int) -> tuple[list[int], list[int]]:
    """The published split by record: shuffle, then a fifth, at most 3,200, is the test set.

    Args:
        count: records in the order of the published files.

    Returns:
        Indices of the training and of the test records, each in rising order.
    """
    order = list(range(count))
    random.Random(_SEED).shuffle(order)
    cut = min(int(count * _TEST_SHARE), _TEST_MOST)
    return sorted(order[cut:]), sorted(order[:cut])


def published_part(records: Sequence[PoseRecord], split: str) -> tuple[list[PoseRecord], tuple[str, ...]]:
    """The records of ``published_train`` or ``published_test``, and a note where the latter are not 3,200."""
    train, test = published_split(len(records))
    if split == "published_train":
        return [records[i] for i in train], ()
    return [records[i] for i in test], count_note(len(test), _TEST_MOST, "test images of the published split")


def published_choices(records: Sequence[PoseRecord]) -> tuple[PoseRecord, ...]:
    """The published draw of 3,200 records with replacement; the second of one name is called ``name~2``, and on."""
    drawn = random.Random(_SEED).choices(records, k=_TEST_MOST)
    seen: Counter[str] = Counter()
    named = []
    for record in drawn:
        seen[record.name] += 1
        again = seen[record.name]
        named.append(record if again == 1 else replace(record, name=f"{record.name}~{again}"))
    return tuple(named)


def fixed_subset(records: Sequence[PoseRecord]) -> tuple[PoseRecord, ...]:
    """Ours: 3,200 records (all, if there are fewer) drawn once without replacement, in the order of the records."""
    count = min(_TEST_MOST, len(records))
    chosen = random.Random(_SEED).sample(range(len(records)), count)
    return tuple(records[i] for i in sorted(chosen))

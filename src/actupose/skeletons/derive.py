"""What a skeleton's file leaves out, derived from names and limbs (ours)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_WORD = re.compile("left|right", re.IGNORECASE)
_LETTER = re.compile(r"(?<![A-Za-z0-9])[LRlr](?![A-Za-z0-9])|(?<=[a-z])[LR](?![a-z])")
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def mirrored(name: str) -> str:
    """The name with left and right exchanged: words (``left_ear``, ``EarRight``), else letters (``ear_L``, ``pawR``).

    A name without a side comes back as it is.
    """
    pattern = _WORD if _WORD.search(name) else _LETTER
    return pattern.sub(lambda found: _as_written(found[0], _OTHER[found[0].lower()]), name)


def side_of(name: str) -> str:
    """``left``, ``right``, or an empty string where the name has no side."""
    found = _WORD.search(name) or _LETTER.search(name)
    return "" if found is None else {"l": "left", "r": "right"}[found[0][0].lower()]


def flip_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Indices of the names that are each other's `mirrored` name, each pair once, in order."""
    place = {name: i for i, name in enumerate(names)}
    pairs = [(i, place.get(mirrored(name), -1)) for i, name in enumerate(names)]
    return [(i, j) for i, j in pairs if i < j]


def chain(count: int) -> list[tuple[int, int]]:
    """Each keypoint joined to the next."""
    return list(pairwise(range(count)))


def meeting_limbs(limbs: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int, int]]:
    """Triplets ``(a, b, c)`` at every keypoint b where limbs meet, of neighbours that follow each other in order.

    Args:
        limbs: pairs of keypoint indices.
        count: number of keypoints.
    """
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for a, b in limbs:
        neighbours[a].add(b)
        neighbours[b].add(a)
    return [(a, b, c) for b in range(count) for a, c in pairwise(sorted(neighbours[b]))]


def _as_written(old: str, new: str) -> str:
    """``new`` in the case of ``old``."""
    if old.isupper():
        return new.upper()
    return new.capitalize() if old[0].isupper() else new

"""Pictures that stand in a store twice: equal bytes, and look-alikes by a perceptual hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR_BITS = 6  # of the 128 of a hash: the same picture, encoded or scaled again; ours, from copies of photographs
_SIDE = 8
_BRIGHTER = 1.0  # grey levels that count: less is what encoding changes in flat places
_CHUNK = 256


def byte_hash(data: bytes) -> bytes:
    """Hash of an encoded picture."""
    return hashlib.blake2b(data, digest_size=16).digest()


def look_hash(image: Image.Image) -> NDArray[np.uint64]:
    """Difference hash: whether each of 8 x 8 places is less bright than its neighbours to the right and below.

    Source: the dHash of Krawetz (2013), in both directions.

    Returns:
        (2,) uint64, 128 bits.
    """
    grey = image.convert("L").convert("F")  # floats: rounded means would tie
    small = np.asarray(grey.resize((_SIDE + 1, _SIDE + 1), Image.Resampling.BOX))
    right, below = small[:-1, 1:] - small[:-1, :-1] > _BRIGHTER, small[1:, :-1] - small[:-1, :-1] > _BRIGHTER
    return np.packbits(np.concatenate([right.ravel(), below.ravel()])).view(np.uint64)


def near_pairs(hashes: NDArray[np.uint64], most_bits: int = NEAR_BITS) -> list[tuple[int, int]]:
    """Pairs i < j of hashes that differ in at most so many bits.

    Args:
        hashes: (N, 2), from `look_hash`.
        most_bits: how many bits may differ.
    """
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(hashes), _CHUNK):
        rows = hashes[start : start + _CHUNK]
        apart = sum(np.bitwise_count(rows[:, None, k] ^ hashes[None, start:, k]).astype(np.int16) for k in (0, 1))
        first, second = np.nonzero(apart <= most_bits)
        later = second > first
        pairs += zip((first[later] + start).tolist(), (second[later] + start).tolist(), strict=True)
    return pairs


def duplicates_text(names: Sequence[str], exact: Sequence[bytes], looks: NDArray[np.uint64], total: int) -> str:
    """What is said of duplicates.

    Args:
        names: N names of the pictures that were looked at.
        exact: N hashes of `byte_hash`.
        looks: (N, 2) hashes of `look_hash`.
        total: pictures of the store.
    """
    again = sum(count - 1 for count in Counter(exact).values())
    near = [(i, j) for i, j in near_pairs(looks) if exact[i] != exact[j]]
    some = "" if len(names) == total else f" (of {len(names)} evenly spread samples)"
    lines = [f"  duplicates{some}: {again} with equal bytes, {len(near)} pairs that look alike"]
    lines += [f"    {names[i]}  ~  {names[j]}" for i, j in near[:5]]
    return "\n".join(lines)

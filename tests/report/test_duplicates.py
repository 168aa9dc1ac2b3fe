"""Duplicates: copies of real and of drawn pictures are found, other pictures are not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from actupose.report.duplicates import NEAR_BITS, byte_hash, duplicates_text, look_hash, near_pairs


def encoded_again(image: Image.Image) -> Image.Image:
    """Smaller, poorer, and a little brighter."""
    buffer = io.BytesIO()
    small = image.resize((image.width * 2 // 3, image.height * 2 // 3)).point(lambda v: min(255, v + 6))
    small.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


def distance(a: np.ndarray, b: np.ndarray) -> int:
    """Bits that differ, counted one by one."""
    return sum(bin(int(x) ^ int(y)).count("1") for x, y in zip(a, b, strict=True))


def test_near_pairs_against_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (300, 2), dtype=np.uint64)
    for i in range(0, 60, 3):  # a few copies with some bits changed, one pair across the chunks
        hashes[299 - i] = hashes[i]
        hashes[299 - i, 1] ^= np.uint64(2 ** (i // 3) - 1)
    slow = [(i, j) for i in range(300) for j in range(i + 1, 300) if distance(hashes[i], hashes[j]) <= NEAR_BITS]
    assert sorted(near_pairs(hashes)) == slow
    assert len(slow) == NEAR_BITS + 1


def test_real_photographs(shared_data: Path) -> None:
    paths = sorted((shared_data / "lspet" / "images").glob("*.jpg"))[:60]
    images = [Image.open(path).convert("RGB") for path in paths]
    looks = np.stack([look_hash(image) for image in (*images, *map(encoded_again, images))])
    assert looks.shape == (120, 2)
    found = near_pairs(looks)
    copies = {(i, i + 60) for i in range(60)}
    assert len(copies & set(found)) >= 57, "a copy is found, whatever its size and quality"
    strangers = [(i, j) for i, j in found if j - i != 60]
    assert len(strangers) <= 2, strangers


def test_what_is_said() -> None:
    looks = np.array([[0, 0], [0, 0], [0, 3], [2**40 - 1, 2**40 - 1]], np.uint64)
    exact = [byte_hash(d) for d in (b"a", b"a", b"b", b"c")]
    text = duplicates_text(["p", "q", "r", "s"], exact, looks, 9).splitlines()
    assert text[0] == "  duplicates (of 4 evenly spread samples): 1 with equal bytes, 2 pairs that look alike"
    assert text[1:] == ["    p  ~  r", "    q  ~  r"]

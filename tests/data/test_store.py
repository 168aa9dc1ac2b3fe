"""Opening a store: what comes back, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actupose.data.build import build_store
from actupose.data.store import StoreMeta, open_store, read_meta, write_json_atomically
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows, row


@pytest.fixture
def store(tmp_path: Path) -> Path:
    meta = StoreMeta(load_skeleton("lsp14"), 32, "fake", {"seed": 5})
    build_store(tmp_path / "s", meta, 7, Rows(), shard_size=3)
    return tmp_path / "s"


def test_every_column_comes_back(store: Path) -> None:
    opened = open_store(store)
    assert opened.meta.skeleton == load_skeleton("lsp14")
    assert (opened.meta.size, opened.meta.source, opened.meta.recipe["seed"]) == (32, "fake", 5)
    for i in range(7):
        got, made = opened.rows[i], row(i)
        np.testing.assert_array_equal(np.float32(got["keypoints"]).reshape(-1, 2), made.keypoints)
        assert got["visible"] == made.visible.tolist()
        assert got["crop"] == made.crop.reshape(-1).tolist()
        assert (got["name"], got["archetype"]) == (made.name, made.archetype)
        assert Image.open(io.BytesIO(got["image"])).size == (32, 32)


def test_equal_data_have_equal_fingerprints(store: Path) -> None:
    held = read_meta(store)
    assert held is not None
    assert held.fingerprint() == StoreMeta(held.skeleton, 32, "fake", dict(held.recipe)).fingerprint()
    assert held.fingerprint() != StoreMeta(held.skeleton, 64, "fake", dict(held.recipe)).fingerprint()
    assert held.fingerprint() != StoreMeta(load_skeleton("body16"), 32, "fake", dict(held.recipe)).fingerprint()


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder; make a store"):
        open_store(tmp_path / "nothing")


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no store"):
        open_store(tmp_path)


def test_a_broken_description(store: Path) -> None:
    (store / "store.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"store.json: is not readable JSON"):
        open_store(store)


def test_another_format(store: Path) -> None:
    data = json.loads((store / "store.json").read_text(encoding="utf-8"))
    write_json_atomically(store / "store.json", data | {"format": 99})
    with pytest.raises(UserError, match="store format 99"):
        open_store(store)


@pytest.mark.parametrize("content", [None, b"", b"not arrow at all"])
def test_a_broken_shard_is_named(store: Path, content: bytes | None) -> None:
    shard = store / "shards" / "00001.arrow"
    shard.unlink()
    if content is not None:
        shard.write_bytes(content)
    with pytest.raises(UserError, match=r"00001.arrow: shard is missing or broken"):
        open_store(store)

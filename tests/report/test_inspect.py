"""What `inspect_store` says about data whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.store import StoreMeta
from actupose.errors import UserError
from actupose.report.inspect import inspect_store
from actupose.skeletons import load_skeleton
from data.fakes import jpeg, write_folder
from tiny_stores import Stores


def known(items: range) -> ShardResult:
    """Joint 0 is missing in item 0 and hidden in item 1; items 0-2 stand, item 3 sits; all crops enlarge twice."""
    rows = []
    for i in items:
        visible = np.full(14, 2, np.uint8)
        visible[0] = min(i, 2)
        points = np.full((14, 2), 15.5, np.float32)
        crop = np.array([[2, 0, 5], [0, 2, 5]], np.float32)
        rows.append(StoreRow(jpeg(i), f"n{i}", points, visible, crop, "sit" if i == 3 else "stand"))
    return ShardResult(rows)


def test_the_numbers(tmp_path: Path) -> None:
    build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake", {"seed": 3}), 4, known, shard_size=3)
    text = inspect_store(tmp_path / "s", tmp_path / "deep" / "sheet.png")
    lines = text.splitlines()
    assert "4 samples of 32 x 32 pixels, skeleton lsp14" in lines[0]
    assert "labelled samples: 4 (100.0 %)" in text
    ankle = next(line for line in lines if "right_ankle" in line).split()
    assert ankle[1::2][:3] == ["25.0", "25.0", "50.0"]
    assert ankle[-2:] == ["0.50", "0.50"]
    assert "13 to 14, mean 13.8" in text
    assert [line.split() for line in lines if "stand" in line] == [["stand", "3", "75.0", "%"]]
    assert "median 2.00" in text
    with Image.open(tmp_path / "deep" / "sheet.png") as sheet:
        assert sheet.size == (4 * 36 + 4, 32 + 4 + 16 + 4)


def test_a_store_without_labels(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    prepare(read("folder", tmp_path / "photos"), tmp_path / "s", size=32)
    text = inspect_store(tmp_path / "s", tmp_path / "sheet.png")
    assert "labelled samples: 0 (0.0 %)" in text
    assert "right_ankle" not in text
    assert "reader folder" in text


def test_colours(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (32, 32), (255, 0, 51)).save(folder / "a.png")
    prepare(read("folder", folder), tmp_path / "s", size=32)
    line = next(line for line in inspect_store(tmp_path / "s").splitlines() if "mean" in line)
    values = [float(v) for v in line.split("mean ")[1].split(",")[0].split()]
    assert values == pytest.approx([1, 0, 0.2], abs=0.02)


def test_sizes_rates_and_duplicates(tmp_path: Path) -> None:
    def copies(items: range) -> ShardResult:
        """The third picture is the first one again; joint 0 of every sample is as `known` says."""
        made = known(items)
        made.rows[2] = replace(made.rows[2], image=made.rows[0].image)
        return made

    build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake"), 4, copies)
    text = inspect_store(tmp_path / "s")
    assert "joint missing or outside: 25.0 %; hidden: 25.0 %" in text
    assert "side of the crop in original pixels: 5 % 16, 50 % 16, 95 % 16" in text
    assert "duplicates: 1 with equal bytes, 0 pairs" in text
    assert "of 2 evenly spread samples" in inspect_store(tmp_path / "s", images=2)


def test_diversity_and_bins_of_rendered_people(stores: Stores, tmp_path: Path) -> None:
    text = inspect_store(stores.source, diversity=tmp_path / "d.png", n_bins=4)
    assert "pose complexity" in text
    assert "angular difference per bin" in text
    with Image.open(tmp_path / "d.png") as figure:
        assert figure.width > 1000
        assert np.asarray(figure.convert("L")).std() > 10


def test_what_needs_labels_says_so(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    prepare(read("folder", tmp_path / "photos"), tmp_path / "s", size=32)
    for wish in ({"n_bins": 4}, {"diversity": tmp_path / "d.png"}):
        with pytest.raises(UserError, match=r"has no labels, so no pose diversity"):
            inspect_store(tmp_path / "s", **wish)
    with pytest.raises(UserError, match=r"images 0, bins 0: at least 1 picture"):
        inspect_store(tmp_path / "s", images=0)
    assert "left and right" not in inspect_store(tmp_path / "s")


def test_no_store_and_no_place_for_the_sheet(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        inspect_store(tmp_path / "gone")
    build_store(tmp_path / "s", StoreMeta(load_skeleton("lsp14"), 32, "fake"), 1, known)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot write the sheet"):
        inspect_store(tmp_path / "s", tmp_path / "file" / "sheet.png")

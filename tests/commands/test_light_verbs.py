"""`synth`, `inspect` and `score` on a few rendered people, as a user calls them."""

import csv
import itertools
from pathlib import Path

import pytest
from PIL import Image

from actupose.cli import main
from actupose.data.store import open_store
from tiny_stores import NUM_SOURCE, Stores


def test_synth_then_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = tmp_path / "store", tmp_path / "sheet.png"
    args = ["synth", str(out), "--num=3", "--seed=5", "--workers=0", "--render.size=64", "--render.supersample=1"]
    assert main(args) == 0
    assert len(open_store(out)) == 3
    assert main([*args[:-2], "--render.size=96"]) == 2  # another recipe in the same folder
    assert "other settings" in capsys.readouterr().err
    assert main(["inspect", str(out), f"--sheet={sheet}"]) == 0
    assert "3 samples of 64 x 64" in capsys.readouterr().out
    with Image.open(sheet) as image:
        assert image.width > 3 * 64


def test_score_writes_every_sample_and_the_health_check(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.csv"
    assert main(["score", str(stores.source), "--n_bins=4", f"--out={out}"]) == 0
    assert "rank correlation of two seeds" in capsys.readouterr().out
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == NUM_SOURCE
    by_bin = [[float(r["score"]) for r in rows if r["bin"] == str(b)] for b in range(4)]
    assert all(max(easier) <= min(harder) for easier, harder in itertools.pairwise(by_bin))
    assert main(["score", str(stores.source), f"--out={out}"]) == 2  # never overwrites

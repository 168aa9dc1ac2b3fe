"""COCO export: valid by the format's own rules, and read back by our reader."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from actupose.data.coco_export import export_coco, run_lengths
from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.synth import SynthConfig, synthesize

SIZE = 96


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered") / "store"
    config = SynthConfig(size=SIZE, skeleton="coco17", labels=("box", "mask", "depth", "joints3d", "camera"))
    synthesize(out, 8, 3, config)
    return out


@pytest.fixture(scope="module")
def exported(store: Path) -> Path:
    return export_coco(store, store.parent / "coco")


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def decode(counts: list[int], height: int, width: int) -> np.ndarray:
    """The format's definition as a loop: runs of 0 and 1 in turn, down the columns."""
    values = [k % 2 for k, count in enumerate(counts) for _ in range(count)]
    return np.array(values).reshape(width, height).T


def test_every_annotation_keeps_the_rules_of_the_format(exported: Path) -> None:
    data, root = load(exported), exported.parent.parent
    images = {image["id"]: image for image in data["images"]}
    category = data["categories"][0]
    assert len(images) == len(data["images"]) == len(data["annotations"]) == 8
    assert len({a["id"] for a in data["annotations"]}) == 8
    assert all(1 <= end <= 17 for limb in category["skeleton"] for end in limb)
    limbs = {frozenset(category["keypoints"][end - 1] for end in limb) for limb in category["skeleton"]}
    assert frozenset({"left_knee", "left_ankle"}) in limbs
    for annotation in data["annotations"]:
        image = images[annotation["image_id"]]
        name = Path(image["file_name"])
        with Image.open(root / "images" / name) as picture:
            assert picture.size == (image["width"], image["height"]) == (SIZE, SIZE)
        table = np.reshape(annotation["keypoints"], (17, 3))
        assert annotation["num_keypoints"] == (table[:, 2] > 0).sum()
        assert (table[table[:, 2] == 0] == 0).all()
        assert annotation["iscrowd"] == 0
        assert annotation["category_id"] == category["id"]
        x, y, width, height = annotation["bbox"]
        assert x >= 0
        assert y >= 0
        assert width > 0
        assert height > 0
        assert x + width <= SIZE
        assert y + height <= SIZE
        mask = decode(annotation["segmentation"]["counts"], *annotation["segmentation"]["size"])
        beside = np.asarray(Image.open(root / "masks" / name.with_suffix(".png")))
        assert np.array_equal(mask > 0, beside > 0)
        assert annotation["area"] == mask.sum()
        rows, columns = mask.nonzero()
        assert columns.min() >= x
        assert columns.max() < x + width
        assert rows.min() >= y
        assert rows.max() < y + height
        assert (root / "depth" / name.with_suffix(".png")).is_file()


def test_our_reader_reads_it_back(store: Path, exported: Path, tmp_path: Path) -> None:
    rows = open_store(store).rows
    found = read("coco", exported.parent.parent)
    assert found.skeleton.name == "coco17"
    for row, record in zip(rows, found.records, strict=True):
        visible = np.asarray(row["visible"])
        assert record.visible is not None
        assert record.keypoints is not None
        assert record.visible.tolist() == visible.tolist()
        points = np.reshape(row["keypoints"], (-1, 2))
        assert record.keypoints[visible > 0] == pytest.approx(points[visible > 0], abs=1e-3)
        assert record.box == pytest.approx(row["box"])
        assert Path(str(record.image)).read_bytes() == row["image"]
    assert prepare(found, tmp_path / "again", size=64).num_rows == 8


def test_a_store_without_boxes_gets_those_of_its_keypoints(tmp_path: Path) -> None:
    synthesize(tmp_path / "plain", 3, 3, SynthConfig(size=64))
    data = load(export_coco(tmp_path / "plain", tmp_path / "coco"))
    for annotation in data["annotations"]:
        table = np.reshape(annotation["keypoints"], (-1, 3))
        points = table[table[:, 2] > 0][:, :2]
        x, y, width, height = annotation["bbox"]
        assert [x, y] == pytest.approx(points.min(0), abs=2e-3)
        assert [width, height] == pytest.approx(np.ptp(points, axis=0) + 1, abs=2e-3)
        assert annotation["area"] == pytest.approx(width * height)
    assert not (tmp_path / "coco" / "masks").exists()


def test_calling_again_mends_and_other_folders_are_left_alone(store: Path, exported: Path, tmp_path: Path) -> None:
    root = tmp_path / "coco"
    shutil.copytree(exported.parent.parent, root)
    before = exported.read_bytes()
    (root / exported.relative_to(exported.parent.parent)).unlink()
    next((root / "images").iterdir()).unlink()
    assert export_coco(store, root).read_bytes() == before
    assert len(list((root / "images").iterdir())) == 8
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="other files"):
        export_coco(store, tmp_path / "mine")
    with pytest.raises(UserError, match="is a file"):
        export_coco(store, tmp_path / "mine" / "thesis.txt")


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_decode_to_the_mask(seed: int) -> None:
    mask = np.random.default_rng(seed).random((5, 7)) < 0.5
    mask[0, 0] = bool(seed % 2)
    assert np.array_equal(decode(run_lengths(mask), 5, 7), mask)
    assert decode(run_lengths(np.zeros((2, 3), bool)), 2, 3).sum() == 0

"""From a reader's records to a store: bytes, bad items, refusals, and the real photographs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actupose.data.prepare import prepare, records_fingerprint
from actupose.data.readers import read
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import write_folder, write_lspet


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_crops_of_a_labelled_set(tmp_path: Path) -> None:
    joints = write_lspet(tmp_path / "lspet")
    report = prepare(read("lspet", tmp_path / "lspet", "all"), tmp_path / "s", size=64)
    store = open_store(report.path)
    assert (report.num_rows, store.meta.size, store.meta.skeleton.name) == (12, 64, "lsp14")
    assert store.meta.recipe["reader"] == "lspet"
    for i, got in enumerate(store.rows):
        crop = np.array(got["crop"]).reshape(2, 3)
        seen = np.array(got["visible"]) > 0
        assert seen.tolist() == [i % 3 > 0] + [True] * 13
        moved = joints[:, :2, i] @ crop[:, :2].T + crop[:, 2]
        np.testing.assert_allclose(np.array(got["keypoints"]).reshape(-1, 2)[seen], moved[seen], atol=1e-3)


def test_workers_do_not_change_the_bytes(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    found = read("lspet", tmp_path / "lspet", "all")
    for workers in (0, 2):
        prepare(found, tmp_path / str(workers), size=32, workers=workers, shard_size=4)
    assert contents(tmp_path / "0") == contents(tmp_path / "2")


def test_a_folder_becomes_an_unlabelled_store(tmp_path: Path) -> None:
    names = write_folder(tmp_path / "photos")
    prepare(read("folder", tmp_path / "photos"), tmp_path / "s", size=32)
    store = open_store(tmp_path / "s")
    assert store.rows["name"][:] == names
    assert store.meta.skeleton == load_skeleton("body16")
    assert not np.array(store.rows["visible"][:]).any()


def test_a_broken_image_among_many_is_listed(tmp_path: Path) -> None:
    root = tmp_path / "lspet"
    write_lspet(root, count=40)
    (root / "images" / "im00007.jpg").write_bytes(b"gone bad")
    (root / "images" / "im00009.jpg").unlink()
    report = prepare(read("lspet", root, "all"), tmp_path / "s", size=32)
    assert report.num_rows == len(open_store(tmp_path / "s")) == 38
    assert [line.split(":")[0] for line in report.problems] == ["im00007.jpg", "im00009.jpg"]
    listed = json.loads((tmp_path / "s" / "report.json").read_text(encoding="utf-8"))
    assert listed["skipped"] == report.problems


def test_too_many_absent_images_stop(tmp_path: Path) -> None:
    root = tmp_path / "lspet"
    write_lspet(root, count=40)
    for i in (3, 4, 5):
        (root / "images" / f"im{i:05d}.jpg").unlink()
    with pytest.raises(UserError, match=r"3 of 40 items are unusable.*im00003.jpg: no such image"):
        prepare(read("lspet", root, "all"), tmp_path / "s", size=32)


def test_other_data_of_the_same_root_are_refused(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    found = read("lspet", tmp_path / "lspet", "all")
    prepare(found, tmp_path / "s", size=32)
    for other, key in (
        (read("lspet", tmp_path / "lspet", "train"), "recipe.items"),
        (replace(found, records=found.records[::-1]), "recipe.records"),
    ):
        with pytest.raises(UserError, match=f"other settings.*{key}"):
            prepare(other, tmp_path / "s", size=32)
    with pytest.raises(UserError, match=r"recipe.expand: 1.5 there, 2.0 now"):
        prepare(found, tmp_path / "s", size=32, expand=2.0)


def test_the_fingerprint_sees_labels_boxes_names_and_files(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    records = read("lspet", tmp_path / "lspet", "all").records
    first = records[0]
    assert first.keypoints is not None
    assert first.visible is not None
    changed = [
        replace(first, keypoints=first.keypoints + 1),
        replace(first, visible=first.visible * 0),
        replace(first, box=(0.0, 0.0, 9.0, 9.0)),
        replace(first, name="other"),
        replace(first, image=b"bytes"),
    ]
    prints = {records_fingerprint((record, *records[1:])) for record in (first, *changed)}
    assert len(prints) == 6
    before = records_fingerprint(records)
    with (tmp_path / "lspet" / "images" / "im00001.jpg").open("ab") as file:
        file.write(b"\0")
    assert records_fingerprint(records) != before


def test_two_records_of_one_name(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    found = read("folder", tmp_path / "photos")
    with pytest.raises(UserError, match="2 records are called"):
        prepare(replace(found, records=(found.records[0], *found.records)), tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("settings", [{"size": 8}, {"size": 99999}, {"expand": 0.5}, {"expand": float("nan")}])
def test_settings_out_of_range(tmp_path: Path, settings: dict[str, float]) -> None:
    write_folder(tmp_path / "photos")
    with pytest.raises(UserError, match=next(iter(settings))):
        prepare(read("folder", tmp_path / "photos"), tmp_path / "s", **settings)  # type: ignore[arg-type]


def test_real_photographs(tmp_path: Path, shared_data: Path) -> None:
    found = read("lspet", shared_data / "lspet", "test")
    few = replace(found, records=found.records[::10])
    assert prepare(few, tmp_path / "s", size=256).problems == []
    for record, got in zip(few.records, open_store(tmp_path / "s").rows, strict=True):
        crop = np.vstack([np.array(got["crop"]).reshape(2, 3), [0, 0, 1]])
        seen = np.array(got["visible"]) > 0
        points = np.array(got["keypoints"]).reshape(-1, 2)[seen]
        back = np.linalg.solve(crop, np.column_stack([points, np.ones(len(points))]).T)[:2].T
        assert record.keypoints is not None
        np.testing.assert_allclose(back, record.keypoints[seen], atol=1e-3)
        spread = points.max(0) - points.min(0)
        assert spread.max() == pytest.approx(256 / 1.5, abs=0.01), "the longer side of the joint box fills 2/3"
        np.testing.assert_allclose((points.max(0) + points.min(0)) / 2, 127.5, atol=0.01)

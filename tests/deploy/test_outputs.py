"""What is written, read back by the tools it is written for."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sleap_io
import yaml

from actupose.data.readers import read
from actupose.data.readers.dlc_table import read_table
from actupose.deploy.outputs import FORMATS, writer_classes
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from deploy.rows import FRAMES, SKELETON, frame_rows, image_rows, make_files, write

ROWS = [*image_rows(), *frame_rows()]
PEOPLE = [(row, k, person) for row in ROWS for k, person in enumerate(row.people)]


def test_every_format_leaves_its_file_and_nothing_else(tmp_path: Path) -> None:
    out = write(tmp_path / "out", ROWS, *FORMATS)
    names = {cls.name for cls in writer_classes(list(FORMATS))}
    assert {p.name for p in out.iterdir()} == names
    again = write(tmp_path / "out", ROWS, *FORMATS)
    assert {p.name for p in again.iterdir()} == names


def test_every_format_takes_nobody(tmp_path: Path) -> None:
    out = write(tmp_path / "out", [row for row in ROWS if not row.people], *FORMATS)
    assert json.loads((out / "predictions.json").read_text()) == []
    assert pq.read_table(out / "predictions.parquet").num_rows == 0
    assert len((out / "predictions.csv").read_text().splitlines()) == 1
    assert not sleap_io.load_slp(str(out / "predictions.slp"), open_videos=False).labeled_frames
    assert pd.read_hdf(out / "deeplabcut" / "imagesDLC_actupose.h5").isna().all(axis=None)


def test_an_abandoned_writer_leaves_the_old_file(tmp_path: Path) -> None:
    from actupose.deploy.outputs import OutputJob

    write(tmp_path, ROWS, *FORMATS)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    job = OutputJob(tmp_path, SKELETON, lambda row: tmp_path / row.name)
    for cls in writer_classes(list(FORMATS)):
        writer = cls(job)
        writer.write(ROWS[:2])
        writer.abandon()
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_coco_results(tmp_path: Path) -> None:
    found = json.loads((write(tmp_path, ROWS, "coco") / "predictions.json").read_text(encoding="utf-8"))
    assert [(f["image_id"], f["file_name"]) for f in found] == [(row.number + 1, row.name) for row, _, _ in PEOPLE]
    for entry, (_, _, person) in zip(found, PEOPLE, strict=True):
        triples = np.reshape(entry["keypoints"], (14, 3))
        np.testing.assert_array_equal(triples[:, :2], person.keypoints)
        np.testing.assert_array_equal(triples[:, 2], person.confidence)
        assert entry["score"] == pytest.approx(person.confidence.mean(), abs=1e-4)
        assert entry["peaks"] == person.peaks.tolist()
        assert entry["category_id"] == 1
    assert [f.get("bbox") for f in found][:3] == [None, [3.0, 4.0, 30.0, 37.5], [8.0, 8.0, 12.0, 22.0]]


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "csv", "parquet")
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "predictions.csv"), table.astype({"frame": float}), check_dtype=False
    )
    assert table["person"].tolist() == [k for _, k, _ in PEOPLE]
    assert table["file_name"].tolist() == [row.name for row, _, _ in PEOPLE]
    assert table["time"].dropna().tolist() == [row.time for row, _, _ in PEOPLE if row.time is not None]
    assert table["box_x1"].dropna().tolist() == [33.0, 20.0]
    for k, name in enumerate(SKELETON.keypoints):
        np.testing.assert_array_equal(table[f"{name}_y"], [p.keypoints[k, 1] for _, _, p in PEOPLE])
        np.testing.assert_array_equal(table[f"{name}_confidence"], [p.confidence[k] for _, _, p in PEOPLE])
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(table.columns)


def test_tables_are_written_in_large_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actupose.deploy.outputs import table

    write(tmp_path, ROWS * 2, "csv", "parquet")
    assert pq.ParquetFile(tmp_path / "predictions.parquet").num_row_groups == 1
    whole = pq.read_table(tmp_path / "predictions.parquet"), (tmp_path / "predictions.csv").read_bytes()
    monkeypatch.setattr(table, "_AT_ONCE", 2)
    write(tmp_path, ROWS * 2, "csv", "parquet")
    assert pq.ParquetFile(tmp_path / "predictions.parquet").num_row_groups == 2
    assert (pq.read_table(tmp_path / "predictions.parquet"), (tmp_path / "predictions.csv").read_bytes()) == whole


def test_deeplabcut_reads_a_video(tmp_path: Path) -> None:
    """As DeepLabCut does: read_hdf without a key, and the CSV with three header rows."""
    folder = write(tmp_path, ROWS, "deeplabcut") / "deeplabcut" / "clips"
    table = pd.read_hdf(folder / "vDLC_actupose.h5")
    assert list(table.columns.names) == ["scorer", "bodyparts", "coords"]
    assert table.index.tolist() == list(range(FRAMES))
    pd.testing.assert_frame_equal(pd.read_csv(folder / "vDLC_actupose.csv", header=[0, 1, 2], index_col=0), table)
    for row in frame_rows():
        values = table.loc[row.frame].to_numpy().reshape(14, 3)
        if row.people:
            np.testing.assert_array_equal(values[:, :2], row.people[0].keypoints)
            np.testing.assert_array_equal(values[:, 2], row.people[0].confidence)
        else:
            assert np.isnan(values).all()
    with pd.HDFStore(folder / "vDLC_actupose.h5") as store:
        assert store.keys() == ["/df_with_missing"]
        assert store.get_storer("df_with_missing").is_table


def test_deeplabcut_of_a_part_of_the_frames_counts_all(tmp_path: Path) -> None:
    rows = frame_rows(0)[2::3]
    table = pd.read_hdf(write(tmp_path, rows, "deeplabcut") / "deeplabcut" / "clips" / "vDLC_actupose.h5")
    assert table.notna().any(axis=1).tolist() == [False, False, True, False, False, True]


def test_deeplabcut_of_several_people_has_individuals(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "deeplabcut")
    table = pd.read_hdf(tmp_path / "deeplabcut" / "imagesDLC_actupose.h5")
    assert list(table.columns.names) == ["scorer", "individuals", "bodyparts", "coords"]
    assert table.index.tolist() == [row.name for row in image_rows()]
    both = table.loc["deep/b.png"].to_numpy().reshape(2, 14, 3)
    for values, person in zip(both, image_rows()[1].people, strict=True):
        np.testing.assert_array_equal(values[:, :2], person.keypoints)
    assert table.loc["a.png"].notna().sum() == 14 * 3


@pytest.mark.parametrize("most", [1, 2])
def test_our_reader_of_deeplabcut_projects_reads_it_back(tmp_path: Path, most: int) -> None:
    """The table of a project's own frames, put where its labels lie, gives the same people as records."""
    project = tmp_path / "project"
    rows = [r for r in image_rows(most) if r.people]
    names = {"a.png": "labeled-data/v/a.png", "deep/b.png": "labeled-data/v/b.png"}
    rows = [type(r)(r.number, names[r.name], None, None, None, r.people) for r in rows]
    (project / "labeled-data" / "v").mkdir(parents=True)
    write(tmp_path / "out", rows, "deeplabcut")
    table = tmp_path / "out" / "deeplabcut" / "imagesDLC_actupose.csv"
    shutil.copy(table, project / "labeled-data" / "v" / "CollectedData_me.csv")
    config = {"Task": "t", "scorer": "me", "bodyparts": list(SKELETON.keypoints), "multianimalproject": False}
    if most > 1:
        config |= {"multianimalproject": True, "multianimalbodyparts": config.pop("bodyparts"), "bodyparts": "MULTI!"}
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    found = read("deeplabcut", project).records
    wanted = sorted((row.name.removeprefix("labeled-data/"), p.keypoints.tolist()) for row in rows for p in row.people)
    got = sorted((r.name.split("#")[0], r.keypoints.astype(float).round(2).tolist()) for r in found)  # type: ignore[union-attr]
    assert got == wanted
    assert set(read_table(table).coords) == {"x", "y", "likelihood"}


def test_two_videos_of_one_stem_have_two_tables(tmp_path: Path) -> None:
    write(tmp_path, [*frame_rows(0, "v.mp4"), *frame_rows(6, "v.avi")], "deeplabcut")
    names = {p.name for p in (tmp_path / "deeplabcut").glob("*.h5")}
    assert names == {"vDLC_actupose.h5", "v.aviDLC_actupose.h5"}


def test_sleap_reads_it_back(tmp_path: Path) -> None:
    make_files(tmp_path)
    write(tmp_path / "out", ROWS, "sleap", root=tmp_path)
    labels = sleap_io.load_slp(str(tmp_path / "out" / "predictions.slp"))
    skeleton = load_skeleton(tmp_path / "out" / "predictions.slp")
    assert (skeleton.keypoints, skeleton.limbs) == (SKELETON.keypoints, SKELETON.limbs)
    assert set(map(frozenset, skeleton.flip_pairs)) == set(map(frozenset, SKELETON.flip_pairs))
    images, video = labels.videos
    assert [Path(name) for name in images.filename] == [tmp_path / row.name for row in image_rows()]
    assert Path(video.filename) == tmp_path / "clips" / "v.mp4"
    assert video[2].shape[:2] == (48, 66), "SLEAP finds the frames"
    rows = {(row.video is not None, row.number if row.video is None else row.frame): row for row in ROWS}
    places = [(frame.video is video, frame.frame_idx) for frame in labels.labeled_frames]
    assert sorted(places) == sorted(place for place, row in rows.items() if row.people)
    for frame in labels.labeled_frames:
        row = rows[frame.video is video, frame.frame_idx]
        assert len(frame.predicted_instances) == len(row.people)
        for instance, person in zip(frame.predicted_instances, row.people, strict=True):
            np.testing.assert_allclose(instance.numpy(), person.keypoints, atol=1e-6)
            np.testing.assert_allclose(instance.points["score"], person.confidence, atol=1e-6)
            assert instance.score == pytest.approx(person.score)


def test_our_reader_of_sleap_projects_reads_mended_predictions(tmp_path: Path) -> None:
    """A person who mends a prediction in SLEAP makes a labelled instance of it; predictions alone are no labels."""
    make_files(tmp_path)
    path = write(tmp_path, ROWS, "sleap") / "predictions.slp"
    with pytest.raises(UserError, match="holds no labelled instance"):
        read("sleap", path)
    labels = sleap_io.load_slp(str(path))
    for frame in labels.labeled_frames:
        frame.instances = [sleap_io.Instance.from_numpy(i.numpy(), i.skeleton) for i in frame.instances]
    labels.save(str(path), verbose=False)
    found = read("sleap", path)
    assert found.skeleton.keypoints == SKELETON.keypoints
    for record, (row, _, person) in zip(found.records, PEOPLE, strict=True):
        assert record.keypoints is not None
        np.testing.assert_allclose(record.keypoints, person.keypoints, atol=1e-4)
        assert str(tmp_path / (row.video or row.name)) in str(record.image)


def test_unknown_formats_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no format 'coc' \(formats: coco, csv.*did you mean 'coco'"):
        writer_classes(["csv", "coc"])
    for package, name, extra in (("tables", "deeplabcut", "dlc"), ("sleap_io", "sleap", "sleap")):
        with monkeypatch.context() as patch:
            patch.setitem(__import__("sys").modules, package, None)
            with pytest.raises(UserError, match=rf"format {name} needs .*actupose\[{extra}\]"):
                writer_classes([name])

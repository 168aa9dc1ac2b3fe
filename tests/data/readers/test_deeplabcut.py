"""DeepLabCut projects of one and of several animals, from CSV and HDF5."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from actupose.data.prepare import prepare
from actupose.data.readers import ReadResult, read
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes.deeplabcut import CONFIG, PARTS, write_deeplabcut


def check(found: ReadResult, name: str, truth: np.ndarray) -> None:
    record = next(r for r in found.records if r.name == name)
    assert record.keypoints is not None
    assert record.visible is not None
    labelled = np.isfinite(truth).all(1)
    np.testing.assert_array_equal(record.visible, np.where(labelled, 2, 0))
    np.testing.assert_allclose(record.keypoints[labelled], truth[labelled], atol=1e-4)


@pytest.mark.parametrize("parts_of_path", [False, True])
@pytest.mark.parametrize("kind", ["csv", "h5"])
def test_one_animal(tmp_path: Path, kind: str, parts_of_path: bool) -> None:
    labels = write_deeplabcut(tmp_path, kind=kind, parts_of_path=parts_of_path)
    found = read("deeplabcut", tmp_path)
    assert [r.name for r in found.records] == [f"{v}/img{i:03d}.png" for v in ("cage", "field") for i in range(3)]
    assert found.skeleton.keypoints == tuple(PARTS)
    assert found.skeleton.limbs == ((0, 1), (0, 2), (0, 3))
    assert found.skeleton.flip_pairs == ((1, 2),)
    assert "derived flip_pairs" in found.notes[0]
    for v, video in enumerate(("cage", "field")):
        for i in range(3):
            check(found, f"{video}/img{i:03d}.png", labels[v, i, 0])
    assert [r.name for r in read("deeplabcut", tmp_path, "field").records] == [
        f"field/img{i:03d}.png" for i in range(3)
    ]


@pytest.mark.parametrize("kind", ["csv", "h5"])
def test_several_animals(tmp_path: Path, kind: str) -> None:
    labels = write_deeplabcut(tmp_path, animals=("a", "b"), kind=kind)
    found = read("deeplabcut", tmp_path)
    assert len(found.records) == 2 * (3 * 2 - 1), "one animal of each second frame is unlabelled"
    assert found.skeleton.keypoints == tuple(PARTS), "the corner belongs to no animal"
    for k, animal in enumerate("ab"):
        check(found, f"field/img002.png#{animal}", labels[1, 2, k])


def test_to_a_store_in_another_skeleton(tmp_path: Path) -> None:
    write_deeplabcut(tmp_path / "project")
    own = load_skeleton(tmp_path / "project")
    assert read("deeplabcut", tmp_path / "project", skeleton=own).skeleton == own
    found = read("deeplabcut", tmp_path / "project", skeleton=load_skeleton("coco17"), renames={"snout": "nose"})
    assert "snout -> nose" in "".join(found.notes)
    report = prepare(found, tmp_path / "s", size=32)
    assert (report.num_rows, report.problems) == (6, [])


def change(pattern: str, by: str) -> Callable[[Path], object]:
    def act(root: Path) -> object:
        path = root / "labeled-data/cage/CollectedData_me.csv"
        text = path.read_text(encoding="utf-8")
        assert pattern in text
        return path.write_text(text.replace(pattern, by), encoding="utf-8")

    return act


def truncate(name: str, share: float) -> Callable[[Path], object]:
    def act(root: Path) -> object:
        path = root / name
        return path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return act


CAGE = "labeled-data/cage/CollectedData_me.csv"
BAD: list[tuple[Callable[[Path], object], str]] = [
    (truncate(CAGE, 0.8), r"CollectedData_me.csv: row \d \(labeled.*\) needs 8 numbers"),
    (truncate(CAGE, 0.1), "CollectedData_me.csv: has no header of scorer"),
    (truncate(CAGE, 0), "CollectedData_me.csv: has no header of scorer"),
    (
        change("labeled-data/cage/img001.png", "../../etc/img001.png"),
        "row 2: its image '../../etc/img001.png' lies out",
    ),
    (change("labeled-data/cage/img001.png", "/etc/img001.png"), "row 2: its image '/etc/img001.png' lies outside"),
    (change("snout", "snuot"), "has body part 'snuot', which config.yaml lacks.*did you mean 'snout'"),
    (change("coords,x", "coords,depth"), "its columns must be x and y of body parts"),
    (lambda root: (root / CAGE).write_bytes(b"\xff\xfe\x00"), "is not a readable CSV"),
    (lambda root: (root / "config.yaml").unlink(), r"config.yaml: no such file"),
    (lambda root: (root / "config.yaml").write_text("bodyparts: 3"), "'bodyparts' is no list of names"),
    (lambda root: (root / CAGE).with_name("CollectedData_x.csv").write_text(""), None),  # another scorer's: left alone
]


@pytest.mark.parametrize(("act", "message"), BAD)
def test_bad_projects(tmp_path: Path, act: Callable[[Path], object], message: str | None) -> None:
    write_deeplabcut(tmp_path)
    act(tmp_path)
    if message is None:
        assert len(read("deeplabcut", tmp_path).records) == 6
        return
    with pytest.raises(UserError, match=message):
        read("deeplabcut", tmp_path)


def test_several_scorers_of_whom_none_is_the_projects(tmp_path: Path) -> None:
    write_deeplabcut(tmp_path)
    path = tmp_path / CAGE
    path.with_name("CollectedData_you.csv").write_bytes(path.read_bytes())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"scorer": "they"}), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"cage: has tables of several scorers \(CollectedData_me.csv, CollectedData_you"
    ):
        read("deeplabcut", tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_hdf5(tmp_path: Path, share: float) -> None:
    write_deeplabcut(tmp_path, kind="h5")
    truncate("labeled-data/field/CollectedData_me.h5", share)(tmp_path)
    with pytest.raises(UserError, match=r"field/CollectedData_me.h5: is not a readable DeepLabCut HDF5 table"):
        read("deeplabcut", tmp_path)


def test_pickles_in_hdf5_are_not_loaded(tmp_path: Path) -> None:
    import h5py

    write_deeplabcut(tmp_path, kind="h5")
    mark = tmp_path / "ran"
    with h5py.File(tmp_path / "labeled-data/field/CollectedData_me.h5", "a") as file:
        evil = f"cposix\nsystem\n(S'touch {mark}'\ntR."
        file["df_with_missing"].attrs["encoding"] = np.bytes_(evil.encode())
    assert len(read("deeplabcut", tmp_path).records) == 6
    assert not mark.exists()


def test_frames_that_are_gone_are_counted(tmp_path: Path) -> None:
    write_deeplabcut(tmp_path / "p")
    (tmp_path / "p/labeled-data/cage/img000.png").unlink()
    report = prepare(read("deeplabcut", tmp_path / "p"), tmp_path / "s", size=32)
    assert report.num_rows == 5
    assert "cage/img000.png: no such image" in report.problems[0]

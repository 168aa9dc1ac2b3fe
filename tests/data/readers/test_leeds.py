"""LSP and LSP-extended: fakes in their layouts, the real files, and bad input."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from actupose.data.readers import read
from actupose.errors import UserError
from data.fakes import write_lsp, write_lspet


def test_lspet_labels(tmp_path: Path) -> None:
    joints = write_lspet(tmp_path)
    found = read("lspet", tmp_path, "all")
    assert [r.name for r in found.records] == [f"im{i:05d}.jpg" for i in range(1, 13)]
    assert found.skeleton.name == "lsp14"
    for i, record in enumerate(found.records):
        assert record.keypoints is not None
        assert record.visible is not None
        np.testing.assert_allclose(record.keypoints, joints[:, :2, i], rtol=1e-6)
        assert record.visible.tolist() == [0 if i % 3 == 0 else 2] + [2] * 13
        assert record.box is None
        assert isinstance(record.image, Path)
        assert record.image.is_file()


def test_lsp_labels(tmp_path: Path) -> None:
    joints = write_lsp(tmp_path)
    found = read("lsp", tmp_path, "all")
    assert [r.name for r in found.records] == [f"im{i:04d}.jpg" for i in range(1, 11)]
    for i, record in enumerate(found.records):
        assert record.keypoints is not None
        assert record.visible is not None
        np.testing.assert_allclose(record.keypoints, joints[:2, :, i].T, rtol=1e-6)
        assert record.visible.tolist() == [2] * 5 + [1 if i % 2 == 0 else 2] + [2] * 8


@pytest.mark.parametrize(("name", "train", "test"), [("lspet", 10, 2), ("lsp", 5, 5)])
def test_splits_of_a_cut_set(tmp_path: Path, name: str, train: int, test: int) -> None:
    (write_lspet if name == "lspet" else write_lsp)(tmp_path)
    parts = [[r.name for r in read(name, tmp_path, s).records] for s in ("train", "test", "all")]
    assert (len(parts[0]), len(parts[1])) == (train, test)
    assert parts[0] + parts[1] == parts[2]


def test_splits_of_the_whole_lspet(tmp_path: Path) -> None:
    joints = np.ones((14, 3, 10_000))
    (tmp_path / "images").mkdir()
    savemat(tmp_path / "joints.mat", {"joints": joints})
    for i in (1, 2501):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"im{i:05d}.jpg")
    names = {s: [r.name for r in read("lspet", tmp_path, s).records] for s in ("train", "test", "all")}
    assert (names["train"][0], names["train"][-1]) == ("im00001.jpg", "im02500.jpg")
    assert (names["test"][0], names["test"][-1]) == ("im02501.jpg", "im03000.jpg")
    assert len(names["all"]) == 10_000


def test_body16_by_name(tmp_path: Path) -> None:
    from actupose.skeletons import load_skeleton

    joints = write_lspet(tmp_path)
    found = read("lspet", tmp_path, "all", skeleton=load_skeleton("body16"))
    assert found.skeleton.name == "body16"
    record = found.records[1]
    assert record.keypoints is not None
    assert record.visible is not None
    np.testing.assert_allclose(record.keypoints[9], joints[13, :2, 1], rtol=1e-6)
    assert record.visible[[6, 7]].tolist() == [0, 0]
    assert record.visible.sum() == 28


def test_the_published_split_of_lsp_is_every_image(tmp_path: Path) -> None:
    write_lsp(tmp_path)
    found = read("lsp", tmp_path, "published")
    assert [r.name for r in found.records] == [r.name for r in read("lsp", tmp_path, "all").records]
    assert any("for training and test alike" in note for note in found.notes)


@pytest.mark.parametrize(("name", "count"), [("lsp", "2,000"), ("lspet", "3,000")])
def test_counts_that_are_not_the_published_ones_are_said(tmp_path: Path, name: str, count: str) -> None:
    (write_lspet if name == "lspet" else write_lsp)(tmp_path)
    assert any(f"{count} in the published dataset" in note for note in read(name, tmp_path, "all").notes)


# -- the real files


def test_real_counts(shared_data: Path, tmp_path: Path) -> None:
    assert read("lspet", shared_data / "lspet", "all").notes == ()
    shutil.copy(shared_data / "lsp" / "joints.mat", tmp_path)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "im0001.jpg")
    assert read("lsp", tmp_path, "all").notes == ()


def test_real_lspet(shared_data: Path) -> None:
    root = shared_data / "lspet"
    counts = {s: len(read("lspet", root, s).records) for s in ("train", "test", "all")}
    assert counts == {"train": 2500, "test": 500, "all": 3000}
    raw = loadmat(str(root / "joints.mat"))["joints"]
    records = read("lspet", root, "all").records
    labelled = sum(int((r.visible > 0).sum()) for r in records if r.visible is not None)
    assert labelled == int(raw[:, 2].sum()) == 36_984
    last = read("lspet", root, "test").records[-1]
    assert last.keypoints is not None
    np.testing.assert_allclose(last.keypoints, raw[:, :2, 2999], rtol=1e-6)


def test_real_lspet_coordinates_start_at_zero(shared_data: Path) -> None:
    """They are whole steps of (side - 1)/540 along the longer side, counted from 0; from 1 the pattern is gone."""
    strength = {}
    records = read("lspet", shared_data / "lspet", "all").records[::3]
    for start in (0, 1):
        phases = []
        for record in records:
            assert isinstance(record.image, Path)
            assert record.keypoints is not None
            assert record.visible is not None
            with Image.open(record.image) as image:
                size = image.size
            axis = 0 if size[0] >= size[1] else 1
            along = record.keypoints[record.visible > 0, axis].astype(float)
            phases.append((along - start) * 540.25 / (size[axis] - 1))
        strength[start] = abs(np.exp(2j * np.pi * np.concatenate(phases)).mean())
    assert strength[0] > 0.2
    assert strength[1] < 0.1


def test_real_lsp_has_labels_but_no_images(shared_data: Path) -> None:
    if (shared_data / "lsp" / "images").is_dir():
        pytest.skip("LSP's images are there")
    with pytest.raises(UserError, match=r"images: no such folder \(images of LSP\); copy"):
        read("lsp", shared_data / "lsp", "test")


def test_real_lsp_labels(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "joints.mat").write_bytes((shared_data / "lsp" / "joints.mat").read_bytes())
    (tmp_path / "images").mkdir()
    for i in (1, 1001):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"im{i:04d}.jpg")
    found = read("lsp", tmp_path, "test")
    assert (len(found.records), found.records[0].name) == (1000, "im1001.jpg")
    visible = np.stack([r.visible for r in read("lsp", tmp_path, "all").records if r.visible is not None])
    assert (visible == 1).mean() == pytest.approx(0.073, abs=1e-3)
    assert (visible == 0).sum() == 0


# -- bad input


def test_a_missing_root(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such folder .*joints.mat and images/"):
        read("lspet", tmp_path / "nowhere", "train")


def test_a_root_without_joints(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"joints.mat: no such file"):
        read("lsp", tmp_path, "train")


@pytest.mark.parametrize("content", [b"", b"hello", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_a_broken_mat(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "joints.mat").write_bytes(content)
    with pytest.raises(UserError, match=r"joints.mat: (is not a readable MATLAB file|holds no array 'joints')"):
        read("lspet", tmp_path, "train")


def test_a_mat_cut_short(tmp_path: Path) -> None:
    write_lspet(tmp_path, count=50)
    data = (tmp_path / "joints.mat").read_bytes()
    (tmp_path / "joints.mat").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"joints.mat: is not a readable MATLAB file"):
        read("lspet", tmp_path, "train")


def test_the_other_format_is_named(tmp_path: Path) -> None:
    write_lsp(tmp_path / "lsp")
    write_lspet(tmp_path / "lspet")
    with pytest.raises(UserError, match=r"'joints' is \(3, 14, 10\).*read it as 'lsp'"):
        read("lspet", tmp_path / "lsp", "train")
    with pytest.raises(UserError, match=r"'joints' is \(14, 3, 12\).*read it as 'lspet'"):
        read("lsp", tmp_path / "lspet", "train")


@pytest.mark.parametrize("joints", [np.zeros((14, 3)), np.zeros((14, 3, 0)), np.array([["a"]])])
def test_a_wrong_array(tmp_path: Path, joints: np.ndarray) -> None:
    savemat(tmp_path / "joints.mat", {"joints": joints})
    with pytest.raises(UserError, match=r"joints.mat: 'joints' is"):
        read("lspet", tmp_path, "train")


def test_a_mat_of_something_else(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"points": np.zeros(3)})
    with pytest.raises(UserError, match="holds no array 'joints'"):
        read("lsp", tmp_path, "all")


def test_images_of_another_set(tmp_path: Path) -> None:
    write_lspet(tmp_path)
    for path in (tmp_path / "images").iterdir():
        path.rename(path.with_name("x" + path.name))
    with pytest.raises(UserError, match=r"holds none of im00001.jpg to im00010.jpg"):
        read("lspet", tmp_path, "train")


def test_an_unknown_split(tmp_path: Path) -> None:
    write_lspet(tmp_path)
    with pytest.raises(UserError, match=r"no split 'tset' .*did you mean 'test'"):
        read("lspet", tmp_path, "tset")

"""The list of readers, and telling what a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.io import savemat

from actupose.data.build import build_store
from actupose.data.readers import READERS, read, sniff
from actupose.data.store import StoreMeta
from actupose.errors import UserError
from actupose.skeletons import available_skeletons, load_skeleton
from data.fakes import Rows, write_coco, write_folder, write_lsp, write_lspet


def test_every_reader_loads() -> None:
    for name, reader in READERS.items():
        assert callable(reader.load())
        assert reader.name == name
        assert reader.help
        assert reader.skeleton in ("", *available_skeletons())


def test_each_kind_is_recognised(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    write_lsp(tmp_path / "lsp")
    write_coco(tmp_path / "coco")
    write_folder(tmp_path / "folder")
    build_store(tmp_path / "store", StoreMeta(load_skeleton("lsp14"), 32, "fake"), 2, Rows())
    for kind in ("lspet", "lsp", "coco", "folder", "store"):
        assert sniff(tmp_path / kind) == kind


def test_real_roots(shared_data: Path) -> None:
    assert (sniff(shared_data / "lspet"), sniff(shared_data / "lsp")) == ("lspet", "lsp")


def test_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone: no such folder"):
        sniff(tmp_path / "gone")
    with pytest.raises(UserError, match="no dataset that is known here and no image"):
        sniff(tmp_path)
    savemat(tmp_path / "joints.mat", {"joints": [[1.0]]})
    with pytest.raises(UserError, match=r"joints.mat: 'joints' is \(1, 1\)"):
        sniff(tmp_path)
    (tmp_path / "joints.mat").write_bytes(b"not matlab")
    with pytest.raises(UserError, match=r"joints.mat: is not a readable MATLAB file"):
        sniff(tmp_path)


def test_an_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no reader 'lsppet' .*did you mean 'lspet'"):
        read("lsppet", tmp_path)


def test_an_option_that_the_reader_does_not_take(tmp_path: Path) -> None:
    write_lspet(tmp_path)
    with pytest.raises(UserError, match=r"reader 'lspet' takes no 'boxes'.*it is for: video, folder"):
        read("lspet", tmp_path, boxes=tmp_path / "b.json")

"""The look at a MATLAB file before SciPy reads it: SciPy ends the process on types that it does not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array

from actupose.data.readers.files import load_mat
from actupose.data.readers.mat5 import check_mat5
from actupose.errors import UserError

CONTENTS: dict[str, Any] = {
    "numbers": np.random.default_rng(0).random((3, 14, 5)),
    "complex": np.array([1 + 2j, 3]),
    "sparse": csc_array(np.eye(4)),
    "logical": np.array([True, False]),
    "text": ["a", "longer"],
    "nothing": np.zeros((0, 2)),
    "cells": np.array([1, "a", np.zeros(2), np.array([2, "b"], object)], object),
    "structure": {"x": 1.0, "y": "text", "z": [{"p": np.arange(3)}, {"p": "q"}]},
    "records": np.array([(1, 2.5), (3, 4.5)], [("first", "i4"), ("second", "f8")]),
}
FIRST_DATA = 128 + 8 + 16 + 16 + 8  # of an array of two axes whose name has one letter: its data's tag


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", CONTENTS)
def test_what_scipy_writes_passes(name: str, compressed: bool, tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"v": CONTENTS[name]}, do_compression=compressed)
    check_mat5(tmp_path / "a.mat")
    assert set(load_mat(tmp_path / "a.mat", "v")) >= {"v"}


def damaged(path: Path, at: int, value: int) -> Path:
    savemat(path, {"v": np.arange(4.0).reshape(2, 2)})
    content = bytearray(path.read_bytes())
    content[at] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", [0, 8, 10, 14, 15, 99])
def test_a_type_that_does_not_belong_there_is_one_line(kind: int, tmp_path: Path) -> None:
    path = damaged(tmp_path / "a.mat", FIRST_DATA, kind)
    with pytest.raises(UserError, match=r"a\.mat: is not a readable MATLAB file"):
        load_mat(path)


def test_scipy_alone_would_end_the_process(tmp_path: Path) -> None:
    """The reason for the check; when this fails, SciPy has mended it and `mat5` can go."""
    path = damaged(tmp_path / "a.mat", FIRST_DATA, 14)
    code = f"from scipy.io import loadmat; loadmat({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    if done.returncode > 0:
        pytest.skip("this SciPy refuses the file itself")
    assert done.returncode < 0


def test_every_single_byte_of_the_structure(tmp_path: Path) -> None:
    """Damage anywhere before the data either changes nothing that counts or is told; it never ends the process."""
    savemat(tmp_path / "whole.mat", {"v": np.arange(4.0).reshape(2, 2)})
    whole = (tmp_path / "whole.mat").read_bytes()
    told = 0
    for at in range(124, FIRST_DATA + 8):
        path = tmp_path / "a.mat"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x1F]) + whole[at + 1 :])
        try:
            load_mat(path)
        except UserError:
            told += 1
    assert told > 30


def test_a_variable_that_unpacks_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    savemat(tmp_path / "bomb.mat", {"v": np.zeros((1000, 1000))}, do_compression=True)
    assert (tmp_path / "bomb.mat").stat().st_size < 100_000
    monkeypatch.setattr("actupose.data.readers.mat5._MOST_BYTES", 1_000_000)
    with pytest.raises(UserError, match="unpacks to more than"):
        load_mat(tmp_path / "bomb.mat")

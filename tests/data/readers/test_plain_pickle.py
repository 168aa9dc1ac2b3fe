"""Pickles of plain data: arrays of every protocol, and nothing that a pickle asks for is run."""

from __future__ import annotations

import os
import pickle
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from actupose.data.readers import read
from actupose.data.readers.plain_pickle import load_plain_pickle
from actupose.errors import UserError
from data.fakes.hands import rhd_annotation, write_rhd

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def through(tmp_path: Path, value: object, protocol: int = 4) -> Any:
    path = tmp_path / "a.pickle"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return load_plain_pickle(path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", "<i8", "?"])
def test_arrays_come_back(tmp_path: Path, protocol: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    value = (rng.uniform(0, 2, (4, 3)) * 3).astype(dtype)
    for array in (value, np.asfortranarray(value), value[::2], value[:0]):
        got = np.asarray(through(tmp_path, {"a": [array]}, protocol)["a"][0])
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype
    assert through(tmp_path, {1: value[0, 0]}, protocol) == {1: value[0, 0].item()}


@FUZZ
@given(array=arrays(np.float32, array_shapes(max_dims=3, max_side=4)), protocol=st.sampled_from(PROTOCOLS))
def test_any_array_comes_back(tmp_path: Path, array: np.ndarray, protocol: int) -> None:
    np.testing.assert_array_equal(np.asarray(through(tmp_path, array, protocol)), array)


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    """There the bytes of an array are a text; the opcodes by hand, as protocol 2 of Python 2 wrote them."""
    raw = np.array([1.5, -2.0]).tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K\x02\x85cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U" + bytes([len(raw)]) + raw + b"tb."
    )
    (tmp_path / "a.pickle").write_bytes(b"\x80\x02" + array)
    np.testing.assert_array_equal(np.asarray(load_plain_pickle(tmp_path / "a.pickle")), [1.5, -2.0])


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "was here"
    command = f"touch '{witness}'"
    for call in (
        Calls(os.system, command),
        Calls(subprocess.run, ["touch", str(witness)]),
        Calls(eval, f"open({str(witness)!r}, 'w')"),
        Calls(exec, f"open({str(witness)!r}, 'w')"),
        Calls(getattr, "text", "upper"),
        Calls(np.load, str(witness)),
        Calls(np.ndarray.tofile, np.zeros(1), str(witness)),
    ):
        path = write_malicious(tmp_path, call, protocol)
        with pytest.raises(UserError, match=r"anno_training.pickle: asks for '[\w.]+', which arrays and plain data"):
            read("rhd", tmp_path, "train")
        assert path.is_file()
        assert not witness.exists()
    pickle.loads(pickle.dumps(Calls(os.system, command), protocol=protocol))
    assert witness.exists(), "the same pickle does run where it is not restricted"


def write_malicious(tmp_path: Path, call: Calls, protocol: int) -> Path:
    write_rhd(tmp_path)
    path = tmp_path / "RHD_published_v2" / "training" / "anno_training.pickle"
    path.write_bytes(pickle.dumps({0: rhd_annotation() | {"more": call}}, protocol=protocol))
    return path


@pytest.mark.parametrize(
    "value",
    [
        np.array([object], dtype=object),
        np.array(["text"]),
        np.zeros(2, [("a", "f4")]),
        np.array([1j]),
        np.datetime64("2020"),
        {1, 2}.__class__,
        Path("x"),
    ],
)
def test_more_than_numbers_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(UserError, match=r"a.pickle: (asks for|is not a readable pickle)"):
        through(tmp_path, [value])


def test_an_array_that_lies_about_its_size(tmp_path: Path) -> None:
    whole = pickle.dumps(np.zeros(100, np.uint8), protocol=2)
    lying = whole.replace(b"Kd\x85", b"J\xff\xff\xff\x7f\x85")
    assert lying != whole
    (tmp_path / "a.pickle").write_bytes(lying)
    with pytest.raises(UserError, match=r"a.pickle: is not a readable pickle"):
        load_plain_pickle(tmp_path / "a.pickle")


@FUZZ
@given(data=st.data())
def test_damaged_pickles_are_refused_or_plain(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps({0: {"uv_vis": np.zeros((42, 3)), "K": np.eye(3)}}, protocol=2))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.pickle").write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    with suppress(UserError):  # anything else is a failure
        load_plain_pickle(tmp_path / "a.pickle")

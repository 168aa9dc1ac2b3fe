"""Pickle files of plain containers and numeric arrays; whatever else a pickle may ask for is refused.

Pickle can call any function it names. Here no name leads to a function of another library: the few names that a
pickled numpy array needs lead to the small classes below, which take bytes and a shape and nothing more.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.files import unreadable
from actupose.errors import UserError

_KINDS = "biuf"


class _Dtype:
    """Stands for a numpy dtype: a kind, a width, and, told later, the order of the bytes."""

    def __init__(self, code: str, *_flags: object) -> None:
        self.value = np.dtype(code)
        if self.value.kind not in _KINDS:
            raise pickle.UnpicklingError(f"an array of '{code}'")

    def __setstate__(self, state: Sequence[Any]) -> None:
        order = state[1]
        self.value = self.value.newbyteorder(order if order in ("<", ">") else "=")


class PickledArray:
    """A numeric array out of a pickle; `numpy.asarray` gives its values."""

    def __init__(self, values: NDArray[Any] | None = None) -> None:
        self._values = np.empty(0) if values is None else values

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, dtype, fortran, data = state
        self._values = _array(data, dtype, shape, "F" if fortran else "C")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401 - numpy's protocol
        return np.array(self._values, dtype=dtype, copy=copy)


def _array(data: object, dtype: object, shape: Sequence[int], order: str = "C") -> NDArray[Any]:
    if isinstance(data, str):
        data = data.encode("latin1")  # from Python 2
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array of objects")
    values = np.frombuffer(data, dtype.value)
    return values.reshape(tuple(shape), order=cast(Any, order))


def _reconstruct(*_what: object) -> PickledArray:
    return PickledArray()


def _from_buffer(data: object, dtype: object, shape: Sequence[int], order: str) -> PickledArray:
    return PickledArray(_array(data, dtype, shape, order))


def _scalar(dtype: object, data: object) -> Any:  # noqa: ANN401 - a number
    return _array(data, dtype, (1,)).item()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"an encoding '{encoding}'")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """What protocol 2 writes for an empty array; with an argument it would set memory aside."""
    return b""


_ARRAY = {"_reconstruct": _reconstruct, "scalar": _scalar}
_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    **{(f"numpy.{core}.multiarray", name): what for core in ("core", "_core") for name, what in _ARRAY.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or a function
        """The harmless stand-in for a name, or a refusal."""
        if (module, name) not in _NAMES:
            raise _RefusedError(f"{module}.{name}")
        return _NAMES[module, name]


def _check_places(path: Path) -> None:
    """Refuse a number of a stored object that is larger than the file: the unpickler would make room for all below it.

    Raises:
        UnpicklingError: there is one.
    """
    most = path.stat().st_size  # each place takes a byte at least
    with path.open("rb") as file:
        for operation, place, _ in pickletools.genops(file):
            if operation.name in ("PUT", "LONG_BINPUT") and cast(int, place) > most:
                raise pickle.UnpicklingError(f"object number {place} in {most} bytes")


class _RefusedError(Exception):
    """A name that plain data do not need."""


def load_plain_pickle(path: Path) -> Any:  # noqa: ANN401 - plain containers of anything
    """Read a pickle of dicts, lists, tuples, texts, numbers and numeric numpy arrays.

    Returns:
        The containers; arrays are `PickledArray`.

    Raises:
        UserError: the pickle is broken, or asks for anything else; nothing of it was run.
    """
    try:
        _check_places(path)
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="latin1").load()
    except _RefusedError as refused:
        raise UserError(
            f"{path}: asks for '{refused}', which arrays and plain data do not need, so it was not run; "
            "take the file from its archive again."
        ) from refused
    except Exception as error:  # a broken pickle raises anything
        raise unreadable(path, "a readable pickle", error) from error

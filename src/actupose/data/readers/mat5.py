"""A look at the structure of a MATLAB file (level 5) before SciPy reads it.

SciPy trusts the types that a file states: a damaged one ends the whole process (a segmentation fault), where a user is
owed a line. The layout is that of "MAT-File Format", The MathWorks; the checks are ours.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMERIC = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13})
_TEXT = frozenset({1, 2, 3, 4, 16, 17, 18})
_NAME = frozenset({1, 16})
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMBERS = range(6, 16)  # classes of arrays of numbers
_COMPLEX = 0x800  # of the flags
_DEEPEST = 32
_MOST_BYTES = 1 << 30  # of a variable unpacked; what the published files hold is a hundredth of it


class _Element(NamedTuple):
    kind: int
    body: memoryview


def check_mat5(path: Path) -> None:
    """Walk all elements of a file.

    Args:
        path: the file.

    Raises:
        ValueError: it is no level 5 file, or an element leaves its place, has an unknown type or one that does not
            belong there, or unpacks to more than 1 GiB.
        zlib.error: a compressed element is broken.
        OSError: it cannot be read.
    """
    data = memoryview(path.read_bytes())
    order = {b"\0\1IM": "<", b"\1\0MI": ">"}.get(bytes(data[124:128]))
    if order is None or 0 in data[:4]:
        raise ValueError("no MATLAB file of level 5")
    for element in _elements(data[128:], order):
        if element.kind == _COMPRESSED:
            for inner in _elements(_unpacked(element.body), order):
                _check_variable(inner, order)
        else:
            _check_variable(element, order)


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    """The elements that stand one after the other."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise ValueError("cut off inside the tag of an element")
        first, size = struct.unpack_from(f"{order}II", data, at)
        if first >> 16:  # the small form: up to four bytes inside the tag
            kind, size, start, end = first & 0xFFFF, first >> 16, at + 4, at + 8
            if size > 4:
                raise ValueError("an element of the small form is too long")
        else:
            kind, start = first, at + 8
            end = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("an element ends behind the end of its place")
        yield _Element(kind, data[start : start + size])
        at = end


def _unpacked(body: memoryview) -> memoryview:
    unpacker = zlib.decompressobj()
    whole = unpacker.decompress(body, _MOST_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("a variable unpacks to more than 1 GiB")
    if not unpacker.eof:
        raise ValueError("a compressed variable is cut off")
    return memoryview(whole)


def _check_variable(element: _Element, order: str) -> None:
    if element.kind != _MATRIX:
        raise ValueError(f"an element of type {element.kind} stands where a variable should")
    _check_matrix(element.body, order, 0)


def _check_matrix(body: memoryview, order: str, depth: int) -> None:
    """A matrix and those inside: the parts that its class has, no more and no fewer, of types that fit."""
    if not body:
        return
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} times")
    parts = list(_elements(body, order))
    if len(parts) < 3:
        raise ValueError("a variable without its head")
    flags, dims, name = parts[:3]
    if flags.kind != _UINT32 or len(flags.body) != 8 or name.kind not in _NAME:
        raise ValueError("a variable with a broken head")
    of_class = struct.unpack_from(f"{order}I", flags.body)[0] & 0xFF
    count = _count(dims, order)
    if of_class in (_CELL, _STRUCT, _OBJECT):
        _check_inner(parts[3:], of_class, count, order, depth)
        return
    is_complex = bool(struct.unpack_from(f"{order}I", flags.body)[0] & _COMPLEX)
    arrays = {_CHAR: 1, _SPARSE: 3 + is_complex}.get(of_class, 1 + is_complex)
    if of_class not in (_CHAR, _SPARSE) and of_class not in _NUMBERS:
        raise ValueError(f"a variable of unknown class {of_class}")
    fitting = _TEXT if of_class == _CHAR else _NUMERIC
    if len(parts) != 3 + arrays or any(part.kind not in fitting for part in parts[3:]):
        raise ValueError(f"a variable of class {of_class} with other parts than it has")


def _count(dims: _Element, order: str) -> int:
    """How many entries an array has."""
    axes, rest = divmod(len(dims.body), 4)
    if dims.kind != _INT32 or rest or not 2 <= axes <= 32:
        raise ValueError("a variable with broken axes")
    sides = struct.unpack_from(f"{order}{axes}i", dims.body)
    if min(sides) < 0:
        raise ValueError("a variable with a negative axis")
    return math.prod(sides)


def _check_inner(parts: list[_Element], of_class: int, count: int, order: str, depth: int) -> None:
    """What a cell array, a structure or an object holds."""
    if of_class == _OBJECT:
        parts = parts[1:] if parts and parts[0].kind in _NAME else []
    if of_class != _CELL:
        if len(parts) < 2 or parts[0].kind != _INT32 or len(parts[0].body) != 4 or parts[1].kind != _INT8:
            raise ValueError("a structure without the names of its fields")
        length = struct.unpack_from(f"{order}i", parts[0].body)[0]
        if length <= 0 or len(parts[1].body) % length:
            raise ValueError("a structure with broken names of its fields")
        count *= len(parts[1].body) // length
        parts = parts[2:]
    if len(parts) != count or any(part.kind != _MATRIX for part in parts):
        raise ValueError(f"{len(parts)} variables stand where there should be {count}")
    for part in parts:
        _check_matrix(part.body, order, depth + 1)

"""Finding and opening the files of datasets, and numbers out of them; every complaint names file and record."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.mat5 import check_mat5
from actupose.errors import UserError


class MissingDataError(UserError):
    """A file or folder of a dataset is not there; `read` adds where the dataset's owner offers it."""


def require_folder(path: Path, what: str, remedy: str) -> Path:
    """``path`` if it is a folder.

    Raises:
        MissingDataError: it is missing or a file; the message holds ``what`` and ``remedy``.
    """
    if path.is_dir():
        return path
    found = "is a file, not a folder" if path.exists() else "no such folder"
    raise MissingDataError(f"{path}: {found} ({what}); {remedy}.")


def require_file(path: Path, what: str, remedy: str) -> Path:
    """``path`` if it is a file.

    Raises:
        MissingDataError: it is missing; the message holds ``what`` and ``remedy``.
    """
    if path.is_file():
        return path
    raise MissingDataError(f"{path}: no such file ({what}); {remedy}.")


def below(folder: Path, name: object, origin: str) -> Path:
    """The path of a file that an annotation names.

    Args:
        folder: what the name is relative to.
        name: the name, with ``/``.
        origin: file and record that name it, for the message.

    Raises:
        UserError: it is no text, or leads out of the folder.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserError(
            f"{origin}: the name of its image is {name!r}, not a text; take the file from its archive again."
        )
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise UserError(f"{origin}: its image '{name}' lies outside {folder}; give names below that folder.")
    return folder / name


def load_mat(path: Path, *names: str, structs: bool = False) -> dict[str, Any]:
    """Variables of a MATLAB file.

    Args:
        path: the file.
        names: which variables; none = all.
        structs: make objects with attributes of structures, without axes of length 1.

    Raises:
        UserError: it is no MATLAB file that can be read.
    """
    from scipy.io import loadmat

    try:
        check_mat5(path)
        return dict(loadmat(str(path), variable_names=names or None, struct_as_record=not structs, squeeze_me=structs))
    except Exception as error:  # scipy raises anything from zlib.error to KeyError on a broken file
        raise unreadable(path, "a readable MATLAB file", error) from error


def load_json(path: Path) -> Any:  # noqa: ANN401 - JSON holds anything
    """Content of a JSON file.

    Raises:
        UserError: it is no JSON, or nested without end.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "readable JSON", error) from error


def unreadable(path: Path, kind: str, error: Exception) -> UserError:
    """The complaint about a broken file."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"{path}: is not {kind} ({reason}); copy it again.")


def numbers(value: object, shape: tuple[int, ...], origin: str) -> NDArray[np.float64]:
    """``value`` as an array of finite numbers.

    Args:
        value: nested lists, or an array.
        shape: what its shape must be; -1 = any length.
        origin: file, record and key, for the message.

    Raises:
        UserError: another shape, or something that is no finite number.
    """
    wanted = " x ".join("N" if n < 0 else str(n) for n in shape)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{origin} must be {wanted} numbers; take the file from its archive again.") from error
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        got = " x ".join(map(str, array.shape)) or "one"
        raise UserError(f"{origin} must be {wanted} numbers, got {got}; take the file from its archive again.")
    if not np.isfinite(array).all():
        raise UserError(f"{origin} holds NaN or infinity; take the file from its archive again.")
    return array.astype(np.float64)


def entry(record: object, key: str, origin: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """``record[key]``.

    Raises:
        UserError: the record is no mapping, or has no such key; ``origin`` is named.
    """
    if not isinstance(record, dict) or key not in record:
        raise UserError(f"{origin}: has no '{key}'; take the file from its archive again.")
    return record[key]


def rows(data: object, path: Path) -> list[Any]:
    """``data`` if it is a list with at least one entry.

    Raises:
        UserError: it is not.
    """
    if not isinstance(data, list) or not data:
        raise UserError(f"{path}: must be a list of records with at least one; take the file from its archive again.")
    return data

"""DeepLabCut's table of labels, from CSV or from the HDF5 that pandas writes.

The HDF5 is read through h5py as arrays: pandas would unpickle what a file tells it to.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actupose.errors import UserError

_HEADER = ("scorer", "individuals", "bodyparts", "coords")


@dataclass(frozen=True)
class DlcTable:
    """Labels of one folder of frames.

    Attributes:
        images: N names, parts joined by ``/``.
        individuals: C, the animal of each column; empty strings in a single-animal table.
        bodyparts: C.
        coords: C, ``x`` or ``y``, and ``likelihood`` in a table of predictions.
        values: (N, C), NaN where nothing is labelled.
    """

    images: list[str]
    individuals: list[str]
    bodyparts: list[str]
    coords: list[str]
    values: NDArray[np.float64]


def read_table(path: Path) -> DlcTable:
    """Read a ``CollectedData`` table, or one of predictions.

    Raises:
        UserError: it is broken, cut short, or of another form; the row is named.
    """
    header, images, values = _read_csv(path) if path.suffix == ".csv" else _read_h5(path)
    count = len(header["bodyparts"])
    individuals = header.get("individuals", [""] * count)
    if set(header["coords"]) - {"x", "y", "likelihood"} or len(header["coords"]) != count or len(individuals) != count:
        raise UserError(f"{path}: its columns must be x and y of body parts; save the labels in DeepLabCut again.")
    names = ["/".join(part.replace("\\", "/") for part in image) for image in images]
    return DlcTable(names, individuals, header["bodyparts"], header["coords"], values)


_Parts = tuple[dict[str, list[str]], list[list[str]], NDArray[np.float64]]


def _read_csv(path: Path) -> _Parts:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is not a readable CSV file ({error}); copy it again.") from error
    lines = {row[0]: row for row in rows[:4] if row[0] in _HEADER}
    if "bodyparts" not in lines or "coords" not in lines:
        raise UserError(f"{path}: has no header of {', '.join(_HEADER)}; save the labels in DeepLabCut again.")
    wide = len(lines["bodyparts"])
    first = next((i for i in range(1, wide) if lines["bodyparts"][i]), wide)  # the row's name takes 1 or 3 columns
    header = {key: line[first:] for key, line in lines.items()}
    body = rows[len(lines) :]
    values = np.empty((len(body), wide - first))
    for i, row in enumerate(body):
        try:
            values[i] = [float(cell) if cell.strip() else np.nan for cell in row[first:]]
        except ValueError as error:
            name = " ".join("/".join(row[:first]).split())  # a damaged file may have a line's end in it
            where = f"{path}: row {i + 1} ({name[:80]})"
            raise UserError(f"{where} needs {wide - first} numbers, empty where unlabelled; copy it again.") from error
    return header, [[cell for cell in row[:first] if cell] for row in body], values


def _read_h5(path: Path) -> _Parts:
    try:
        import h5py
    except ImportError as error:
        raise UserError(f"{path}: HDF5 labels need h5py; pip install 'actupose[dlc]', or save them as CSV.") from error
    try:
        with h5py.File(path, "r") as file:
            frame = file["df_with_missing"]
            levels = int(frame.attrs["block0_items_nlevels"])
            header = {("scorer", *_HEADER[-levels + 1 :])[i]: _level(frame, "block0_items", i) for i in range(levels)}
            rows = int(frame.attrs.get("axis1_nlevels", 1))
            parts = [_level(frame, "axis1", i) for i in range(rows)] if rows > 1 else [_texts(frame["axis1"][()])]
            values = np.asarray(frame["block0_values"][()], np.float64)
        if values.shape != (len(parts[0]), len(header["bodyparts"])):
            raise ValueError(f"its values are {values.shape}")
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path}: is not a readable DeepLabCut HDF5 table ({reason}); save the labels in DeepLabCut again, or put "
            "the CSV of the same name beside it."
        ) from error
    return header, [list(image) for image in zip(*parts, strict=True)], values


def _level(frame: Any, axis: str, level: int) -> list[str]:  # noqa: ANN401 - h5py has no types
    """One level of a pandas MultiIndex, as texts."""
    names = _texts(frame[f"{axis}_level{level}"][()])
    return [names[i] for i in frame[f"{axis}_label{level}"][()]]


def _texts(values: Any) -> list[str]:  # noqa: ANN401 - an array of bytes
    return [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values]

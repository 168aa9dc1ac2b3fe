"""A DeepLabCut project: labelled frames of one or several animals.

::

    config.yaml                                  body parts, skeleton, scorer
    labeled-data/VIDEO/CollectedData_SCORER.csv  or .h5: a row a frame, columns scorer (individuals) bodyparts coords
    labeled-data/VIDEO/img0001.png               the frames

Coordinates are pixel indices: the labelling tool shows the centre of the first pixel at 0. The format has no
visibility, so a label counts as visible (2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, derived_notes, point_record
from actupose.data.readers.dlc_table import DlcTable, read_table
from actupose.data.readers.files import below, require_file, require_folder
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.formats import deeplabcut_data
from actupose.skeletons.skeleton import near_match, read_yaml


def read_deeplabcut(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read the labelled frames of a project, one record an animal.

    Body parts that belong to no animal of a multi-animal project (individual ``single``) are left out.

    Args:
        root: folder of the project.
        split: ``all``, or the name of a folder in ``labeled-data``.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, a broken config or table, an unknown split or body part, a frame outside the
            project, or no label.
    """
    require_folder(root, "DeepLabCut project", "name the folder that holds config.yaml and labeled-data/")
    config = require_file(root / "config.yaml", "config of a DeepLabCut project", "name the project's folder")
    settings = read_yaml(config, "a DeepLabCut config")
    skeleton = Skeleton.from_dict(deeplabcut_data(settings, config), str(config))
    tables = _tables(root, str(settings.get("scorer") or ""))
    choose_split(split, ("all", *tables), root)
    chosen = tables.values() if split == "all" else [tables[split]]
    records = tuple(record for path in chosen for record in _records(root, path, skeleton))
    if not records:
        raise UserError(f"{root / 'labeled-data'}: holds no labelled body part; label frames in DeepLabCut first.")
    return ReadResult(records, skeleton, "deeplabcut", root, split, notes=derived_notes(skeleton))


def _tables(root: Path, scorer: str) -> dict[str, Path]:
    """The table of each labelled video; the CSV where both are there, for it needs no further package."""
    folder = require_folder(root / "labeled-data", "labelled frames of a DeepLabCut project", "copy it there")
    found: dict[str, Path] = {}
    for video in sorted(p for p in folder.iterdir() if p.is_dir()):
        tables = sorted([*video.glob("CollectedData_*.csv"), *video.glob("CollectedData_*.h5")])
        own = [t for t in tables if t.stem == f"CollectedData_{scorer}"] or tables
        if len({t.stem for t in own}) > 1:
            raise UserError(f"{video}: has tables of several scorers ({', '.join(t.name for t in own)}); keep one.")
        if own:
            found[video.name] = own[0]
    if not found:
        raise UserError(f"{folder}: holds no CollectedData_*.csv or .h5; label frames in DeepLabCut first.")
    return found


def _records(root: Path, path: Path, skeleton: Skeleton) -> Iterator[PoseRecord]:
    table = read_table(path)
    for individual in dict.fromkeys(table.individuals):
        if individual == "single":
            continue
        columns = _Columns.of(table, individual, skeleton, path)
        for row, name in enumerate(table.images):
            image = below(root, name, f"{path}, row {row + 1}")
            short = name.removeprefix("labeled-data/") + (f"#{individual}" if individual else "")
            record = point_record(image, short, columns.points(table.values[row]))
            if record is not None:
                yield record


@dataclass(frozen=True)
class _Columns:
    """Column of x and of y of each keypoint of the skeleton; -1 = the table has none."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]

    @classmethod
    def of(cls, table: DlcTable, individual: str, skeleton: Skeleton, path: Path) -> _Columns:
        """Find the columns of one animal.

        Raises:
            UserError: a column is of no body part of the project.
        """
        place = {}
        for column, (who, part, axis) in enumerate(zip(table.individuals, table.bodyparts, table.coords, strict=True)):
            if who == individual:
                if part not in skeleton.keypoints:
                    hint = near_match(part, skeleton.keypoints)
                    raise UserError(f"{path}: has body part '{part}', which config.yaml lacks{hint}; add it there.")
                place[part, axis] = column
        x, y = ([place.get((part, axis), -1) for part in skeleton.keypoints] for axis in "xy")
        return cls(np.asarray(x), np.asarray(y))

    def points(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, 2) of one row; NaN where nothing is labelled."""
        both = np.stack([row[self.x], row[self.y]], axis=1)
        return np.where(((self.x < 0) | (self.y < 0))[:, None], np.nan, both)

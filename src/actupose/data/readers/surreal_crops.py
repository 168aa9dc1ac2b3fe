"""The crops of SURREAL that were published for domain adaptation (Jiang et al., CVPR 2021).

::

    train/run0.json     list of {"name": file, "keypoint2d": 24 pairs, ...}; train, val and test, run0 to run2
    train/run0/FILE

The pictures are mirrored as those of the release, and the joint maps are the same: see `surreal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split
from actupose.data.readers.draws import published_part
from actupose.data.readers.files import below, entry, load_json, numbers, require_file, require_folder, rows
from actupose.data.readers.surreal import DEFAULT_MAP, NUM_SMPL, joint_index
from actupose.data.record_file import packed
from actupose.data.records import PoseRecord
from actupose.skeletons import load_skeleton

SPLITS = ("train", "val", "test", "published_train", "published_test", "all")
_RUNS = ("run0", "run1", "run2")


def read_surreal_crops(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the published crops.

    Args:
        root: folder that holds ``train/``, ``val/`` and ``test/``.
        split: one of these whole; ``published_train`` and ``published_test``, the parts of ``train`` and ``test`` that
            the published experiments use; ``all``.
        options: ``joint_map``.

    Raises:
        UserError: a wrong layout or option, an unknown split, or a broken JSON file.
    """
    choose_split(split, SPLITS, root)
    index = joint_index(options.joint_map)
    require_folder(root, "root of SURREAL's published crops", "name the folder that holds train/, val/ and test/")
    parts = ("train", "val", "test") if split == "all" else (split.removeprefix("published_"),)
    records = packed(record for part in parts for run in _RUNS for record in _crops(root, part, run, index))
    notes: tuple[str, ...] = ()
    if split.startswith("published_"):
        records, notes = published_part(records, split)
    settings = {"joint_map": options.joint_map or DEFAULT_MAP}
    return ReadResult(records, load_skeleton("body16"), "surreal_crops", root, split, settings, notes)


def _crops(root: Path, part: str, run: str, index: tuple[int, ...]) -> Iterator[PoseRecord]:
    path = require_file(root / part / f"{run}.json", f"crops of SURREAL, {part}", f"copy {part}/{run}.json there")
    visible = np.full(len(index), 2, np.uint8)
    for i, sample in enumerate(rows(load_json(path), path)):
        origin = f"{path}: record {i}"
        name = entry(sample, "name", origin)
        image = below(root / part / run, name, origin)
        points = numbers(entry(sample, "keypoint2d", origin), (NUM_SMPL, 2), f"{origin} ({name}): 'keypoint2d'")
        yield PoseRecord(image, f"{part}/{run}/{name}", None, points[list(index)].astype(np.float32), visible)

"""Hand-3D-Studio (Zhao et al., 2020) as cropped for the published experiments (Jiang et al., CVPR 2021).

::

    H3D_crop/annotation.json     list of {"name": "part1/FILE", "keypoint2d": 21 pairs, "without_object": 0 or 1, ...}
    H3D_crop/part1/FILE          parts 1 to 5

Only hands without an object are read. The joints are in the order of hand21, all visible.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split
from actupose.data.readers.draws import published_part
from actupose.data.readers.files import below, entry, load_json, numbers, require_file, require_folder, rows
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

SPLITS = ("train", "test", "published_train", "published_test", "all")
_NUM_JOINTS = 21


def read_h3d(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read H3D.

    ``test`` is the last part (part 5 of the whole), ``train`` the others (ours). ``published_train`` and
    ``published_test`` are split by frame at random, 3,200 for the test, so neighbours of test frames are in training:
    keep them for comparison.

    Args:
        root: ``H3D_crop``, or the folder that holds it.
        split: one of these, or ``all``.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, an unknown split, a broken ``annotation.json``, or a copy of one part alone.
    """
    choose_split(split, SPLITS, root)
    base = root / "H3D_crop" if (root / "H3D_crop").is_dir() else root
    require_folder(base, "root of Hand-3D-Studio", "name the folder H3D_crop")
    path = require_file(base / "annotation.json", "annotations of H3D", "name the folder that holds annotation.json")
    records = list(_records(base, path))
    if not records:
        raise UserError(f"{path}: holds no hand without an object; take the file from its archive again.")
    notes: tuple[str, ...] = ()
    if split.startswith("published_"):
        records, notes = published_part(records, split)
    elif split != "all":
        parts = [PurePosixPath(record.name).parts[0] for record in records]
        last = max(parts)
        if min(parts) == last:
            raise UserError(f"{base}: all hands are of {last}, so there is nothing to split; use split 'all'.")
        records = [r for r, part in zip(records, parts, strict=True) if (part == last) == (split == "test")]
    return ReadResult(tuple(records), load_skeleton("hand21"), "h3d", root, split, {}, notes)


def _records(base: Path, path: Path) -> Iterator[PoseRecord]:
    visible = np.full(_NUM_JOINTS, 2, np.uint8)
    for i, sample in enumerate(rows(load_json(path), path)):
        origin = f"{path}: record {i}"
        flag = entry(sample, "without_object", origin)
        if flag not in (0, 1, "0", "1"):
            raise UserError(
                f"{origin}: 'without_object' is {flag!r}, not 0 or 1; take the file from its archive again."
            )
        name = entry(sample, "name", origin)
        image = below(base, name, origin)
        if int(flag) == 1:
            points = numbers(entry(sample, "keypoint2d", origin), (_NUM_JOINTS, 2), f"{origin} ({name}): 'keypoint2d'")
            yield PoseRecord(image, name, None, points.astype(np.float32), visible)

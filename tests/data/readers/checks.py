"""What the tests of all readers ask of records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from actupose.data.prepare import prepare
from actupose.data.readers import ReadResult, read
from actupose.data.records import PoseRecord
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.skeletons import Skeleton


def named(record: PoseRecord, skeleton: Skeleton) -> dict[str, tuple[float, float]]:
    """The labelled keypoints by name."""
    assert record.keypoints is not None
    assert record.visible is not None
    return {
        name: (float(x), float(y))
        for name, (x, y), v in zip(skeleton.keypoints, record.keypoints, record.visible, strict=True)
        if v > 0
    }


def assert_places(found: Mapping[str, tuple[float, float]], wanted: Mapping[str, tuple[float, float]]) -> None:
    """Every found keypoint lies where it was put."""
    assert set(found) <= set(wanted)
    for name, place in found.items():
        assert place == pytest.approx(wanted[name], abs=1e-3), name


def assert_round_trip(found: ReadResult, out: Path, size: int = 64) -> None:
    """A store of the records holds their keypoints, moved by the crop's own affine."""
    report = prepare(found, out, size=size)
    assert report.problems == []
    rows = open_store(out).rows
    assert rows["name"][:] == [record.name for record in found.records]
    for record, row in zip(found.records, rows, strict=True):
        assert record.keypoints is not None
        crop, seen = np.array(row["crop"]).reshape(2, 3), np.array(row["visible"]) > 0
        assert seen.any()
        assert (np.linalg.det(crop[:, :2]) < 0) == record.flip
        moved = record.keypoints @ crop[:, :2].T + crop[:, 2]
        np.testing.assert_allclose(np.array(row["keypoints"]).reshape(-1, 2)[seen], moved[seen], atol=2e-3)


def refused(name: str, root: Path, message: str, split: str = "all") -> None:
    """Reading says one line with this in it."""
    with pytest.raises(UserError, match=message) as caught:
        read(name, root, split)
    assert "\n" not in str(caught.value)

"""The pictures that a run was trained and tested on, where they are still where the run found them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from actupose.data.dataset import PoseDataset
from actupose.data.store import open_store, read_meta
from actupose.errors import UserError
from actupose.report.runs import FinishedRun
from actupose.skeletons import Skeleton, load_skeleton

_SIZE = 192


def known_skeleton(run: FinishedRun) -> Skeleton | None:
    """The run's skeleton; None where its file is not there any more."""
    try:
        return load_skeleton(str(run.setting("data", "skeleton")))
    except UserError:
        return None


def pictures(run: FinishedRun, role: str, names: Sequence[str]) -> Tensor | None:
    """(N, 3, S, S) uint8 of pictures by name.

    Args:
        run: whose configuration names the store.
        role: ``source``, ``target`` or ``target_test``.
        names: of the pictures.

    Returns:
        None where the store is not there, or is another one now, without these pictures.
    """
    path, skeleton = run.setting("data", role), known_skeleton(run)
    if path is None or skeleton is None or not names:
        return None
    try:
        if read_meta(Path(str(path))) is None:
            return None
        store = open_store(Path(str(path)))
    except UserError:
        return None
    place = {name: i for i, name in enumerate(store.rows["name"])}
    if any(name not in place for name in names):
        return None
    dataset = PoseDataset(store, skeleton, _SIZE, labelled=False, cache="none")
    return dataset.batch([place[name] for name in names]).image

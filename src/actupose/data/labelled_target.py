"""The few labelled target pictures that a user may have: which rows of which store, and none of them in the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from actupose.data.dataset import labelled_rows
from actupose.data.store import PoseStore
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.mapping import Renames

_KEY = "data.labelled_target"
_CHUNK = 1024
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class LabelledTargetConfig:
    """A labelled part of the target that training may see, as a stream of its own; off without a store.

    It is the one place where target labels are trained on beside ``data.oracle``. Its pictures are never tested on.

    Attributes:
        store: with labels; may be the store of ``data.target`` or of ``data.target_test``.
        num: samples of it, drawn by the training's seed, a smaller number within a larger one; None = all that have
            labels, 0 = off.
        rows: the rows themselves instead, counted from 0.
        batch_size: samples a step, over all processes.
    """

    store: Path | None = None
    num: int | None = None
    rows: tuple[int, ...] | None = None
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a value is out of range, two exclude each other, or the store is missing.
        """
        if self.store is None and (self.num or self.rows):
            raise UserError(f"{_KEY} asks for samples of no store; set {_KEY}.store.")
        if self.num is not None and self.rows is not None:
            raise UserError(f"{_KEY} has both num and rows; leave one out.")
        if self.num is not None and self.num < 0:
            raise UserError(f"{_KEY}.num is {self.num}; it must not be negative (0 = no labels).")
        if self.batch_size < 1:
            raise UserError(f"{_KEY}.batch_size is {self.batch_size}; it must be at least 1.")
        if self.rows is not None and len(set(self.rows)) < len(self.rows):
            raise UserError(f"{_KEY}.rows names a row twice; name each once.")

    @property
    def enabled(self) -> bool:
        """Whether there is such a part."""
        return self.store is not None and self.num != 0 and self.rows != ()


def chosen_rows(
    config: LabelledTargetConfig, store: PoseStore, skeleton: Skeleton, renames: Renames | None, seed: int
) -> Rows:
    """Rows of the store that are trained on with their labels, ascending.

    Args:
        config: how many, or which.
        store: its store.
        skeleton: of the model; a sample counts as labelled where one of its keypoints is.
        renames: keypoint name in the store -> name in ``skeleton``.
        seed: of the draw.

    Raises:
        UserError: fewer samples have labels than are asked for, or a row is not there or has none.
    """
    labelled = labelled_rows(store, skeleton, renames)
    if config.rows is not None:
        wrong = next((row for row in config.rows if row not in set(labelled.tolist())), None)
        if wrong is not None:
            there = "has no labels" if 0 <= wrong < len(store) else f"is not there (0 to {len(store) - 1})"
            raise UserError(f"{_KEY}.rows: row {wrong} of {store.path} {there}.")
        return np.sort(np.asarray(config.rows, np.int64))
    num = len(labelled) if config.num is None else config.num
    if num > len(labelled) or not num:
        raise UserError(
            f"{_KEY}: {config.num or 'all'} samples are asked for, but {store.path} has {len(labelled)} with labels of "
            f"skeleton '{skeleton.name}'; ask for fewer, or name another store."
        )
    order = torch.randperm(len(labelled), generator=torch.Generator().manual_seed(seed)).numpy()
    return np.sort(labelled[order[:num]])


def rows_to_test(store: PoseStore, rows: Rows, test: PoseStore) -> Rows | None:
    """Rows of the test store to evaluate on: without the training's where both are one store; None = all.

    Args:
        store: of the labelled part.
        rows: its rows that are trained on.
        test: the test store.

    Raises:
        UserError: the test would still hold one of the training's pictures, byte for byte, or nothing would be left.
    """
    same = store.meta.fingerprint() == test.meta.fingerprint() and len(store) == len(test)
    left = np.setdiff1d(np.arange(len(test)), rows) if same else np.arange(len(test))
    if not len(left):
        raise UserError(f"{_KEY} takes all {len(test)} samples of data.target_test; ask for fewer, or test on others.")
    known = dict(_hashes(store, rows))
    for digest, name in _hashes(test, left):
        if digest in known:
            raise UserError(
                f"data.target_test {test.path}: picture {name} is {known[digest]} of {_KEY}, byte for byte; a picture "
                "that is trained on with its label cannot be tested on. Take it out of one of the two stores."
            )
    return left if same else None


def _hashes(store: PoseStore, rows: Rows) -> Iterator[tuple[bytes, str]]:
    """Hash of the encoded picture, and its name, of each row."""
    table = store.rows.select_columns(["image", "name"]).with_format("arrow")
    for start in range(0, len(rows), _CHUNK):
        part = table[rows[start : start + _CHUNK].tolist()]
        for data, name in zip(part["image"].to_pylist(), part["name"].to_pylist(), strict=True):
            yield blake2b(data, digest_size=16).digest(), name

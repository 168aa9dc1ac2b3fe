"""One dataset class over a store: labelled or not, its images resident or decoded on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.data.image_cache import Cache, CacheBudget, ImageCache, decode_all, usable_cores
from actupose.data.images import open_image
from actupose.data.store import PoseStore
from actupose.errors import UserError
from actupose.geometry import send
from actupose.skeletons import Skeleton, keypoint_map
from actupose.skeletons.mapping import Renames

Indices = Sequence[int] | NDArray[np.int64]
_LABEL_ROWS = 65536


class PoseDataset(Dataset[LabeledBatch | UnlabeledBatch]):
    """Person crops of one store at the network's size.

    It is read a batch at a time: ``dataset.batch(indices)``, or a `DataLoader` with ``collate_fn=as_batch``.

    Args:
        store: an opened store.
        skeleton: skeleton of the model; keypoints are mapped to it by name, those the store lacks are not visible.
        size: S, side of the images that come out.
        labelled: with False the columns that hold labels are never read.
        rows: rows of the store to use, None = all.
        renames: keypoint name in the store -> name in ``skeleton``, where they differ.
        cache: ``device`` and ``memory`` decode every image once into one uint8 tensor there, ``none`` on demand,
            ``auto`` chooses by size. Batches of a set on a device are on that device.
        budget: what caches may hold, shared by the sets of a training; it knows the device. None = memory alone.

    Raises:
        UserError: labels are asked of a store that has none, the skeletons share no keypoint, or the cache cannot be.
    """

    def __init__(
        self,
        store: PoseStore,
        skeleton: Skeleton,
        size: int,
        *,
        labelled: bool,
        rows: Indices | None = None,
        renames: Renames | None = None,
        cache: Cache = "auto",
        budget: CacheBudget | None = None,
    ) -> None:
        self.store, self.skeleton, self.size, self.labelled = store, skeleton, size, labelled
        table = store.rows if rows is None else store.rows.select(np.asarray(rows, np.int64))
        if labelled:
            self.keypoints, self.visible = _read_labels(store, rows, skeleton, size, renames)
        self._images = _images(table, labelled=labelled)
        self.num_fixed = len(self._images)
        self._budget = budget or CacheBudget()
        self._on_device: tuple[Tensor, Tensor] | None = None
        place = self._budget.place(len(self) * 3 * size * size, cache, str(store.path))
        self._cache = None if place is None else ImageCache(self.decode_all(place))

    @property
    def cached_on(self) -> torch.device | None:
        """Where the decoded images are kept; None where they are decoded on demand."""
        return None if self._cache is None else self._cache.device

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int | NDArray[np.int64]) -> LabeledBatch | UnlabeledBatch:
        """A batch of one, or of the samples at an array of indices."""
        return self.batch([index] if isinstance(index, int) else index)

    def __getitems__(self, indices: list[int]) -> LabeledBatch | UnlabeledBatch:
        """The whole batch at once; what a `DataLoader` calls."""
        return self.batch(indices)

    def batch(self, indices: Indices) -> LabeledBatch | UnlabeledBatch:
        """The samples at ``indices`` as one batch; on the cache's device, without a wait for it."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        if self._cache is None:
            image = self._decode(self._encoded(index.tolist()))
        else:
            index = send(index, self._cache.device)
            image = self._cache.select(index)
        if not self.labelled:
            return UnlabeledBatch(image, index)
        keypoints, visible = self._labels(index.device)
        return LabeledBatch(image, keypoints.index_select(0, index), visible.index_select(0, index), index)

    def _labels(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device == self.keypoints.device:
            return self.keypoints, self.visible
        if self._on_device is None:
            self._on_device = self.keypoints.to(device), self.visible.to(device)
        return self._on_device

    def keep_keypoints(self, kept: Tensor) -> None:
        """Treat all keypoints but some as unlabelled.

        Args:
            kept: (K,) bool.
        """
        self.visible *= kept
        self._on_device = None

    def names(self, indices: Sequence[int]) -> list[str]:
        """What the samples at ``indices`` are called in the store."""
        found: list[str] = self._images[list(indices)]["name"].to_pylist()
        return found

    def archetypes(self) -> list[str]:
        """The kind of pose of every sample of a labelled set, empty where the store does not know it."""
        found: list[str] = self._images.select_columns(["archetype"])[:]["archetype"].to_pylist()
        return found

    def extend(self, more: PoseDataset) -> None:
        """Take the samples of another set in, after those there are; `num_fixed` stays the number before.

        Args:
            more: of the same skeleton, size and labels; its images go where this set's are.
        """
        import datasets

        joined = datasets.concatenate_datasets([self._images, more._images])
        self._images = joined.with_format("arrow")
        if self.labelled:
            self.keypoints = torch.cat([self.keypoints, more.keypoints])
            self.visible = torch.cat([self.visible, more.visible])
            self._on_device = None
        if self._cache is not None:
            self._cache.extend(more.decode_all(self._cache.device))

    def _encoded(self, indices: Sequence[int]) -> list[tuple[bytes, str]]:
        table = self._images[list(indices)]
        return list(zip(table["image"].to_pylist(), table["name"].to_pylist(), strict=True))

    def _decode(self, encoded: Sequence[tuple[bytes, str]]) -> Tensor:
        return torch.stack([decode_image(data, self.size, f"{self.store.path}: {name}") for data, name in encoded])

    def decode_all(self, device: torch.device) -> Tensor:
        """All images, (N, 3, S, S) uint8 on a device.

        Raises:
            UserError: an image cannot be decoded, or the device has no room.
        """
        return decode_all(
            self._encoded,
            self._decode,
            len(self),
            self.size,
            device=device,
            label=f"decode {self.store.path.name}",
            threads=max(1, usable_cores() // self._budget.processes),
        )


def _images(table: Any, *, labelled: bool) -> Any:  # noqa: ANN401 - `datasets` is not imported here
    """The columns of a table that are read a batch at a time."""
    columns = ["image", "name", "archetype"] if labelled else ["image", "name"]
    return table.select_columns(columns).with_format("arrow")


def as_batch(batch: Any) -> Any:  # noqa: ANN401 - `DataLoader` types the argument as a list
    """Collate function: `PoseDataset` already returns whole batches."""
    return batch


def decode_image(data: bytes, size: int, origin: str) -> Tensor:
    """Decode to (3, size, size) uint8, resized with antialiasing.

    Raises:
        UserError: the bytes are no image; ``origin`` is named.
    """
    try:
        with open_image(data) as image:
            image.draft("RGB", (size, size))
            rgb = image.convert("RGB")
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{origin}: the stored image cannot be decoded ({error}); make the store again.") from error


def _read_labels(
    store: PoseStore, rows: Indices | None, skeleton: Skeleton, size: int, renames: Renames | None
) -> tuple[Tensor, Tensor]:
    """Keypoints (N, K, 2) and visibilities (N, K) of some rows, mapped to ``skeleton`` and scaled to ``size``.

    The store is read from end to end in large pieces, whatever the order of the rows: one by one they take ten times as
    long.
    """
    mapping = keypoint_map(store.meta.skeleton, skeleton, renames)
    have, take = np.array([i >= 0 for i in mapping]), np.array([max(i, 0) for i in mapping])
    wanted = np.arange(len(store)) if rows is None else np.asarray(rows, np.int64)
    place = np.argsort(wanted, kind="stable")
    points = np.zeros((len(wanted), len(mapping), 2), np.float32)
    visible = np.zeros((len(wanted), len(mapping)), np.uint8)
    labelled, scale = False, size / store.meta.size
    for start, piece in _pieces(store):
        first, last = np.searchsorted(wanted, (start, start + len(piece)), sorter=place)
        to = place[first:last]
        found, seen = (
            column[wanted[to] - start] for column in _label_columns(piece, store.meta.skeleton.num_keypoints)
        )
        labelled = labelled or bool(seen.any())
        visible[to] = seen[:, take] * have
        scaled = (found + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)
        points[to] = np.where(visible[to][..., None] > 0, scaled[:, take], np.float32(0))
    if not labelled:
        raise UserError(f"{store.path}: has 0 labelled joints; it can be a target without labels, not a labelled set.")
    return torch.from_numpy(points), torch.from_numpy(visible)


def labelled_rows(store: PoseStore, skeleton: Skeleton, renames: Renames | None = None) -> NDArray[np.int64]:
    """Rows of a store in which at least one keypoint of ``skeleton`` is labelled, ascending.

    Raises:
        UserError: the skeletons share no keypoint.
    """
    mapping = [i for i in keypoint_map(store.meta.skeleton, skeleton, renames) if i >= 0]
    found = (
        start + np.nonzero((_label_columns(piece, store.meta.skeleton.num_keypoints)[1][:, mapping] > 0).any(1))[0]
        for start, piece in _pieces(store)
    )
    return np.concatenate([np.zeros(0, np.int64), *found])


def _pieces(store: PoseStore) -> Iterator[tuple[int, Any]]:
    """First row and label columns of consecutive pieces of a store."""
    rows = store.rows.select_columns(["keypoints", "visible"]).with_format("arrow")
    return ((start, rows[start : start + _LABEL_ROWS]) for start in range(0, len(rows), _LABEL_ROWS))


def _label_columns(piece: Any, num_keypoints: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:  # noqa: ANN401 - as above
    """Keypoints (n, K, 2) and visibilities (n, K) of a piece, as they are stored."""

    def flat(name: str, dtype: type) -> NDArray[Any]:
        column = piece[name].combine_chunks()
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype)

    points = flat("keypoints", np.float32).reshape(-1, num_keypoints, 2)
    return points, flat("visible", np.uint8).reshape(-1, num_keypoints)

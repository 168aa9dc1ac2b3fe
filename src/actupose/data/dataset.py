"""One dataset class over a store: labelled or not, cached in memory or decoded on demand."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.data.store import PoseStore
from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.skeletons import Skeleton, keypoint_map
from actupose.skeletons.mapping import Renames

Cache = Literal["auto", "memory", "none"]
_AUTO_CACHE_BYTES = 4 << 30
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
        cache: ``memory`` decodes every image once into one uint8 tensor, ``auto`` does so up to 4 GiB.

    Raises:
        UserError: labels are asked of a store that has none, or the skeletons share no keypoint.
    """

    def __init__(
        self,
        store: PoseStore,
        skeleton: Skeleton,
        size: int,
        *,
        labelled: bool,
        rows: Sequence[int] | NDArray[np.int64] | None = None,
        renames: Renames | None = None,
        cache: Cache = "auto",
    ) -> None:
        self.store, self.skeleton, self.size, self.labelled = store, skeleton, size, labelled
        table = store.rows if rows is None else store.rows.select(np.asarray(rows, np.int64))
        if labelled:
            self.keypoints, self.visible = _read_labels(store, table, skeleton, size, renames)
        self._images = _images(table, labelled=labelled)
        self.num_fixed = len(self._images)
        wanted = len(self) * 3 * size * size
        self._cached = (
            self._decode_all() if cache == "memory" or (cache == "auto" and wanted <= _AUTO_CACHE_BYTES) else None
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> LabeledBatch | UnlabeledBatch:
        """A batch of one."""
        return self.batch([index])

    def __getitems__(self, indices: list[int]) -> LabeledBatch | UnlabeledBatch:
        """The whole batch at once; what a `DataLoader` calls."""
        return self.batch(indices)

    def batch(self, indices: Sequence[int]) -> LabeledBatch | UnlabeledBatch:
        """The samples at ``indices`` as one batch."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        image = self._decode(indices) if self._cached is None else self._cached.index_select(0, index)
        if self.labelled:
            return LabeledBatch(image, self.keypoints[index], self.visible[index], index)
        return UnlabeledBatch(image, index)

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

        Decoded images are copied once, so for a moment they take their memory twice.

        Args:
            more: of the same skeleton, size, labels and cache.
        """
        import datasets

        joined = datasets.concatenate_datasets([self._images, more._images])
        self._images = joined.with_format("arrow")
        if self.labelled:
            self.keypoints = torch.cat([self.keypoints, more.keypoints])
            self.visible = torch.cat([self.visible, more.visible])
        if self._cached is not None:
            added = more._decode_all() if more._cached is None else more._cached
            self._cached = torch.cat([self._cached, added])

    def _decode(self, indices: Sequence[int]) -> Tensor:
        table = self._images[list(indices)]
        pairs = zip(table["image"].to_pylist(), table["name"].to_pylist(), strict=True)
        return torch.stack([decode_image(data, self.size, f"{self.store.path}: {name}") for data, name in pairs])

    def _decode_all(self, chunk: int = 64) -> Tensor:
        out = torch.empty(len(self), 3, self.size, self.size, dtype=torch.uint8)
        with progress_bar(total=len(self), label=f"decode {self.store.path.name}") as bar:
            for start in range(0, len(self), chunk):
                stop = min(start + chunk, len(self))
                out[start:stop] = self._decode(range(start, stop))
                bar.update(stop - start)
        return out


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
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (size, size))
            rgb = image.convert("RGB")
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{origin}: the stored image cannot be decoded ({error}); make the store again.") from error


def _read_labels(
    store: PoseStore, table: PoseStore | object, skeleton: Skeleton, size: int, renames: Renames | None
) -> tuple[Tensor, Tensor]:
    """All keypoints (N, K, 2) and visibilities (N, K), mapped to ``skeleton`` and scaled to ``size``."""
    mapping = keypoint_map(store.meta.skeleton, skeleton, renames)
    parts = [_label_chunk(chunk, store.meta.skeleton.num_keypoints) for chunk in _chunks(table)]
    points = torch.from_numpy(np.concatenate([p for p, _ in parts]))
    visible = torch.from_numpy(np.concatenate([v for _, v in parts]))
    if not bool((visible > 0).any()):
        raise UserError(f"{store.path}: has 0 labelled joints; it can be a target without labels, not a labelled set.")
    scale = size / store.meta.size
    points = (points + 0.5) * scale - 0.5
    have = torch.tensor([i >= 0 for i in mapping])
    take = torch.tensor([max(i, 0) for i in mapping])
    visible = torch.where(have, visible[:, take], torch.zeros((), dtype=torch.uint8))
    points = torch.where((visible > 0)[..., None], points[:, take], torch.zeros(()))
    return points, visible


def _chunks(table: object) -> list[object]:
    rows = table.select_columns(["keypoints", "visible"]).with_format("arrow")  # type: ignore[attr-defined]
    return [rows[start : start + _LABEL_ROWS] for start in range(0, len(rows), _LABEL_ROWS)]


def _label_chunk(chunk: object, num_keypoints: int) -> tuple[np.ndarray, np.ndarray]:
    def flat(name: str, dtype: type) -> np.ndarray:
        column = chunk[name].combine_chunks()  # type: ignore[index]
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype)

    points = flat("keypoints", np.float32).reshape(-1, num_keypoints, 2)
    return points, flat("visible", np.uint8).reshape(-1, num_keypoints)

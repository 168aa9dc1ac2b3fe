"""The dataset: keypoints mapped and scaled, labels never read where none are asked for, caches alike."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.dataset import PoseDataset, as_batch, decode_image
from actupose.data.image_cache import Cache
from actupose.data.store import PoseStore, StoreMeta, open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows, jpeg, row

LSP, BODY = load_skeleton("lsp14"), load_skeleton("body16")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PoseStore:
    out = tmp_path_factory.mktemp("dataset") / "store"
    build_store(out, StoreMeta(LSP, 32, "fake", {}), 7, Rows(), shard_size=3)
    return open_store(out)


def labelled(store: PoseStore, **options: Any) -> PoseDataset:
    return PoseDataset(store, **{"skeleton": BODY, "size": 32, "labelled": True, **options})


@pytest.mark.parametrize("size", [32, 48, 20])
def test_keypoints_are_mapped_by_name_and_scaled(store: PoseStore, size: int) -> None:
    batch = labelled(store, size=size).batch(range(7))
    assert isinstance(batch, LabeledBatch)
    assert batch.keypoints.shape == (7, 16, 2)
    for i in range(7):
        made = row(i)
        for k, name in enumerate(BODY.keypoints):
            if name not in LSP.keypoints:
                assert name in ("pelvis", "thorax")
                assert int(batch.visible[i, k]) == 0
                continue
            source = LSP.keypoints.index(name)
            assert int(batch.visible[i, k]) == made.visible[source]
            wanted = (made.keypoints[source] + 0.5) * size / 32 - 0.5 if made.visible[source] else np.zeros(2)
            np.testing.assert_allclose(batch.keypoints[i, k].numpy(), wanted, atol=1e-5)


class Dots:
    """Images with one bright square around each keypoint."""

    def __call__(self, items: range) -> ShardResult:
        return ShardResult([self.row(i) for i in items])

    @staticmethod
    def row(i: int) -> StoreRow:
        made = row(i)
        center = np.array([30 + 9 * i, 77 - 6 * i])
        pixels = np.zeros((128, 128, 3), np.uint8)
        pixels[center[1] - 6 : center[1] + 7, center[0] - 6 : center[0] + 7] = 255
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
        points = np.repeat(center[None], 14, 0).astype(np.float32)
        return replace(made, image=buffer.getvalue(), keypoints=points, visible=np.full(14, 2, np.uint8))


@pytest.mark.parametrize("size", [128, 64, 50, 32, 160])
def test_scaled_keypoints_stay_on_the_scaled_picture(tmp_path: Path, size: int) -> None:
    build_store(tmp_path / "s", StoreMeta(LSP, 128, "fake", {}), 4, Dots())
    batch = labelled(open_store(tmp_path / "s"), skeleton=LSP, size=size).batch(range(4))
    assert isinstance(batch, LabeledBatch)
    light = batch.image.double().mean(1)
    axis = torch.arange(size, dtype=torch.float64)
    total = light.sum((1, 2))
    center = torch.stack([(light.sum(1) * axis).sum(1) / total, (light.sum(2) * axis).sum(1) / total], -1)
    assert float((center - batch.keypoints[:, 0]).abs().max()) < 0.15


@pytest.mark.parametrize("size", [32, 24])
def test_the_caches_give_the_same_pixels(store: PoseStore, size: int) -> None:
    kinds: list[Cache] = ["none", "memory", "device", "auto"]
    batches = [labelled(store, size=size, cache=kind).batch([5, 0, 5, 3]) for kind in kinds]
    for batch in batches[1:]:
        assert all(torch.equal(a, b) for a, b in zip(batches[0], batch, strict=True))
    assert batches[0].image.dtype == torch.uint8
    assert batches[0].image.shape == (4, 3, size, size)


def test_unlabelled_data_never_touch_the_label_columns(store: PoseStore) -> None:
    blind = replace(store, rows=store.rows.remove_columns(["keypoints", "visible", "crop", "archetype"]))
    for cache in ("memory", "none"):
        dataset = PoseDataset(blind, BODY, 32, labelled=False, cache=cache)
        batch = dataset.batch([2, 6])
        assert isinstance(batch, UnlabeledBatch)
        assert torch.equal(batch.image, labelled(store).batch([2, 6]).image)
        assert not hasattr(dataset, "keypoints")
    with pytest.raises(Exception, match="keypoints"):
        labelled(blind)


def test_an_unlabelled_batch_has_no_place_for_labels() -> None:
    assert UnlabeledBatch._fields == ("image", "row")


def test_rows_choose_a_part_and_number_it_anew(store: PoseStore) -> None:
    part, whole = labelled(store, rows=[6, 1, 4]), labelled(store)
    assert len(part) == 3
    batch, wanted = part.batch([0, 2]), whole.batch([6, 4])
    assert torch.equal(batch.image, wanted.image)
    assert torch.equal(batch.keypoints, wanted.keypoints)  # type: ignore[union-attr]
    assert batch.row.tolist() == [0, 2]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_gives_whole_batches(store: PoseStore, workers: int) -> None:
    loader = DataLoader(labelled(store), batch_size=3, num_workers=workers, collate_fn=as_batch)
    batches = list(loader)
    assert [len(b.image) for b in batches] == [3, 3, 1]
    assert torch.cat([b.row for b in batches]).tolist() == list(range(7))
    assert labelled(store)[4].row.tolist() == [4]


def test_labels_are_read_in_chunks(store: PoseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = labelled(store, rows=[5, 2, 0, 6, 1])
    monkeypatch.setattr("actupose.data.dataset._LABEL_ROWS", 2)
    chunked = labelled(store, rows=[5, 2, 0, 6, 1])
    assert torch.equal(chunked.keypoints, wanted.keypoints)
    assert torch.equal(chunked.visible, wanted.visible)


class Blank(Rows):
    def __call__(self, items: range) -> ShardResult:
        return ShardResult([replace(row(i), visible=np.zeros(14, np.uint8)) for i in items])


class Garbled(Rows):
    def __call__(self, items: range) -> ShardResult:
        return ShardResult([replace(row(i), image=jpeg(i) if i else jpeg(i)[:200]) for i in items])


def test_no_labelled_joint_is_told(tmp_path: Path) -> None:
    build_store(tmp_path / "s", StoreMeta(LSP, 32, "fake", {}), 3, Blank())
    with pytest.raises(UserError, match=r"s: has 0 labelled joints"):
        labelled(open_store(tmp_path / "s"))
    assert len(labelled(open_store(tmp_path / "s"), labelled=False)) == 3


def test_an_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    build_store(tmp_path / "s", StoreMeta(LSP, 32, "fake", {}), 3, Garbled())
    with pytest.raises(UserError, match=r"s: item 0: the stored image cannot be decoded"):
        labelled(open_store(tmp_path / "s"))


def test_skeletons_without_a_common_keypoint(store: PoseStore) -> None:
    with pytest.raises(UserError, match="share no keypoint name"):
        labelled(store, skeleton=load_skeleton("hand21"))


def test_grey_and_transparent_pictures_become_rgb() -> None:
    for mode in ("L", "RGBA", "P"):
        buffer = io.BytesIO()
        Image.new(mode, (8, 8), 77 if mode != "RGBA" else (77, 77, 77, 255)).save(buffer, "PNG")
        assert decode_image(buffer.getvalue(), 8, mode).shape == (3, 8, 8)

"""Resident images: where they are kept, equal to decoding on demand, growing, and what a broken image says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actupose.data import image_cache
from actupose.data.build import build_store
from actupose.data.dataset import PoseDataset
from actupose.data.image_cache import Cache, CacheBudget, ImageCache, available_memory, decode_all
from actupose.data.store import PoseStore, StoreMeta, open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows

BODY = load_skeleton("body16")
CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PoseStore:
    out = tmp_path_factory.mktemp("cache") / "store"
    build_store(out, StoreMeta(load_skeleton("lsp14"), 32, "fake", {}), 150, Rows(), shard_size=60)
    return open_store(out)


def made(store: PoseStore, cache: Cache, rows: range | None = None, device: torch.device = CPU) -> PoseDataset:
    return PoseDataset(store, BODY, 32, labelled=True, rows=rows, cache=cache, budget=CacheBudget(device))


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 free bytes on the device at a share of 0.4, 200 in memory at 0.5."""
    monkeypatch.setattr(image_cache, "free_device_memory", lambda _: 100)
    monkeypatch.setattr(image_cache, "available_memory", lambda: 200)


@pytest.mark.usefixtures("free")
def test_auto_takes_the_device_then_memory_then_neither() -> None:
    budget = CacheBudget(CUDA)
    assert [budget.place(n, "auto", "s") for n in (30, 11, 10, 90, 0)] == [CUDA, CPU, CUDA, None, CUDA]
    assert [CacheBudget(CUDA).place(n, "auto", "s") for n in (40, 41, 100, 101)] == [CUDA, CPU, CPU, None]
    assert [CacheBudget().place(n, "auto", "s") for n in (100, 101)] == [CPU, None]
    assert [CacheBudget(CUDA, 4).place(n, "auto", "s") for n in (40, 41)] == [
        CUDA,
        None,
    ]  # memory is shared, devices not


@pytest.mark.usefixtures("free")
def test_what_is_asked_for_is_done_or_refused() -> None:
    budget = CacheBudget(CUDA)
    assert [budget.place(90, cache, "s") for cache in ("none", "memory", "device")] == [None, CPU, CUDA]
    with pytest.raises(UserError, match=r"data.loader.cache device: .* of my/store .* free on cuda:0; set it to auto"):
        budget.place(101, "device", "my/store")
    with pytest.raises(UserError, match=r"data.loader.cache memory: .* free on cpu"):
        budget.place(201, "memory", "my/store")


def test_the_memory_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = available_memory()
    assert whole > 1 << 20
    (tmp_path / "memory.max").write_text("5000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("1000\n", encoding="ascii")
    monkeypatch.setattr(image_cache, "_CGROUP", tmp_path)
    assert available_memory() == 4000


@pytest.mark.parametrize("cache", ["memory", "device", "auto"])
def test_a_batch_is_that_of_decoding_on_demand(store: PoseStore, cache: Cache) -> None:
    plain, resident = made(store, "none"), made(store, cache)
    assert (plain.cached_on, resident.cached_on) == (None, CPU)
    for indices in ([3, 149, 3, 64], torch.randperm(150).numpy()):
        assert all(torch.equal(a, b) for a, b in zip(plain[indices], resident[indices], strict=True))  # type: ignore[index]


@pytest.mark.parametrize("cache", ["none", "memory", "device"])
def test_a_set_that_grew_twice_is_the_whole(store: PoseStore, cache: Cache) -> None:
    whole, growing = made(store, "none"), made(store, cache, range(80))
    growing.extend(made(store, "none", range(80, 100)))
    growing.extend(made(store, "memory", range(100, 150)))
    indices = torch.randperm(150, generator=torch.Generator().manual_seed(0)).numpy()
    assert all(torch.equal(a, b) for a, b in zip(whole.batch(indices), growing.batch(indices), strict=True))


def test_images_are_decoded_once_in_threads_and_in_their_places() -> None:
    read: list[int] = []

    def encoded(rows: range) -> list[tuple[bytes, str]]:
        read.extend(rows)
        return [(bytes([i]), str(i)) for i in rows]

    images = decode_all(
        encoded,
        lambda found: torch.stack([torch.full((3, 2, 2), data[0], dtype=torch.uint8) for data, _ in found]),
        200,
        2,
        device=CPU,
        label="x",
        threads=3,
    )
    assert read == list(range(200))
    assert images[:, 0, 0, 0].tolist() == read


def test_keypoints_left_out_stay_out(store: PoseStore) -> None:
    data = made(store, "memory")
    data.keep_keypoints(torch.arange(16) < 4)
    visible = data.batch(range(150)).visible  # type: ignore[union-attr]
    assert bool(visible[:, :4].any())
    assert not bool(visible[:, 4:].any())


@NEEDS_CUDA
def test_on_cuda_a_batch_is_that_of_the_host_without_a_wait(store: PoseStore) -> None:
    plain, resident = made(store, "none"), made(store, "device", range(100), CUDA)
    resident.extend(made(store, "none", range(100, 150)))
    indices = torch.randperm(150).numpy()
    resident.batch(indices)  # labels go to the device with the first batch
    torch.cuda.set_sync_debug_mode("error")
    try:
        batch = resident.batch(indices)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(b.is_cuda and torch.equal(a, b.cpu()) for a, b in zip(plain.batch(indices), batch, strict=True))
    resident.keep_keypoints(torch.arange(16) < 4)
    assert not bool(resident.batch(indices).visible[:, 4:].any())  # type: ignore[union-attr]


def test_on_a_cpu_the_device_is_memory() -> None:
    assert CacheBudget(CPU).place(1, "device", "s") == CPU
    assert ImageCache(torch.zeros(1, 3, 2, 2, dtype=torch.uint8)).device == CPU

"""Decoded images kept resident: one uint8 tensor on the training device or in memory, chosen by size."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from actupose.errors import UserError
from actupose.progress import progress_bar

Cache = Literal["auto", "none", "memory", "device"]
DEVICE_SHARE = 0.4  # of the device's free memory: the rest is for the network
MEMORY_SHARE = 0.5  # of the available memory, over all processes of this machine
_CGROUP = Path("/sys/fs/cgroup")
_CHUNK = 64


class CacheBudget:
    """How much the caches of one process may hold together, measured when the first one asks.

    Args:
        device: where the training runs.
        processes: processes of the training on this machine; each has its own device and its part of the memory.
    """

    def __init__(self, device: torch.device | None = None, processes: int = 1) -> None:
        self.device, self.processes = device or torch.device("cpu"), processes
        self._left: dict[str, int] = {}

    def place(self, wanted: int, cache: Cache, what: str) -> torch.device | None:
        """Where to keep ``wanted`` bytes; None = nowhere, decode on demand.

        ``auto`` takes the device where `DEVICE_SHARE` of its free memory has room, else memory by `MEMORY_SHARE`. On a
        CPU ``device`` is ``memory``.

        Args:
            wanted: bytes of all images.
            cache: what the user asked for.
            what: of the images, for messages.

        Raises:
            UserError: what was asked for does not fit at all.
        """
        cpu = torch.device("cpu")
        if cache == "none":
            return None
        if cache != "auto":
            place = self.device if cache == "device" else cpu
            self._refuse_too_much(wanted, place, cache, what)
            return place
        for place in dict.fromkeys((self.device, cpu)):
            if wanted <= (left := self._left.setdefault(str(place), self._share(place))):
                self._left[str(place)] = left - wanted
                return place
        return None

    def _share(self, place: torch.device) -> int:
        if place.type == "cpu":
            return int(MEMORY_SHARE * available_memory() / self.processes)
        return int(DEVICE_SHARE * free_device_memory(place))

    def _refuse_too_much(self, wanted: int, place: torch.device, cache: Cache, what: str) -> None:
        free = available_memory() if place.type == "cpu" else free_device_memory(place)
        if wanted > free:
            raise UserError(
                f"data.loader.cache {cache}: the decoded images of {what} take {wanted / 2**30:.1f} GiB, "
                f"{free / 2**30:.1f} GiB are free on {place}; set it to auto or none."
            )


def free_device_memory(device: torch.device) -> int:
    """Bytes that are free on a device; 0 where PyTorch cannot tell."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


def available_memory() -> int:
    """Bytes of memory that this process could still take, by the kernel and by the limit of its container."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    info = Path("/proc/meminfo")
    if info.is_file():
        lines = (line.split() for line in info.read_text(encoding="ascii").splitlines())
        found += [1024 * int(parts[1]) for parts in lines if parts[0] == "MemAvailable:"]
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if limit.is_file() and used.is_file() and (most := limit.read_text(encoding="ascii").strip()).isdigit():
        found.append(max(0, int(most) - int(used.read_text(encoding="ascii"))))
    return min(found)


class ImageCache:
    """Images of a set on one device, chosen by index without a wait for the device.

    What `extend` adds is kept beside the first images, which are never copied: they may fill half of the device.

    Args:
        images: (N, 3, S, S) uint8.
    """

    def __init__(self, images: Tensor) -> None:
        self._images = images
        self._added: Tensor | None = None

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._images.device

    def select(self, index: Tensor) -> Tensor:
        """The images at ``index``, an int64 tensor on `device`; (B, 3, S, S) uint8."""
        if self._added is None:
            return self._images.index_select(0, index)
        first = len(self._images)
        old = self._images.index_select(0, index.clamp(max=first - 1))
        new = self._added.index_select(0, (index - first).clamp(min=0))
        return torch.where((index >= first)[:, None, None, None], new, old)

    def extend(self, images: Tensor) -> None:
        """Add images behind those there are; (M, 3, S, S) uint8."""
        images = images.to(self.device)
        self._added = images if self._added is None else torch.cat([self._added, images])


def decode_all(
    read: Callable[[range], Sequence[tuple[bytes, str]]],
    decode: Callable[[Sequence[tuple[bytes, str]]], Tensor],
    num: int,
    size: int,
    *,
    device: torch.device,
    label: str,
    threads: int,
) -> Tensor:
    """Decode all images once, in threads (Pillow works outside Python's lock), with a progress line.

    Args:
        read: rows -> encoded images with their names; called in this thread, in order.
        decode: encoded images -> (n, 3, S, S) uint8 on the CPU; called in the threads.
        num: N.
        size: S.
        device: where the result is.
        label: what the progress line says.
        threads: how many decode.

    Returns:
        (N, 3, S, S) uint8.

    Raises:
        UserError: an image cannot be decoded, or ``device`` has no room.
    """
    try:
        out = torch.empty(num, 3, size, size, dtype=torch.uint8, device=device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{label}: {num * 3 * size * size / 2**30:.1f} GiB do not fit on {device}; set data.loader.cache to memory."
        ) from error
    with progress_bar(total=num, label=label) as bar, ThreadPoolExecutor(threads) as pool:
        running: deque[tuple[int, Future[Tensor]]] = deque()

        def take() -> None:
            """Put the oldest chunk in its place."""
            start, future = running.popleft()
            chunk = future.result()
            out[start : start + len(chunk)] = chunk
            bar.update(len(chunk))

        try:
            for rows in _chunks(num):
                running.append((rows.start, pool.submit(decode, read(rows))))
                if len(running) > 2 * threads:
                    take()
            while running:
                take()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return out


def _chunks(num: int) -> Iterator[range]:
    return (range(start, min(start + _CHUNK, num)) for start in range(0, num, _CHUNK))


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

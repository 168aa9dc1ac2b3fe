"""How samples reach the device."""

from __future__ import annotations

from dataclasses import dataclass

from actupose.data.image_cache import Cache
from actupose.errors import UserError


@dataclass(frozen=True)
class LoaderConfig:
    """How samples reach the device.

    Attributes:
        batch_size: samples of one domain a step, over all processes.
        iterations: batches an epoch, which are steps where none are accumulated; an epoch has this fixed number
            whatever the size of the source.
        num_workers: decoding processes of sets that are not cached; cached ones need none.
        cache: decode each image once and keep it on the ``device``, in ``memory``, or not (``none``); ``auto`` = where
            40 % of the device's free memory, else half of the available memory, have room.
    """

    batch_size: int = 32
    iterations: int = 500
    num_workers: int = 0
    cache: Cache = "auto"


def rank_batch_size(setting: str, size: int, world_size: int) -> int:
    """A process's part of a batch.

    Args:
        setting: key of the batch size, for the message.
        size: samples of the whole batch.
        world_size: number of processes.

    Raises:
        UserError: the batch does not divide among the processes.
    """
    if size % world_size:
        raise UserError(
            f"{setting} {size} does not divide among {world_size} processes; use a multiple of {world_size}."
        )
    return size // world_size

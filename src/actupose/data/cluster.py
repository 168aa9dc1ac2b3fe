"""Making shards on a Ray cluster: many machines, the same bytes.

Workers return their shards and the driver writes them, so no folder need be shared. Every machine needs the same
package versions, and the files that the shards are made of under the same paths. A shard whose worker or machine dies
is made again elsewhere.
"""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from actupose.errors import UserError

Result = TypeVar("Result")
LOCAL = "local"
_PATIENCE_S = 10.0
_RETRIES = 3  # times that a shard is made again when its worker dies
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # read when ray starts


def _knock(address: str) -> None:
    """See whether anybody listens at ``host:port``; Ray itself would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()


@contextmanager
def ray_cluster(address: str, cpus: int | None = None) -> Iterator[Any]:
    """Ray, connected; left again at the end.

    Args:
        address: ``local`` for a cluster on this machine that ends with the block; else that of a running one
            (``auto``, ``host:6379``, ``ray://host:10001``).
        cpus: processes of a local cluster; None = one a core.

    Raises:
        UserError: ray is not installed, or there is no cluster at the address.
    """
    os.environ.update(_QUIET)
    try:
        import ray
    except ImportError as error:
        raise UserError("a Ray cluster needs Ray: pip install 'actupose[cluster]'.") from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    local = {"address": LOCAL, "num_cpus": cpus, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("ray").setLevel(logging.ERROR)
        try:
            _knock(address)
            ray.init(**(local if address == LOCAL else {"address": address}), **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"no Ray cluster to be had at '{address}' ({str(error).splitlines()[0]}).") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def ray_results(
    make_shard: Callable[[range], Result],
    shards: Sequence[range],
    missing: Sequence[int],
    address: str,
    workers: int,
    gpu_share: float = 0.0,
) -> Iterator[tuple[int, Result]]:
    """Make shards on a cluster, with two a core under way; machines that join later get their share.

    Args:
        make_shard: picklable; called with the items of one shard.
        shards: all shards.
        missing: which of them to make.
        address: see `ray_cluster`.
        workers: processes of a local cluster, less than 1 = one a core.
        gpu_share: how much of a GPU each process takes; it sees no other.

    Yields:
        Shard number and result, in the order in which they are ready.

    Raises:
        UserError: no cluster, none with a GPU where one is wanted, or a shard's worker died again and again.
    """
    with ray_cluster(address, workers if workers > 0 else None) as ray:
        if gpu_share and not ray.cluster_resources().get("GPU"):  # Ray would wait for one to join
            raise UserError(f"device: the Ray cluster at '{address}' has no GPU; render on the cpu.")
        maker = ray.put(make_shard)
        make = ray.remote(num_cpus=1, num_gpus=gpu_share, max_retries=_RETRIES)(_make)
        queue = iter(missing)
        running: dict[Any, int] = {}
        while True:
            ahead = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < ahead and (i := next(queue, None)) is not None:
                running[make.remote([maker], maker.hex(), shards[i])] = i
            if not running:
                return
            for ready in ray.wait(list(running), num_returns=1)[0]:
                i = running.pop(ready)
                yield i, _fetch(ray, ready, i)


def _fetch(ray: Any, ready: Any, shard: int) -> Any:  # noqa: ANN401 - ray's module and reference
    try:
        return ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what the maker raised, without the cluster's wrapping
    except ray.exceptions.RayError as error:
        raise UserError(
            f"shard {shard}: its worker died {_RETRIES + 1} times (often: out of memory); run again, "
            "finished shards are kept."
        ) from error


_makers: dict[str, Any] = {}  # of a worker process: the maker that it used last, so that it is loaded once


def _make(maker: list[Any], key: str, items: range) -> Any:  # noqa: ANN401 - whatever the maker makes
    """Make a shard in a worker; the reference is in a list so that Ray does not fetch it for every call."""
    if key not in _makers:
        import ray

        _makers.clear()
        _makers[key] = ray.get(maker[0])
    return _makers[key](items)

"""Building a store: sharded, in several processes, resumable after a kill, with progress."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actupose.data.cluster import ray_results
from actupose.data.store import (
    SHARD_DIR,
    StoreMeta,
    StoreReport,
    read_meta,
    shard_path,
    write_json_atomically,
    write_meta,
    write_table_atomically,
)
from actupose.errors import UserError, what_differs
from actupose.files import LOCK, held, is_full
from actupose.progress import progress_bar

_BAD_SHARE = 0.05
_BAD_ALWAYS_ALLOWED = 1


@dataclass(frozen=True)
class StoreRow:
    """One person crop as it is stored.

    Attributes:
        image: encoded JPEG, size x size.
        name: unique name.
        keypoints: (K, 2) float32 in crop pixels (the centre of the first pixel is 0).
        visible: (K,) uint8: 0 absent or outside, 1 hidden, 2 visible.
        crop: (2, 3) float32, original pixels -> crop pixels.
        archetype: kind of pose where known.
        extras: values of `EXTRA_COLUMNS`, the same ones in all rows of a store.
    """

    image: bytes
    name: str
    keypoints: NDArray[np.float32]
    visible: NDArray[np.uint8]
    crop: NDArray[np.float32]
    archetype: str = ""
    extras: Mapping[str, object] = field(default_factory=dict)


@dataclass
class ShardResult:
    """The rows of one shard and one line for each item that was skipped."""

    rows: list[StoreRow]
    problems: list[str] = field(default_factory=list)


MakeShard = Callable[[range], ShardResult]


def build_store(
    out: Path,
    meta: StoreMeta,
    num_items: int,
    make_shard: MakeShard,
    *,
    shard_size: int = 256,
    workers: int = 0,
    ray: str | None = None,
    gpu_share: float = 0.0,
    label: str = "",
) -> StoreReport:
    """Make every missing shard of a store and close it.

    A shard is written to a temporary file and renamed, so whatever stands under its name is whole; calling
    again with the same recipe makes only what is missing and ends with the same bytes as one unbroken call.

    Args:
        out: folder of the store.
        meta: what determines the bytes; another store in ``out`` is refused.
        num_items: items to make; shard i covers items ``i*shard_size`` and on.
        make_shard: picklable; called with the item indices of one shard.
        shard_size: items a shard.
        workers: processes; 0 = in this process, -1 = one a core.
        ray: make the shards on the Ray cluster at this address (see `ray_cluster`).
        gpu_share: how much of a GPU each process takes there.
        label: what the progress bar says.

    Raises:
        UserError: ``out`` holds something else, another process writes there, more than 5 % of the items were bad, or
            the disk is full.
    """
    if num_items < 1:
        raise UserError(f"{out}: nothing to write, 0 items asked for; give a number of at least 1.")
    meta = replace(meta, recipe={**meta.recipe, "items": num_items, "shard_size": shard_size})
    starts = range(0, num_items, shard_size)
    shards = [range(s, min(s + shard_size, num_items)) for s in starts]
    try:
        _refuse_other(out, meta)
        with held(out, "synth" if meta.source == "synth" else "prepare"):
            _claim(out, meta, len(shards))
            missing = [i for i in range(len(shards)) if not shard_path(out, i).is_file()]
            results = _results(make_shard, shards, missing, workers, ray, gpu_share)
            with progress_bar(total=num_items, label=label or out.name) as bar:
                bar.update(num_items - sum(len(shards[i]) for i in missing))
                for i, result in results:
                    _write_shard(out, i, meta, result)
                    bar.update(len(shards[i]))
            report = _close(out, meta, num_items, len(shards))
            _stop_if_too_many_bad(out, report)
            return report
    except OSError as error:
        remedy = "free some space and run again" if is_full(error) else "see to it and run again"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"{out}: cannot write ({reason}); {remedy}: finished shards are kept.") from error


def _refuse_other(out: Path, meta: StoreMeta) -> bool:
    """Refuse a folder that holds something else; returns whether it holds this store already."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file, not a folder; name another output folder.")
    begun = read_meta(out)
    if begun is None:
        if out.is_dir() and not _is_untouched(out):
            raise UserError(f"{out}: holds other files; name an empty or new output folder.")
    elif begun.fingerprint() != meta.fingerprint():
        raise UserError(
            f"{out}: holds a store made with other settings ({what_differs(begun.identity(), meta.identity())}); "
            "name another folder or remove it."
        )
    return begun is not None


def _claim(out: Path, meta: StoreMeta, num_shards: int) -> None:
    """Take ``out``, which this process holds, for this recipe, or refuse when it holds another."""
    if not _refuse_other(out, meta):
        (out / SHARD_DIR).mkdir(parents=True, exist_ok=True)
        write_meta(out, meta, num_shards=num_shards, complete=False)
    for stale in (*out.glob("*.json.tmp*"), *(out / SHARD_DIR).glob("*.tmp*")):
        stale.unlink()


def _is_untouched(out: Path) -> bool:
    """Whether the folder holds nothing, or only what a run killed in its first moment leaves behind."""
    ours = all(p.name in (SHARD_DIR, LOCK) or p.name.startswith("store.json.tmp") for p in out.iterdir())
    return ours and not any((out / SHARD_DIR).glob("*"))


def _write_shard(out: Path, index: int, meta: StoreMeta, result: ShardResult) -> None:
    columns: dict[str, list[Any]] = {
        "image": [r.image for r in result.rows],
        "name": [r.name for r in result.rows],
        "keypoints": [np.asarray(r.keypoints, np.float32).reshape(-1) for r in result.rows],
        "visible": [np.asarray(r.visible, np.uint8) for r in result.rows],
        "crop": [np.asarray(r.crop, np.float32).reshape(-1) for r in result.rows],
        "archetype": [r.archetype for r in result.rows],
    }
    for name in result.rows[0].extras if result.rows else ():
        columns[name] = [r.extras[name] for r in result.rows]
    # The problems first: a shard that stands has its problems on record.
    write_json_atomically(shard_path(out, index).with_suffix(".json"), result.problems)
    write_table_atomically(shard_path(out, index), columns, meta.skeleton.num_keypoints)


def _close(out: Path, meta: StoreMeta, num_items: int, num_shards: int) -> StoreReport:
    problems = [
        line
        for i in range(num_shards)
        for line in json.loads(shard_path(out, i).with_suffix(".json").read_text(encoding="utf-8"))
    ]
    write_meta(out, meta, num_shards=num_shards, complete=True)
    report = StoreReport(path=out, num_items=num_items, num_rows=num_items - len(problems), problems=problems)
    write_json_atomically(out / "report.json", {"items": num_items, "rows": report.num_rows, "skipped": problems})
    return report


def _stop_if_too_many_bad(out: Path, report: StoreReport) -> None:
    bad = len(report.problems)
    if report.num_rows == 0 or bad > max(_BAD_ALWAYS_ALLOWED, _BAD_SHARE * report.num_items):
        write_json_atomically(out / "REJECTED.json", {"skipped": report.problems})
        raise UserError(
            f"{out}: {bad} of {report.num_items} items are unusable, more than 5 %; first: {report.problems[0]} "
            f"(all of them in {out / 'report.json'}); mend them, remove the folder and run again."
        )


# -- running shards in this or other processes


def _results(
    make_shard: MakeShard, shards: list[range], missing: list[int], workers: int, ray: str | None, gpu_share: float
) -> Iterator[tuple[int, ShardResult]]:
    if ray is not None:
        yield from ray_results(make_shard, shards, missing, ray, workers, gpu_share)
        return
    count = min(len(missing), (os.cpu_count() or 1) if workers < 0 else workers)
    if count <= 1:
        for i in missing:
            yield i, make_shard(shards[i])
        return
    # The maker is sent once a process, not once a shard: it may hold the records of a whole dataset.
    pool = ProcessPoolExecutor(count, mp.get_context("spawn"), initializer=_set_maker, initargs=(make_shard,))
    with single_threaded_children(), pool:
        try:
            yield from _bounded_map(pool, [(i, shards[i]) for i in missing], ahead=2 * count)
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process died (often: out of memory); run again with fewer workers, finished shards are kept."
            ) from error


_maker: MakeShard | None = None  # of a worker process


def _set_maker(make_shard: MakeShard) -> None:
    global _maker
    _maker = make_shard
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End a worker whose parent was killed; it would wait for work for ever."""
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(items: range) -> ShardResult:
    if _maker is None:
        raise ValueError("the worker process was not set up")
    return _maker(items)


def _bounded_map(
    pool: ProcessPoolExecutor, jobs: Iterable[tuple[int, range]], ahead: int
) -> Iterator[tuple[int, ShardResult]]:
    """Results in order, with at most ``ahead`` shards in flight so that memory stays small."""
    queue = iter(jobs)
    running = [(i, pool.submit(_make, items)) for i, items in islice(queue, ahead)]
    try:
        while running:
            i, future = running.pop(0)
            yield i, future.result()
            running += [(j, pool.submit(_make, items)) for j, items in islice(queue, 1)]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Child processes started inside use one thread each and keep freed memory.

    Two spinning threads a process slow all of them many times over on a busy machine, and first-touch memory is
    slow, so children keep their buffers.
    """
    wanted = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "1073741824",
        "MALLOC_TRIM_THRESHOLD_": "8589934592",
    }
    before = {k: os.environ.get(k) for k in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value

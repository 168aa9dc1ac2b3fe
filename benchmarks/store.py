"""Time a store: decoding, sequential and random records, and what opening and access cost as stores grow.

``python benchmarks/store.py --num 10000 100000 1000000 6000000`` prints one record (see `common.py`). One thread.
Large stores are hard links to one shard of small rows, so they need no disk; a store of 256-pixel crops gives the
records a second, beside Pillow decoding the same bytes with nothing around it.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from common import Figure, cpu_seconds, figure, fresh_python, parser, publish, record, resident_memory_mib
from PIL import Image

from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.dataset import PoseDataset, decode_image
from actupose.data.store import StoreMeta, open_store, shard_path, write_meta
from actupose.skeletons import load_skeleton

T = TypeVar("T")
SIZE, BATCH, SHARD, ACCESSES = 256, 32, 256, 200
BODY = load_skeleton("body16")


class Crops:
    """Rows with a smooth random picture of a given side."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, items: range) -> ShardResult:
        """Make the rows of one shard."""
        return ShardResult([self.row(i) for i in items])

    def row(self, index: int) -> StoreRow:
        """One row; its bytes depend on the index alone."""
        rng = np.random.default_rng(index)
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((self.size, self.size), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        points = rng.uniform(0, self.size, (BODY.num_keypoints, 2)).astype(np.float32)
        crop = np.eye(2, 3, dtype=np.float32)
        return StoreRow(buffer.getvalue(), f"{index:08d}", points, np.full(BODY.num_keypoints, 2, np.uint8), crop)


def linked_store(out: Path, num: int) -> Path:
    """A store of at least ``num`` rows whose shards are hard links to one."""
    meta = StoreMeta(BODY, 32, "links", {})
    build_store(out, meta, SHARD, Crops(32), shard_size=SHARD)
    shards = -(-num // SHARD)
    for index in range(1, shards):
        os.link(shard_path(out, 0), shard_path(out, index))
    write_meta(out, meta, num_shards=shards, complete=True)
    return out


def rates(folder: Path, num: int, repeats: int) -> list[Figure]:
    """Records a second: Pillow alone, sequential, random, and from a resident cache."""
    build_store(folder / "crops", StoreMeta(BODY, SIZE, "crops", {}), num, Crops(SIZE), shard_size=SHARD)
    store = open_store(folder / "crops")
    plain = PoseDataset(store, BODY, SIZE, labelled=True, cache="none")
    encoded = store.rows.with_format("arrow")[:]["image"].to_pylist()
    order = np.random.default_rng(0).permutation(num)

    def batches(data: PoseDataset, indices: np.ndarray) -> None:
        for start in range(0, num, BATCH):
            data.batch(indices[start : start + BATCH])

    resident = PoseDataset(store, BODY, SIZE, labelled=True, cache="memory")
    found = {
        "Pillow decode alone": lambda: [decode_image(data, SIZE, "") for data in encoded],
        "sequential": lambda: batches(plain, np.arange(num)),
        "random": lambda: batches(plain, order),
        "random, resident in memory": lambda: batches(resident, order),
    }
    seconds = {name: cpu_seconds(call, repeats) for name, call in found.items()}
    at = {"records": num, "pixels": SIZE, "batch": BATCH}
    figures = [figure(name, "records/CPU s", [num / s for s in taken], at) for name, taken in seconds.items()]
    for name in ("sequential", "random"):
        ratio = [a / b for a, b in zip(seconds[name], seconds["Pillow decode alone"], strict=True)]
        figures.append(figure(f"{name} over decode alone", "ratio", ratio, at))
    return figures


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """The result of a call and its CPU seconds."""
    result: list[T] = []
    (seconds,) = cpu_seconds(lambda: result.append(call()))
    return result[0], seconds


def growing(path: Path) -> list[Figure]:
    """Opening, labels, random batches and memory of one store; for a process of its own."""
    import datasets  # noqa: F401 - before the first figure, not in it

    before = resident_memory_mib()
    store, open_s = timed(lambda: open_store(path))
    opened = resident_memory_mib()
    held = np.sort(np.random.default_rng(0).permutation(len(store))[len(store) // 20 :])  # as a training's source
    blind, blind_s = timed(lambda: PoseDataset(store, BODY, 32, labelled=False, cache="none"))
    draws = np.random.default_rng(1).integers(0, len(store), (ACCESSES, BATCH))
    blind.names(draws[0].tolist())
    access = [1000 * s for draw in draws for s in cpu_seconds(lambda draw=draw: blind.names(draw.tolist()))]
    after_access = resident_memory_mib()
    source, source_s = timed(lambda: PoseDataset(store, BODY, 32, labelled=True, rows=held, cache="none"))
    labels = source.keypoints.nbytes + source.visible.nbytes
    at = {"rows": len(store), "shards": -(-len(store) // SHARD)}
    return [
        figure("open", "CPU s", [open_s], at),
        figure("target set", "CPU s", [blind_s], at),
        figure("source set, 95 % of the rows, labels read", "CPU s", [source_s], at),
        Figure(
            "random batch, read", "CPU ms", float(f"{np.median(access):.4g}"), 0.0, ACCESSES, {**at, "batch": BATCH}
        ),
        figure("memory of the opened store", "MiB", [max(0.0, opened - before)], at),
        figure("memory with a target set, after access", "MiB", [max(0.0, after_access - before)], at),
        figure("memory of labels", "MiB", [labels / 2**20], at),
        figure("memory with a source set", "MiB", [max(0.0, resident_memory_mib() - after_access)], at),
    ]


TABLE = {
    "open, CPU s": "open",
    "random batch of 32, CPU ms": "random batch, read",
    "memory of the opened store, MiB": "memory of the opened store",
    "source set, CPU s": "source set, 95 % of the rows, labels read",
    "its labels, MiB": "memory of labels",
}


def table(figures: Sequence[Figure]) -> list[dict[str, float]]:
    """What grows with the rows, one line a store: for the documentation."""
    lines: dict[int, dict[str, float]] = {}
    for heading, name in TABLE.items():
        for f in figures:
            if f.figure == name:
                lines.setdefault(f.at["rows"], {"rows": f.at["rows"]})[heading] = float(f"{f.value:.2g}")
    return list(lines.values())


def grown(folder: Path, num: int) -> list[Figure]:
    """`growing` in a fresh process, so that memory is that of one store."""
    path = linked_store(folder / f"links{num}", num)
    return [Figure(**found) for found in fresh_python(__file__, "--one", str(path))["figures"]]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = parser(__doc__ or "")
    options.add_argument("--num", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="rows of the stores")
    options.add_argument("--records", type=int, default=2048, help="crops whose reading is timed")
    options.add_argument("--repeats", type=int, default=3, help="repeats of the rates")
    options.add_argument("--one", type=Path, default=None, help="measure this store alone")
    args = options.parse_args(argv)
    torch.set_num_threads(1)
    if args.one is not None:
        publish(record("store", growing(args.one), quick=args.quick), args.out)
        return
    sizes, records = ([1000, 10_000], 256) if args.quick else (args.num, args.records)
    with tempfile.TemporaryDirectory() as folder:
        figures = rates(Path(folder), records, args.repeats)
        figures += [f for num in sizes for f in grown(Path(folder), num)]
    publish({**record("store", figures, quick=args.quick), "table": table(figures)}, args.out)


if __name__ == "__main__":
    main()

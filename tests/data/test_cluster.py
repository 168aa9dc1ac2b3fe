"""Shards on a real local Ray cluster: the same bytes as without, and dead workers' shards made again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from actupose.data.build import ShardResult, build_store
from actupose.data.store import StoreMeta, open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth import SynthConfig, synthesize
from data.fakes.rows import Rows

pytest.importorskip("ray", reason="Ray is not installed: pip install 'actupose[cluster]'")
TESTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Killed:
    """Kills its process the first `times` times that a shard holds `item`, counted by files in `folder`."""

    folder: Path
    item: int
    times: int = 1

    def __call__(self, items: range) -> ShardResult:
        deaths = len(list(self.folder.iterdir()))
        if self.item in items and deaths < self.times:
            (self.folder / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Rows()(items)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes, started as its users start one, whose workers find the tests' modules."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *filter(None, sys.path)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster()
        try:
            for gpus in (0, 1):
                cluster.add_node(num_cpus=1, num_gpus=gpus, include_dashboard=False)  # declared; no GPU need be there
            yield cluster.address
        finally:
            cluster.shutdown()


def build(out: Path, maker: object, ray: str | None) -> None:
    meta = StoreMeta(load_skeleton("lsp14"), 32, "fake", {})
    build_store(out, meta, 23, maker, shard_size=5, workers=2, ray=ray)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_dead_workers_shard_is_made_again(tmp_path: Path, address: str) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    build(tmp_path / "cluster", Killed(deaths, item=7, times=2), address)
    assert len(list(deaths.iterdir())) == 2, "a worker did die"
    meta = StoreMeta(load_skeleton("lsp14"), 32, "fake", {})
    build_store(tmp_path / "here", meta, 23, Rows(), shard_size=5)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "here")


def test_a_worker_that_always_dies_is_said_and_the_rest_is_kept(tmp_path: Path, address: str) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    with pytest.raises(UserError, match=r"shard \d+: its worker died") as caught:
        build(tmp_path / "s", Killed(deaths, item=22, times=99), address)
    assert "\n" not in str(caught.value)
    assert len(list((tmp_path / "s" / "shards").glob("*.arrow"))) >= 1
    build(tmp_path / "s", Rows(), None)
    assert open_store(tmp_path / "s").rows["name"][:] == [f"item {i}" for i in range(23)]


@dataclass(frozen=True)
class Refuses:
    """A maker that meets bad input."""

    def __call__(self, items: range) -> ShardResult:
        raise UserError(f"items {items.start} on: no such photograph")


def test_a_users_error_in_a_worker_is_one_line_here(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError, match=r"^items \d+ on: no such photograph$"):
        build(tmp_path / "s", Refuses(), address)


@dataclass(frozen=True)
class SeesGPU:
    """A maker whose rows' kind of pose is the GPU that its process may use."""

    def __call__(self, items: range) -> ShardResult:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        return ShardResult([replace(row, archetype=seen) for row in Rows()(items).rows])


def test_processes_that_want_a_gpu_go_where_one_is(tmp_path: Path, address: str) -> None:
    meta = StoreMeta(load_skeleton("lsp14"), 32, "fake", {})
    build_store(tmp_path / "s", meta, 23, SeesGPU(), shard_size=5, ray=address, gpu_share=1 / 16)
    assert set(open_store(tmp_path / "s").rows["archetype"][:]) == {"0"}


def test_a_cluster_without_a_gpu_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"device: the Ray cluster at 'local' has no GPU; render on the cpu\.$"):
        synthesize(tmp_path / "s", 4, config=SynthConfig(size=48, device="cuda"), ray="local", workers=1)


@pytest.mark.parametrize("wrong", ["127.0.0.1:9", "ray://127.0.0.1:9", "nowhere"])
def test_no_cluster_at_the_address(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UserError, match=f"no Ray cluster to be had at '{wrong}'"):
        build(tmp_path / "s", Rows(), wrong)


def test_a_cluster_of_two_nodes_renders_the_bytes_of_one_process(tmp_path: Path, address: str) -> None:
    config = SynthConfig(size=48, labels=("mask",))
    synthesize(tmp_path / "cluster", 6, 5, config, ray=address)
    synthesize(tmp_path / "here", 6, 5, config)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "here")


def test_the_verb_renders_on_a_local_cluster_in_silence(tmp_path: Path) -> None:
    options = ["--num", "3", "--workers", "1", "--ray", "local", "--render.size", "48"]
    command = [sys.executable, "-m", "actupose", "synth", str(tmp_path / "cluster"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    synthesize(tmp_path / "here", 3, 0, SynthConfig(size=48))
    assert contents(tmp_path / "cluster") == contents(tmp_path / "here")
    assert done.stdout == f"{tmp_path / 'cluster'}: 3 samples\n"
    assert "ray" not in done.stderr.lower()

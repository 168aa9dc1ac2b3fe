"""A training where there is more, less or other hardware: launchers, precision, and what does not divide."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from actupose.methods import METHODS
from integration.runs import fit_args, metrics, run, weights
from tiny_stores import Stores

SHORT = ["--trainer.max_epochs", 1, "--data.loader.iterations", 1, "--label_free.images", 0]
NODES = ["--trainer.num_nodes", 2, "--trainer.devices", 1, "--trainer.strategy", "ddp"]


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def torchrun(node: int, port: str) -> tuple[list[str], dict[str, str]]:
    """What a user types on each of two nodes."""
    where = ["--nnodes", "2", "--node_rank", str(node), "--master_addr", "127.0.0.1", "--master_port", port]
    return [sys.executable, "-m", "torch.distributed.run", *where, "--nproc_per_node", "1", "-m", "actupose"], {}


def srun(node: int, port: str) -> tuple[list[str], dict[str, str]]:
    """What SLURM's `srun` tells each of two tasks on two nodes."""
    told = {"JOB_ID": "1", "JOB_NAME": "fit", "NTASKS": "2", "NTASKS_PER_NODE": "1", "NNODES": "2", "PROCID": str(node)}
    told |= {"LOCALID": "0", "NODEID": str(node), "JOB_NODELIST": "127.0.0.1", "STEP_ID": "0"}
    slurm = {f"SLURM_{key}": value for key, value in told.items()}
    return [sys.executable, "-m", "actupose"], {**slurm, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


@pytest.mark.parametrize("launcher", [torchrun, srun])
def test_two_nodes(launcher: object, stores: Stores, tmp_path: Path) -> None:
    """Two nodes of one process each, both on this machine; the folder is written once, and both end well."""
    assert callable(launcher)
    port, args = free_port(), fit_args("source_only", stores, tmp_path / "run", *SHORT, *NODES)
    running = []
    for node in range(2):
        command, told = launcher(node, port)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **told}
        running.append(
            subprocess.Popen(
                [*command, *args], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    texts = [process.communicate(timeout=180)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], texts
    assert [text.count("epoch 1/1") for text in texts] == [1, 0]
    assert len(metrics(tmp_path / "run")) == 1


@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision_trains(method: str, stores: Stores, tmp_path: Path) -> None:
    """bfloat16 in the passes; weights, losses and validators stay float32 and finite."""
    out = tmp_path / "run"
    oracle = ["--label_free.images", 0] if method == "oracle" else []
    options = ["--trainer.max_epochs", 2, "--data.loader.iterations", 2, "--trainer.precision", "bf16-mixed", *oracle]
    assert run(fit_args(method, stores, out, *options)) == 0
    ended = weights(out)
    assert {value.dtype for value in ended.values() if value.is_floating_point()} == {torch.float32}
    assert all(bool(torch.isfinite(value.float()).all()) for value in ended.values())
    assert len(metrics(out)) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trainer.accumulate_grad_batches", 2], "data.loader.iterations 3 is no multiple of trainer.accumulate"),
        (["--trainer.devices", 3, "--trainer.strategy", "ddp"], "batch_size 4 does not divide among 3 processes"),
    ],
)
def test_what_does_not_divide_is_told_before_anything_is_written(
    options: list[object], said: str, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(fit_args("source_only", stores, tmp_path / "run", *options)) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()

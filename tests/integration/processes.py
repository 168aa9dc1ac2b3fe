"""Trainings in several gloo processes, started as a launcher starts them, and what each process saw."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import socket
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from actupose.commands.training import PoseCLI
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import train
from actupose.methods import PoseMethod

Seen = dict[str, Any]
DDP = ["--trainer.devices", 2, "--trainer.strategy", "ddp"]


class FrozenNorm(Callback):
    """BatchNorm by its running statistics in training too.

    It is the one part of a network that looks at the other samples of its batch, and PyTorch's SyncBatchNorm, which
    would let it look at those of the other processes, needs a GPU.
    """

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        for part in pl_module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()


def worker(rank: int, world: int, port: int, args: list[str], into: Path, options: dict[str, Any]) -> None:
    """What a launcher starts on one process; keeps what the process saw and ended with."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if world > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(rank), NODE_RANK="0")
    rows: list[dict[str, list[int]]] = []
    step = PoseMethod.training_step

    def training_step(self: PoseMethod, batch: Any, batch_idx: int) -> torch.Tensor:
        if (self.current_epoch, batch_idx) == options.get("killed_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        rows.append({name: part.row.tolist() for name, part in batch.items()})
        return step(self, batch, batch_idx)

    PoseMethod.training_step = training_step  # type: ignore[method-assign]
    cli = PoseCLI("fit", args)
    data = cli.datamodule
    ranking = data.source_curriculum
    ranking.vae_config = replace(ranking.vae_config, seed=options.get("vae_seeds", (0, 0))[rank])
    before = {name: value.clone() for name, value in cli.model.state_dict().items()}
    if options.get("frozen"):
        cli.trainer.callbacks.append(FrozenNorm())  # type: ignore[attr-defined]
    run = RunFolder(cli.config.out)
    checkpoint = run.claim(cli.config_text, first=cli.trainer.is_global_zero)
    train(cli.model, cli.datamodule, cli.trainer, run, checkpoint)
    state = {name: value.clone() for name, value in cli.model.state_dict().items()}
    parameters = [name for name, _ in cli.model.named_parameters()]
    assert data.curriculum is not None
    told = {"rows": rows, "before": before, "state": state, "parameters": parameters, "steps": cli.trainer.global_step}
    torch.save({**told, "score": data.curriculum.score, "score_vae": data.curriculum.score_vae}, into)


def launch(
    world: int, args: Sequence[object], folder: Path, *, ended: Sequence[int] | None = None, **options: Any
) -> list[Seen]:
    """Run a `fit` in ``world`` processes.

    Args:
        world: how many.
        args: of the command line, the verb first.
        folder: for what they tell.
        ended: exit codes to be met, 0 for all where not given; negative = a signal.
        **options: ``frozen``: BatchNorm stands still. ``killed_at``: (epoch, batch). ``vae_seeds``: of each process.

    Returns:
        What each process saw; nothing where one was to be killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = mp.get_context("fork")
    files = [folder / f"rank{rank}.pt" for rank in range(world)]
    given = [str(arg) for arg in args[1:]]
    ranks = [context.Process(target=worker, args=(r, world, port, given, files[r], options)) for r in range(world)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(200)
        process.kill()
    assert [process.exitcode for process in ranks] == list(ended or [0] * world)
    return [] if ended else [torch.load(file, weights_only=True) for file in files]

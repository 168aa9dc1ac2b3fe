"""Gradients of several processes: the mean over them, for the parameters that have one."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path

import torch
from torch import distributed, nn

from actupose.methods.stepwise import average_gradients

WORLD = 2


def gradients(rank: int) -> list[torch.Tensor | None]:
    generator = torch.Generator().manual_seed(rank)
    wide = torch.randn(2, 3, 4, 4, generator=generator).to(memory_format=torch.channels_last)
    return [torch.randn(5, generator=generator), None, wide]


def parameters(rank: int) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(shape)) for shape in ((5,), (7,), (2, 3, 4, 4))]
    for parameter, gradient in zip(made, gradients(rank), strict=True):
        parameter.grad = gradient
    return made


def worker(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD)
    made = parameters(rank)
    average_gradients(made)
    torch.save([p.grad for p in made], folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_every_process_gets_the_mean(tmp_path: Path) -> None:
    context = mp.get_context("fork")
    ranks = [context.Process(target=worker, args=(rank, tmp_path)) for rank in range(WORLD)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
        process.kill()
    first, _, wide = zip(*(gradients(rank) for rank in range(WORLD)), strict=True)
    for rank in range(WORLD):
        got = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert got[1] is None
        for mine, theirs in ((got[0], first), (got[2], wide)):
            torch.testing.assert_close(mine, (theirs[0] + theirs[1]) / 2)


def test_one_process_keeps_its_own() -> None:
    made = parameters(0)
    average_gradients(made)
    for parameter, wanted in zip(made, gradients(0), strict=True):
        assert (parameter.grad is None) == (wanted is None)
        assert wanted is None or torch.equal(parameter.grad, wanted)  # type: ignore[arg-type]

"""What several processes share: the mean of gradients that there are, and the source prototypes of all batches."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn

from actupose.methods import HKFA
from actupose.methods.processes import average_gradients
from methods.tiny import method

WORLD, STEPS = 2, 2


def seen_by(rank: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and which of them count; keypoint 0 is seen by process 0 alone, keypoint 1 by none."""
    generator = torch.Generator().manual_seed(10 * step + rank)
    weight = torch.ones(3, 16)
    weight[:, 1] = 0
    weight[:, 0] = float(rank == 0)
    return torch.randn(3, 16, 16, generator=generator), weight


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
    hkfa = method(HKFA)
    for step in range(STEPS):
        hkfa.move_prototypes(*seen_by(rank, step))
    torch.save([[p.grad for p in made], hkfa.prototypes, hkfa.seen], folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of two processes ends with."""
    folder = tmp_path_factory.mktemp("processes")
    context = mp.get_context("fork")
    ranks = [context.Process(target=worker, args=(rank, folder)) for rank in range(WORLD)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
        process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


def test_every_process_gets_the_mean(told: list[Any]) -> None:
    first, _, wide = zip(*(gradients(rank) for rank in range(WORLD)), strict=True)
    for got, *_ in told:
        assert got[1] is None
        for mine, theirs in ((got[0], first), (got[2], wide)):
            torch.testing.assert_close(mine, (theirs[0] + theirs[1]) / 2)


def test_prototypes_are_those_of_one_process_with_both_batches(told: list[Any]) -> None:
    alone = method(HKFA)
    for step in range(STEPS):
        alone.move_prototypes(*(torch.cat(x) for x in zip(*(seen_by(r, step) for r in range(WORLD)), strict=True)))
    assert alone.seen.tolist() == [k != 1 for k in range(16)]
    for _, prototypes, seen in told:
        assert torch.equal(seen, alone.seen)
        torch.testing.assert_close(prototypes, alone.prototypes)


def test_one_process_keeps_its_own() -> None:
    made = parameters(0)
    average_gradients(made)
    for parameter, wanted in zip(made, gradients(0), strict=True):
        assert (parameter.grad is None) == (wanted is None)
        assert wanted is None or torch.equal(parameter.grad, wanted)  # type: ignore[arg-type]

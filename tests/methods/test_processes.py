"""What several processes share: the mean of gradients that there are, and HKFA's levels over the whole batch."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn

from actupose.methods import HKFA
from actupose.methods.base import SourcePass
from actupose.methods.processes import average_gradients
from actupose.models import PoseOutput
from methods.tiny import method

WORLD, STEPS = 2, 2


def seen_by(rank: int, step: int) -> tuple[SourcePass, PoseOutput]:
    """Maps, labels and heatmaps of 3 images a domain; keypoint 0 is labelled in process 0 alone, keypoint 1 in none."""
    generator = torch.Generator().manual_seed(10 * step + rank)
    weight = torch.ones(3, 16)
    weight[:, 1] = 0
    weight[:, 0] = float(rank == 0)
    maps, heatmaps = (torch.rand(2, 3, 16, 8, 8, generator=generator) for _ in range(2))
    nothing = torch.empty(3, 0)  # not looked at here
    source = SourcePass(nothing, nothing, nothing, weight, heatmaps[0], maps[0], nothing, nothing)
    return source, PoseOutput(heatmaps[1] * (0.5 + rank), nothing, maps[1], nothing)


def both(step: int) -> tuple[SourcePass, PoseOutput]:
    """What one process with the whole batch has in hand."""
    passes = [zip(*parts, strict=True) for parts in zip(*(seen_by(r, step) for r in range(WORLD)), strict=True)]
    source, target = ([None if None in held else torch.cat(held) for held in fields] for fields in passes)
    return SourcePass(*source), PoseOutput(*target)


def levels(hkfa: HKFA, source: SourcePass, target: PoseOutput) -> dict[str, Any]:
    """Each level and its gradient in the one layer below the maps, as DDP averages it."""
    layer = nn.Parameter(torch.eye(16) + 0.1)
    mapped = (torch.einsum("cd,bdhw->bchw", layer, x.map) for x in (source, target))
    terms = hkfa.keypoint_terms(source._replace(map=next(mapped)), target._replace(map=next(mapped)))
    told: dict[str, Any] = {}
    for name, term in terms.items():
        (layer.grad,) = torch.autograd.grad(term, layer, retain_graph=True)
        average_gradients([layer])
        told[name] = [term.detach(), layer.grad]
    return told


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
    of_steps = [levels(hkfa, *seen_by(rank, step)) for step in range(STEPS)]
    torch.save([[p.grad for p in made], hkfa.prototypes, hkfa.seen, of_steps], folder / f"{rank}.pt")
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


def test_hkfa_aligns_what_one_process_with_both_batches_would(told: list[Any]) -> None:
    alone = method(HKFA)
    of_steps = [levels(alone, *both(step)) for step in range(STEPS)]
    assert alone.seen.tolist() == [k != 1 for k in range(16)]
    assert all(gradient.any() for step in of_steps for _, gradient in step.values())
    for _, prototypes, seen, theirs in told:
        assert torch.equal(seen, alone.seen)
        torch.testing.assert_close(prototypes, alone.prototypes)
        for step, wanted in zip(theirs, of_steps, strict=True):
            assert step.keys() == wanted.keys()
            for name, parts in wanted.items():
                for mine, part in zip(step[name], parts, strict=True):  # some are 1e-10 at most
                    torch.testing.assert_close(mine, part, rtol=0, atol=1e-4 * float(part.abs().max()))


def test_one_process_keeps_its_own() -> None:
    made = parameters(0)
    average_gradients(made)
    for parameter, wanted in zip(made, gradients(0), strict=True):
        assert (parameter.grad is None) == (wanted is None)
        assert wanted is None or torch.equal(parameter.grad, wanted)  # type: ignore[arg-type]

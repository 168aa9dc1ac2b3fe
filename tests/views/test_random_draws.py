"""A sample's random numbers do not depend on how many processes or parts share its step's batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from actupose.views.draws import BatchShare, StepGenerator, uniform

WHOLE = 24


def drawn(share: BatchShare, n: int) -> Tensor:
    generator = StepGenerator()
    generator.manual_seed(5)
    generator.share = share
    return uniform((n, 3), generator)


@pytest.mark.parametrize(("processes", "parts"), [(1, 1), (2, 1), (1, 3), (2, 3), (4, 2)])
def test_the_shares_are_the_whole_draw_dealt_out(processes: int, parts: int) -> None:
    whole = torch.rand(WHOLE, 3, generator=torch.Generator().manual_seed(5))
    n = WHOLE // processes // parts
    seen = torch.full_like(whole, torch.nan)
    for part in range(parts):
        for process in range(processes):
            share = drawn(BatchShare(process, processes, part, parts), n)
            for i in range(n):  # as the sampler deals: the parts one after the other, each woven of the processes
                seen[part * n * processes + i * processes + process] = share[i]
    assert torch.equal(seen, whole)


def test_a_plain_generator_draws_for_the_samples_at_hand() -> None:
    plain = uniform((4, 3), torch.Generator().manual_seed(5))
    assert torch.equal(plain, drawn(BatchShare(), 4))

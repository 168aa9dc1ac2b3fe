"""What a step launches beyond the bare passes stays as low as it was brought; counted, so no clock decides."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import torch

from actupose.geometry import constant, send
from tiny_stores import REPO_ROOT

# Measured 318 and 146 (docs/performance.md), from 538 and 417; the rest is room for another version of PyTorch.
MOST_LAUNCHES = 326
MOST_ON_THE_HOST = 152


@pytest.fixture(autouse=True)
def benchmarks() -> Iterator[None]:
    sys.path.insert(0, str(REPO_ROOT / "benchmarks"))
    yield
    sys.path.remove(str(REPO_ROOT / "benchmarks"))


def test_the_step_launches_little_beyond_the_bare_passes() -> None:
    """In a process of its own, as it is run."""
    from common import fresh_python

    found = fresh_python(str(REPO_ROOT / "benchmarks" / "launches.py"), "--quick")["figures"]
    counts = {figure["figure"]: figure["value"] for figure in found if "part" not in figure["at"]}
    assert counts["bare passes"] > 300
    assert counts["beyond the bare passes"] <= MOST_LAUNCHES
    assert counts["on the host"] <= MOST_ON_THE_HOST
    assert {figure["value"] for figure in found if figure["at"].get("part") == "EMA"} == {0.0, 1.0}


def test_what_counts_and_where() -> None:
    from launches import DEVICE, HOST, REST, Copies, Count, Launches

    weight, generator = torch.ones(2, 2, requires_grad=True), torch.Generator()
    constant((3.0, 4.0), weight.device)  # what was made before the count is a constant too
    launches = Launches()
    with launches, Copies(launches):
        torch.ones(3)  # before: not counted
        launches.count = Count()
        drawn = torch.rand(2, 2, generator=generator)  # host 1
        drawn = drawn.T.contiguous() * 2  # host 3: a view is free
        drawn = drawn + constant((3.0, 4.0), drawn.device)  # host 4
        sent = send(drawn, weight.device)  # device 1: the copy
        held = torch.empty(2, 2)  # free
        held.copy_(sent)  # device 2
        loss = (weight * held).sum()  # device 4
        loss.backward()  # type: ignore[no-untyped-call] # device 5: the gradient it starts from; the product's is backward
        counted, launches.count = launches.count, None
        torch.ones(3)
    assert counted == {(REST, HOST, False): 4, (REST, DEVICE, False): 5, ("backward", DEVICE, False): 1}

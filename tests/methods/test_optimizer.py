"""Adam's eps: where the losses are means over pixels, it decides whether their scale matters."""

from __future__ import annotations

import pytest
import torch
from tiny import batch, method

from actupose.methods import ScheduleConfig, SourceOnly


def moves(eps: float, scale: float) -> torch.Tensor:
    """How far one step of Adam moves all weights when the loss is multiplied by ``scale``."""
    made = method(SourceOnly)
    made.schedule = ScheduleConfig(eps=eps)
    optimizer = made.configure_optimizers()["optimizer"]
    before = torch.cat([p.detach().flatten().clone() for p in made.student.parameters()])
    made._generator.manual_seed(0)
    (scale * made.losses(batch())["supervised"]).backward()
    optimizer.step()
    return torch.cat([p.detach().flatten() for p in made.student.parameters()]) - before


@pytest.mark.parametrize(("eps", "scale_free"), [(1e-15, True), (1e-4, False)])
def test_a_small_eps_frees_the_step_from_the_scale_of_the_loss(eps: float, scale_free: bool) -> None:
    change = (moves(eps, 1.0) - moves(eps, 1000.0)).norm() / moves(eps, 1000.0).norm()
    # Weights whose true gradient is zero (a bias before BatchNorm) move by rounding noise: not exactly the same step.
    assert bool(change < 0.3) is scale_free

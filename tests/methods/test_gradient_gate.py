"""The gate inside a step against one backward pass for each keypoint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from actupose.errors import UserError
from actupose.losses import consistency_loss, gate_gradient, quantile_mask
from actupose.methods import UDAPE, ACTUPose, GatingConfig, TeacherConfig
from methods.tiny import batch, method

PLAIN = GatingConfig(enabled=True, metric_decay=None)


def made(gating: GatingConfig | None, cls: type[UDAPE] = UDAPE, **options: Any) -> Any:
    return method(cls, gating=gating, teacher=TeacherConfig(bn="copy"), **options).eval()


def losses(model: Any, seed: int = 0) -> dict[str, Tensor]:
    model._generator.manual_seed(seed)
    return dict(model.losses(batch(3)))


def gradient(model: Any, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {name: p.grad.clone() for name, p in model.student.named_parameters() if p.grad is not None}


def test_the_value_stays_and_the_gradient_is_gated_keypoint_by_keypoint() -> None:
    plain, gated = made(None), made(PLAIN)
    plain._generator.manual_seed(0)
    source = plain.source_pass(batch(3))
    supervised = plain.supervised(source)
    target = plain.target_pass(batch(3))
    ours = losses(gated)
    loss = consistency_loss(*plain.in_base(target), quantile_mask(target.peaks, 0.5))
    assert float(ours["consistency"].detach()) == pytest.approx(float(loss.detach()), rel=1e-5)
    assert float(ours["supervised"].detach()) == pytest.approx(float(supervised.detach()), rel=1e-5)

    of_source, of_target = gradient(plain, supervised), gradient(plain, loss)
    rows = [
        torch.cat([g["head.final.weight"].flatten(1), g["head.final.bias"][:, None]], 1) for g in (of_source, of_target)
    ]
    wanted, kept = gate_gradient(*rows, target.peaks.clamp(0, 1).mean(0), 2.0)
    assert float(kept.min()) < 0.99  # the gate does something here
    got = gradient(gated, ours["consistency"])
    result = torch.cat([got["head.final.weight"].flatten(1), got["head.final.bias"][:, None]], 1)
    torch.testing.assert_close(result, wanted, rtol=1e-3, atol=float(wanted.abs().max()) * 1e-4)

    name = "backbone.conv_stem.weight"
    pull = torch.autograd.grad(loss, target.student_view, retain_graph=True)[0]
    below = torch.zeros_like(of_target[name])
    for k in range(16):
        below += kept[k] * gradient(plain, (target.student_view[:, k] * pull[:, k]).sum())[name]
    torch.testing.assert_close(got[name], below, rtol=1e-3, atol=float(below.abs().max()) * 1e-3)
    assert not torch.allclose(got[name], of_target[name], rtol=1e-2, atol=float(below.abs().max()) * 1e-2)


def test_the_metric_is_an_average_of_squares_that_a_checkpoint_keeps() -> None:
    model = made(GatingConfig(enabled=True, metric_decay=0.9))
    squares = []
    for seed in range(3):
        terms = losses(model, seed)
        g = gradient(model, terms["supervised"])
        squares.append(torch.cat([g["head.final.weight"].flatten(1), g["head.final.bias"][:, None]], 1) ** 2)
        if seed == 1:
            saved = {k: v.clone() for k, v in model.state_dict().items()}
    mean = torch.zeros_like(squares[0])
    for square in squares:
        mean = 0.9 * mean + 0.1 * square
    torch.testing.assert_close(model.gate.square, mean, rtol=1e-4, atol=float(mean.max()) * 1e-6)
    assert float(model.gate.count) == 3
    resumed = made(GatingConfig(enabled=True, metric_decay=0.9))
    resumed.load_state_dict(saved)
    losses(resumed, 2)
    assert torch.equal(resumed.gate.square, model.gate.square)


def test_gamma_rises_over_the_ramp() -> None:
    gate = made(GatingConfig(enabled=True, gamma=3.0, ramp=0.2)).gate
    seen = []
    for share in (0.0, 0.05, 0.1, 0.2, 0.9):
        gate.set_progress(share)
        seen.append(gate.strength)
    assert seen == pytest.approx([0.0, 0.75, 1.5, 3.0, 3.0])
    flat = made(GatingConfig(enabled=True, gamma=3.0, ramp=0.0)).gate
    flat.set_progress(0.0)
    assert flat.strength == 3.0


@pytest.mark.filterwarnings("ignore:You are trying to")
@pytest.mark.parametrize("cls", [UDAPE, ACTUPose])
def test_the_other_terms_keep_their_gradient(cls: type[UDAPE]) -> None:
    plain, gated = made(None, cls), made(PLAIN, cls)
    terms, ours = losses(plain), losses(gated)
    assert set(terms) == set(ours)
    for name in set(terms) - {"consistency"}:
        if not terms[name].requires_grad:
            continue
        one, other = (gradient(m, t[name])["backbone.conv_stem.weight"] for m, t in ((plain, terms), (gated, ours)))
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("options", "said"), [({"gamma": -1.0}, "gamma"), ({"ramp": 2.0}, "ramp"), ({"metric_decay": 1.0}, "metric_decay")]
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        GatingConfig(**options)

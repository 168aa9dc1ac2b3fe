"""The gradient gate against plain loops over keypoints and numbers."""

import math

import pytest
import torch

from actupose.losses import gate_gradient


def rows(seed: int, count: int = 5, width: int = 4) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def inner(weight: list[float], a: list[float], b: list[float]) -> float:
    return sum(w * x * y for w, x, y in zip(weight, a, b, strict=True))


@pytest.mark.parametrize("strength", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("with_metric", [False, True])
def test_by_slow_loop(strength: float, with_metric: bool) -> None:
    source, target, confidence = rows(0), rows(1), torch.rand(5, generator=torch.Generator().manual_seed(2))
    metric = rows(3).abs() + 0.1 if with_metric else None
    gated, kept = gate_gradient(source, target, confidence, strength, metric)
    signs = set()
    for k in range(5):
        s, t = source[k].tolist(), target[k].tolist()
        weight = [1.0] * 4 if metric is None else metric[k].tolist()
        rho = inner(weight, s, t) / math.sqrt(inner(weight, s, s) * inner(weight, t, t))
        signs.add(rho > 0)
        parallel = [inner(weight, s, t) / inner(weight, s, s) * x for x in s]
        gate = max(0.0, math.tanh(strength * rho)) * float(confidence[k])
        expected = [x - p + gate * p for x, p in zip(t, parallel, strict=True)]
        assert gated[k].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert float(kept[k]) == pytest.approx(inner(weight, expected, t) / inner(weight, t, t), rel=1e-4, abs=1e-6)
    assert signs == {True, False}


def test_what_opposes_is_removed_and_what_stands_apart_stays() -> None:
    source = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    target = torch.tensor([[-3.0, 5.0], [0.0, 5.0], [3.0, 0.0], [3.0, 1.0]])
    gated, kept = gate_gradient(source, target, torch.full((4,), 0.5), strength=1e6)
    torch.testing.assert_close(gated, torch.tensor([[0.0, 5.0], [0.0, 5.0], [1.5, 0.0], [3.0, 1.0]]))
    assert kept.tolist() == pytest.approx([25 / 34, 1.0, 0.5, 1.0])


def test_gradients_of_any_size_are_safe() -> None:
    for size in (1e-15, 1e-9, 1e9):
        ordinary = gate_gradient(rows(0), rows(1), torch.ones(5), 2.0)[0]
        torch.testing.assert_close(gate_gradient(rows(0) * size, rows(1), torch.ones(5), 2.0)[0], ordinary)
    zero = gate_gradient(torch.zeros(5, 4), torch.zeros(5, 4), torch.ones(5), 2.0)
    assert all(bool(torch.isfinite(x).all()) for x in zero)


def test_wrong_input_is_refused() -> None:
    for bad in ((rows(0), rows(1)[:4], torch.ones(5)), (rows(0), rows(1), torch.ones(4)), (rows(0)[0],) * 3):
        with pytest.raises(ValueError, match="expected"):
            gate_gradient(*bad, strength=1.0)

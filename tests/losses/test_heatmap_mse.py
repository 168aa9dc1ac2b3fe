"""Supervised heatmap loss against a slow loop."""

import pytest
import torch

from actupose.losses import heatmap_mse


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(0)
    pred, target = torch.rand(2, 3, 4, 5, generator=gen), torch.rand(2, 3, 4, 5, generator=gen)
    return pred, target, torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])


def test_slow_loop() -> None:
    pred, target, weight = example()
    total = 0.0
    for b in range(2):
        for k in range(3):
            for r in range(4):
                for c in range(5):
                    total += 0.5 * weight[b, k].item() * (pred[b, k, r, c] - target[b, k, r, c]).item() ** 2
    assert heatmap_mse(pred, target, weight).item() == pytest.approx(total / (2 * 3 * 4 * 5), rel=1e-5)


def test_hand_computed() -> None:
    pred, target = torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    assert heatmap_mse(pred, target, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.25)


def test_gradient_and_all_invalid() -> None:
    pred, target, weight = (x.double() for x in example())
    pred.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: heatmap_mse(p, target, weight), pred)
    loss = heatmap_mse(pred, target, torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert pred.grad is not None
    assert (pred.grad == 0).all()


def test_half_precision_is_summed_in_float32() -> None:
    pred, target, weight = example()
    assert heatmap_mse(pred.bfloat16(), target, weight).dtype == torch.float32


def test_wrong_shapes_are_refused() -> None:
    pred, target, weight = example()
    with pytest.raises(ValueError, match="expected"):
        heatmap_mse(pred, target[:, :2], weight)
    with pytest.raises(ValueError, match="expected"):
        heatmap_mse(pred, target, weight[:, :2])

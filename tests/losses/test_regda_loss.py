"""RegDA's loss and maps against slow loops and another library's distributions."""

from __future__ import annotations

import math

import pytest
import torch

from actupose.losses import ground_false, heatmap_kl, rectify


def maps(seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def slow_kl(logits: list[float], target: list[float]) -> float:
    """KL(target / its sum || softmax of logits), term by term; 0 where the target is empty."""
    total, peak = sum(target), max(logits)
    if total == 0:
        return 0.0
    norm = sum(math.exp(v - peak) for v in logits)
    p = [math.exp(v - peak) / norm for v in logits]
    return sum(t / total * (math.log(t / total) - math.log(q)) for t, q in zip(target, p, strict=True) if t > 0)


WEIGHT = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_kl_by_slow_loop(weighted: bool) -> None:
    logits, target = maps(0, 3.0), maps(1).clamp(min=0)
    target[1, 0] = 0
    total = 0.0
    for b in range(2):
        for k in range(3):
            factor = float(WEIGHT[b, k]) if weighted else 1.0
            total += factor * slow_kl(logits[b, k].flatten().tolist(), target[b, k].flatten().tolist())
    assert total > 1
    assert float(heatmap_kl(logits, target, WEIGHT if weighted else None)) == pytest.approx(total / 6, rel=1e-12)


def test_kl_as_torch_distributions_have_it() -> None:
    logits, target = maps(0), maps(1).exp()
    p = torch.distributions.Categorical(probs=target.flatten(2))
    q = torch.distributions.Categorical(logits=logits.flatten(2))
    torch.testing.assert_close(heatmap_kl(logits, target), torch.distributions.kl_divergence(p, q).mean())


def test_kl_is_nothing_where_both_agree_whatever_the_scale() -> None:
    target = maps(1).exp()
    assert float(heatmap_kl(target.log() + 7, 0.3 * target)) == pytest.approx(0, abs=1e-12)
    assert float(heatmap_kl(target.log().roll(1, -1), target)) > 0.1


def test_kl_has_the_gradient_of_finite_differences() -> None:
    logits, target = maps(0).requires_grad_(), maps(1).clamp(min=0)
    target[0, 1] = 0
    assert torch.autograd.gradcheck(lambda x: heatmap_kl(x, target, WEIGHT), logits)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_empty_maps_and_nobody_visible_give_nought_and_no_nan(scale: float, dtype: torch.dtype) -> None:
    for target, weight in (
        (torch.zeros(2, 3, 5, 4), None),
        (torch.zeros(2, 3, 5, 4), torch.ones(2, 3)),
        (maps(1).float().exp(), torch.zeros(2, 3)),
    ):
        logits = maps(0, scale).to(dtype).requires_grad_()
        loss = heatmap_kl(logits, target, weight)
        loss.backward()  # type: ignore[no-untyped-call]
        assert float(loss.detach()) == 0
        assert logits.grad is not None
        assert not logits.grad.any()


def test_sure_and_wrong_logits_give_a_finite_loss() -> None:
    logits = torch.zeros(1, 1, 5, 4)
    logits[0, 0, 0, 0] = 1e4
    target = torch.zeros(1, 1, 5, 4)
    target[0, 0, 4, 3] = 1
    assert float(heatmap_kl(logits, target)) == pytest.approx(1e4)


def test_ground_false_by_slow_loop() -> None:
    truth = rectify(maps(2, 0.1).float(), 1.0)
    truth[0, 1] = truth[0, 0]  # two keypoints at one place: their sum is cut at 1
    got = ground_false(truth)
    cut = 0
    for b in range(2):
        for k in range(3):
            for r in range(5):
                for c in range(4):
                    others = sum(truth[b, j, r, c].item() for j in range(3) if j != k)
                    cut += others > 1
                    assert got[b, k, r, c].item() == pytest.approx(min(max(others, 0.0), 1.0), abs=1e-6)
    assert cut > 0


def test_one_keypoint_has_no_ground_false_and_costs_nothing() -> None:
    truth = rectify(maps(2)[:, :1].float(), 1.0)
    assert not ground_false(truth).any()
    assert float(heatmap_kl(maps(0)[:, :1].float(), ground_false(truth))) == 0


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="two equal"):
        heatmap_kl(maps(0), maps(1)[:, :2])
    with pytest.raises(ValueError, match="weights of shape"):
        heatmap_kl(maps(0), maps(1), torch.ones(2, 2))

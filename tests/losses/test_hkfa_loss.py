"""HKFA's levels against slow loops over plain numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from actupose.losses import (
    domain_loss,
    keypoint_features,
    moved_prototypes,
    prototype_nce,
    structure_loss,
    weighted_mmd,
)

K, C = 4, 6
LIMBS = [(0, 1), (1, 2), (2, 3)]
SEEN = torch.tensor([True, True, False, True])


def draw(seed: int, *shape: int, unit: bool = False) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x / x.norm(dim=-1, keepdim=True) if unit else x


FEATURES, OTHERS = draw(0, 3, K, C, unit=True), draw(1, 2, K, C, unit=True) + 0.3
WEIGHT = draw(2, 3, K).abs().clamp(max=1).masked_fill(draw(3, 3, K) > 1, 0)
OTHER_WEIGHT = (draw(4, 2, K) > 0).double()
PROTOTYPES = draw(5, K, C, unit=True)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def test_keypoint_features_by_slow_loop() -> None:
    maps, heat = draw(0, 2, C, 5, 3), draw(1, 2, K, 5, 3)
    got = keypoint_features(maps, heat)
    for b in range(2):
        for k in range(K):
            total = np.zeros(C)
            for r in range(5):
                for c in range(3):
                    total += max(float(heat[b, k, r, c]), 0.0) * maps[b, :, r, c].numpy()
            np.testing.assert_allclose(got[b, k].numpy(), total / math.sqrt((total**2).sum()), atol=1e-6)


def test_heatmaps_choose_features_and_get_no_gradient() -> None:
    maps, heat = draw(0, 1, C, 4, 4).requires_grad_(), torch.zeros(1, 2, 4, 4, dtype=torch.float64)
    heat[0, 0, 1, 2] = 3.0
    heat.requires_grad_()
    got = keypoint_features(maps, heat)
    torch.testing.assert_close(got[0, 0], maps[0, :, 1, 2] / maps[0, :, 1, 2].norm(), rtol=1e-6, atol=1e-6)
    assert not got[0, 1].any()  # an empty map
    got.sum().backward()
    assert heat.grad is None
    assert maps.grad is not None
    assert bool(maps.grad.isfinite().all())
    assert maps.grad.abs().sum(1).nonzero().tolist() == [[0, 1, 2]]


def slow_mmd(a: Tensor, wa: Tensor, b: Tensor, wb: Tensor) -> float:
    one = [(f, float(w) / float(wa.sum())) for f, w in zip(a.flatten(0, 1).numpy(), wa.flatten(), strict=True)]
    two = [(f, float(w) / float(wb.sum())) for f, w in zip(b.flatten(0, 1).numpy(), wb.flatten(), strict=True)]
    both = [(f, w / 2) for f, w in one + two]
    width = sum(w * v * ((f - g) ** 2).sum() for f, w in both for g, v in both)

    def kernel(f: np.ndarray, g: np.ndarray) -> float:
        square = ((f - g) ** 2).sum()
        return sum(math.exp(-square / (2 * s * width)) for s in (0.25, 0.5, 1, 2, 4)) / 5

    def mean(xs: list[tuple[np.ndarray, float]], ys: list[tuple[np.ndarray, float]]) -> float:
        return sum(w * v * kernel(f, g) for f, w in xs for g, v in ys)

    return mean(one, one) + mean(two, two) - 2 * mean(one, two)


def test_mmd_by_slow_loop() -> None:
    wanted = slow_mmd(FEATURES, WEIGHT, OTHERS, OTHER_WEIGHT)
    assert wanted > 0.01
    assert float(weighted_mmd(FEATURES, WEIGHT, OTHERS, OTHER_WEIGHT)) == pytest.approx(wanted, rel=1e-9)


def test_mmd_tells_sets_not_order() -> None:
    assert float(weighted_mmd(FEATURES, WEIGHT, FEATURES.flip(0), 3 * WEIGHT.flip(0))) == pytest.approx(0, abs=1e-12)
    nearer = 0.5 * (OTHERS - 0.3) + 0.5 * OTHERS
    far, near = (float(weighted_mmd(FEATURES, WEIGHT, x, OTHER_WEIGHT)) for x in (OTHERS, nearer))
    assert near < far


def slow_nce(temperature: float) -> float:
    total, mass = 0.0, 0.0
    for b in range(3):
        for k in range(K):
            if not SEEN[k]:
                continue
            similar = [
                math.exp(cosine(FEATURES[b, k].numpy(), PROTOTYPES[j].numpy()) / temperature)
                for j in range(K)
                if SEEN[j]
            ]
            own = math.exp(cosine(FEATURES[b, k].numpy(), PROTOTYPES[k].numpy()) / temperature)
            total += float(WEIGHT[b, k]) * -math.log(own / sum(similar))
            mass += float(WEIGHT[b, k])
    return total / mass


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_nce_by_slow_loop(temperature: float) -> None:
    got = prototype_nce(FEATURES, WEIGHT, PROTOTYPES, SEEN, temperature)
    assert float(got) == pytest.approx(slow_nce(temperature), rel=1e-9)


def test_prototypes_move_by_hand() -> None:
    total, count = draw(6, K, C), torch.tensor([3.0, 0.0, 2.0, 0.0], dtype=torch.float64)
    got = moved_prototypes(PROTOTYPES, SEEN, total, count, 0.9).numpy()
    for k in range(K):
        old, mean = PROTOTYPES[k].numpy(), total[k].numpy() / max(float(count[k]), 1)
        wanted = {0: 0.9 * old + 0.1 * mean, 1: old, 2: mean, 3: old}[k]  # seen, absent, new, absent
        np.testing.assert_allclose(got[k], wanted / math.sqrt((wanted**2).sum()), atol=1e-7)


def test_structure_by_slow_loop() -> None:
    weight = WEIGHT.clone()
    weight[:, 0] = 0  # the target has no keypoint 0, the source none of 2: no limb is left but one more of 1 and 3
    limbs = [*LIMBS, (1, 3), (3, 1)]
    mean = [sum(weight[b, k].item() * FEATURES[b, k].numpy() for b in range(3)) for k in range(K)]
    by_hand = (cosine(mean[1], mean[3]) - cosine(PROTOTYPES[1].numpy(), PROTOTYPES[3].numpy())) ** 2
    assert float(structure_loss(FEATURES, weight, PROTOTYPES, SEEN, limbs)) == pytest.approx(by_hand, rel=1e-6)
    every = torch.ones(K, dtype=torch.bool)
    mean = [sum(WEIGHT[b, k].item() * FEATURES[b, k].numpy() for b in range(3)) for k in range(K)]
    squares = [(cosine(mean[a], mean[b]) - cosine(PROTOTYPES[a].numpy(), PROTOTYPES[b].numpy())) ** 2 for a, b in LIMBS]
    got = structure_loss(FEATURES, WEIGHT, PROTOTYPES, every, LIMBS)
    assert float(got) == pytest.approx(sum(squares) / len(squares), rel=1e-6)


def test_domains_by_hand() -> None:
    source, target = draw(7, 5), draw(8, 3)
    loss = sum(-math.log(1 / (1 + math.exp(-float(s)))) for s in source) / 5 / 2
    loss += sum(-math.log(1 - 1 / (1 + math.exp(-float(t)))) for t in target) / 3 / 2
    assert float(domain_loss(source, target)) == pytest.approx(loss)


def test_gradients_are_those_of_finite_differences() -> None:
    features = FEATURES.clone().requires_grad_()
    every = torch.ones(K, dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda x: prototype_nce(x, WEIGHT, PROTOTYPES, SEEN, 0.1), features)
    assert torch.autograd.gradcheck(lambda x: structure_loss(x, WEIGHT, PROTOTYPES, every, LIMBS), features)
    maps = draw(0, 2, C, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: keypoint_features(x, draw(1, 2, K, 5, 3)), maps)


def test_mmd_has_the_gradient_of_fixed_widths() -> None:
    """The widths get no gradient, so finite differences are taken of the loop with its widths held."""
    features = FEATURES.clone().requires_grad_()
    weighted_mmd(features, WEIGHT, OTHERS, OTHER_WEIGHT).backward()
    x = torch.cat([FEATURES.flatten(0, 1), OTHERS.flatten(0, 1)])
    share = torch.cat([WEIGHT.flatten() / WEIGHT.sum(), OTHER_WEIGHT.flatten() / OTHER_WEIGHT.sum()])
    width = (share / 2) @ torch.cdist(x, x).square() @ (share / 2)
    free = FEATURES.clone().requires_grad_()
    y = torch.cat([free.flatten(0, 1), OTHERS.flatten(0, 1)])
    square = (y.unsqueeze(0) - y.unsqueeze(1)).square().sum(-1)
    kernel = sum(torch.exp(-square / (2 * s * width)) for s in (0.25, 0.5, 1, 2, 4)) / 5
    signed = share * torch.cat([torch.ones(3 * K), -torch.ones(2 * K)])
    (signed @ kernel @ signed).backward()
    assert features.grad is not None
    torch.testing.assert_close(features.grad, free.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nobody_visible_and_empty_maps_give_nought_and_no_nan(dtype: torch.dtype) -> None:
    maps = torch.rand(2, C, 5, 3, dtype=dtype).requires_grad_()
    nobody, everybody = torch.zeros(2, K), torch.ones(2, K)
    new = torch.zeros(K, dtype=torch.bool)
    for heat, weight, seen in (
        (torch.zeros(2, K, 5, 3), nobody, ~new),
        (torch.rand(2, K, 5, 3), nobody, ~new),
        (torch.rand(2, K, 5, 3), everybody, new),
    ):
        features = keypoint_features(maps, heat)
        prototypes = torch.zeros(K, C) if seen is new else PROTOTYPES.float()
        terms = [
            prototype_nce(features, weight, prototypes, seen, 0.1),
            structure_loss(features, weight, prototypes, seen, LIMBS),
            weighted_mmd(features, nobody, features.flip(1), weight),
            weighted_mmd(features, weight, features.flip(1), nobody),
        ]
        assert [float(term.detach()) for term in terms] == [0, 0, 0, 0]
        torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
        assert maps.grad is not None
        assert not maps.grad.any()
    unmoved = moved_prototypes(torch.zeros(K, C), new, torch.zeros(K, C), torch.zeros(K), 0.9)
    assert not unmoved.any()


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"expected \(B, C, H, W\)"):
        keypoint_features(draw(0, 2, C, 5, 3), draw(1, 2, K, 5, 4))

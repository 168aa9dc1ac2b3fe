"""HKFA's parts in the method: which levels run when, what trains, prototypes over steps and processes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from actupose.losses import keypoint_features
from actupose.methods import HKFA, AlignmentConfig, LossWeights, ScheduleConfig
from methods.test_training_loop import build, data_of, trained
from methods.tiny import STILL, batch, method
from tiny_stores import Stores

LEVELS = ("image", "keypoint_set", "prototype", "structure")


def levels(**weights: float) -> LossWeights:
    return LossWeights(**{**dict.fromkeys(LEVELS, 0.0), **weights})


def test_all_four_levels_and_the_supervised_loss() -> None:
    terms = method(HKFA).losses(batch())
    assert list(terms) == ["supervised", *LEVELS]
    assert all(bool(term.isfinite()) and float(term.detach()) > 0 for term in terms.values())


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_alone_moves_the_network(level: str) -> None:
    """The discriminator learns to tell the domains, and the network the opposite."""
    made = method(HKFA, weights=levels(supervised=0.0, **{level: 1.0}))
    assert (made.discriminator is not None) == (level == "image")
    made.losses(batch())[level].backward()  # type: ignore[no-untyped-call]
    moved = {name.split(".")[1] for name, p in made.student.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(p.grad is not None and p.grad.any() for p in made.student.backbone.parameters())
    assert moved  # the head's map too, but for the image level
    assert made.student.head.final.weight.grad is None  # heatmaps choose features and are not moved


def test_the_image_level_is_adversarial() -> None:
    """Against its own gradient the discriminator gets better; against theirs the features make it worse."""
    made = method(HKFA, affine=STILL, jitter=0.0, alignment=AlignmentConfig(per_pixel=False)).eval()
    one = batch()
    loss = made.losses(one)["image"]
    loss.backward()  # type: ignore[no-untyped-call]
    assert made.discriminator is not None
    for net, sign in ((made.discriminator, -1), (made.student.backbone, 1)):
        kept = copy.deepcopy(net.state_dict())
        with torch.no_grad():
            square = sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None)
            for p in net.parameters():
                if p.grad is not None:
                    p -= 0.01 * float(loss) / square * p.grad
            change = float(made.losses(one)["image"]) / float(loss) - 1
        assert change * sign == pytest.approx(0.01, rel=0.2)
        net.load_state_dict(kept)


@pytest.mark.parametrize("per_pixel", [True, False])
def test_per_pixel_scales_what_reaches_the_network(per_pixel: bool) -> None:
    made = method(HKFA, affine=STILL, jitter=0.0, alignment=AlignmentConfig(per_pixel=per_pixel)).eval()
    plain = method(HKFA, affine=STILL, jitter=0.0, alignment=AlignmentConfig(per_pixel=False)).eval()
    pixels = 256 if per_pixel else 1
    ours, theirs = made.losses(batch()), plain.losses(batch())
    for name in LEVELS[1:]:
        torch.testing.assert_close(ours[name] * pixels, theirs[name])
    torch.testing.assert_close(ours["image"], theirs["image"])
    gradients = []
    for net, terms in ((made, ours), (plain, theirs)):
        terms["image"].backward()  # type: ignore[no-untyped-call]
        backbone = torch.cat([p.grad.flatten() for p in net.student.backbone.parameters() if p.grad is not None])
        gradients.append((backbone, next(net.discriminator.parameters()).grad))  # type: ignore[union-attr]
    torch.testing.assert_close(gradients[0][0] * pixels, gradients[1][0], rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(gradients[0][1], gradients[1][1])


def test_prototypes_follow_the_source_by_hand() -> None:
    made = method(HKFA, affine=STILL, jitter=0.0, alignment=AlignmentConfig(decay=0.75)).eval()
    wanted: dict[int, torch.Tensor] = {}
    for seed in range(3):
        one = batch(2, seed)
        with torch.no_grad():
            source = made.source_pass(one)
            features = keypoint_features(source.map, source.label)
            made.losses(one)
        for k in range(16):
            rows = [features[b, k] for b in range(2) if source.weight[b, k] > 0]
            if rows:
                mean = torch.stack(rows).mean(0)
                moved = 0.75 * wanted[k] + 0.25 * mean if k in wanted else mean
                wanted[k] = moved / moved.norm()
    assert made.seen.nonzero().flatten().tolist() == sorted(wanted)
    for k, prototype in wanted.items():
        torch.testing.assert_close(made.prototypes[k], prototype, rtol=1e-4, atol=1e-5)


def test_before_the_adaptation_only_images_are_aligned(stores: Stores, tmp_path: Path) -> None:
    made = build(HKFA, schedule=ScheduleConfig(adapt_from=9))
    assert set(made.losses(batch())) == {"supervised", "image"}
    start = copy.deepcopy(made.discriminator.state_dict())
    trained(made, data_of(stores), tmp_path / "run", epochs=1)
    assert not made.seen.any()
    assert any(not torch.equal(v, start[k]) for k, v in made.discriminator.state_dict().items())


def test_without_its_levels_it_is_source_only_in_the_warm_up() -> None:
    made = build(HKFA, schedule=ScheduleConfig(adapt_from=9), weights=levels())
    only_source: Any = {"source": batch()["source"]}
    assert set(made.losses(only_source)) == {"supervised"}

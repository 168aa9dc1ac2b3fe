"""RegDA's iterations against the same three steps written out by hand, its rates and its gradient layer."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from actupose.codecs import encode
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.losses import heatmap_kl, rectify
from actupose.methods import LossWeights, RegDA, ScheduleConfig, SGDConfig
from actupose.methods.regda import gradient_factor
from methods.test_training_loop import build, data_of, trained
from methods.tiny import SIZE, STILL, trainer_of
from tiny_stores import Stores

SGD = SGDConfig(lr=0.02, decay=0.5)  # decays within the test


class Scaled(torch.autograd.Function):
    """The gradient layer, written down once more."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.factor * grad, None


class Keep(Callback):
    """Batches, rates and momentum as training meets them."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.rates: list[list[float]] = []
        self.momentum: list[int] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.batches.append(copy.deepcopy(batch))
        self.momentum.append(sum(len(o.state) for o in trainer.optimizers))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.rates.append([group["lr"] for o in trainer.optimizers for group in o.param_groups])


def features(net: Any, images: Tensor) -> Tensor:
    out: Tensor = net.head.map(net.backbone((images - net.mean) / net.std)[-4:])
    return out


def by_hand(made: RegDA, batches: list[Any], weights: tuple[float, float, float]) -> None:
    """The published iteration: A, B and C, each with its own pass; rates of METHOD section 5."""
    net, adversary = made.student.train(), made.adversary.train()
    final = list(net.head.final.parameters())
    trunk = [p for name, p in net.named_parameters() if not name.startswith("head.final")]
    options: dict[str, Any] = {"lr": 1.0, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}
    f, h, h_adv = (torch.optim.SGD(p, **options) for p in (trunk, final, list(adversary.parameters())))
    for i, batch in enumerate(batches):
        rate = 0.02 * (1 + 0.5 * i) ** -0.75
        factor = 0.3 + 0.1 * i  # the published one moves the features too little to be seen in six iterations
        for optimizer, lr in ((f, 0.1 * rate), (h, rate), (h_adv, rate)):
            optimizer.param_groups[0]["lr"] = lr
        source, target = batch["source"], batch["target"]
        side = SIZE // 4
        label, weight = encode((source.keypoints + 0.5) / 4 - 0.5, source.visible, (side, side), side / 32)

        def both(images: Tensor, factor: float = factor) -> tuple[Tensor, Tensor]:
            x = features(net, images.float() / 255)
            return net.head.final(x), adversary(Scaled.apply(x, factor))

        for optimizer in (f, h, h_adv):
            optimizer.zero_grad()
        y, y_adv = both(source.image)
        loss = heatmap_kl(y, label, weight) + weights[0] * heatmap_kl(y_adv, rectify(y, side / 32), weight)
        loss.backward()
        for optimizer in (f, h, h_adv):
            optimizer.step()

        if weights[1]:
            h_adv.zero_grad()
            y, y_adv = both(target.image)
            truth = rectify(y, side / 32)
            false = torch.stack([sum(truth[:, j] for j in range(16) if j != k) for k in range(16)], 1)  # type: ignore[misc]
            (weights[1] * heatmap_kl(y_adv, false.clamp(0, 1))).backward()
            h_adv.step()

        f.zero_grad()
        y, y_adv = both(target.image)
        (weights[2] * heatmap_kl(y_adv, rectify(y, side / 32))).backward()
        f.step()


@pytest.mark.parametrize("weights", [(4.0, 1.0, 1.0), (2.0, 0.0, 3.0)])
def test_training_takes_the_three_steps(
    weights: tuple[float, float, float], stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actupose.methods.regda.gradient_factor", lambda i: 0.3 + 0.1 * i)
    names = ("source_disparity", "ground_false", "ground_truth")
    made = build(
        RegDA,
        schedule=ScheduleConfig(adapt_from=0),
        sgd=SGD,
        affine=STILL,
        jitter=0.0,
        weights=LossWeights(**dict(zip(names, weights, strict=True))),
    )
    with torch.no_grad():
        for part in (made.student.head.final, made.adversary):
            part[0].weight.mul_(20)
            part[-1].weight.mul_(200)
    slow, keep = copy.deepcopy(made), Keep()
    start = copy.deepcopy(made.state_dict())
    trained(made, data_of(stores), tmp_path / "run", epochs=2, callback=keep)
    assert len(keep.batches) == 6
    by_hand(slow, keep.batches, weights)
    for (name, got), wanted in zip(made.named_parameters(), slow.parameters(), strict=True):
        way = float((wanted - start[name]).detach().norm())
        assert float((got - wanted).detach().norm()) <= 0.02 * way + 1e-6, name


def test_the_warm_up_trains_features_and_main_head_alone(stores: Stores, tmp_path: Path) -> None:
    made, keep = build(RegDA), Keep()
    start = {name: p.detach().clone() for name, p in made.named_parameters()}
    trained(made, data_of(stores), tmp_path / "run", epochs=1, callback=keep)
    moved = {name.split(".")[0] for name, p in made.named_parameters() if not torch.equal(p, start[name])}
    assert moved == {"student"}
    assert keep.momentum[0] == 0 < keep.momentum[1]


def test_rates_follow_the_published_schedule(stores: Stores, tmp_path: Path) -> None:
    schedule = ScheduleConfig(milestones=(1, 2), gamma=0.5, adapt_from=3)
    keep = Keep()
    trained(build(RegDA, schedule=schedule), data_of(stores), tmp_path / "run", epochs=5, callback=keep)
    assert len(keep.rates) == 15
    for step in range(9):  # backbone, head's map, main head, adversarial head
        rate = 0.1 * 0.5 ** (step // 3)
        assert keep.rates[step] == pytest.approx([0.1 * rate, rate, rate, rate])
    for step in range(9, 15):
        rate = 0.1 * (1 + 1e-4 * (step - 9)) ** -0.75
        assert keep.rates[step] == pytest.approx([0.1 * rate, 0.1 * rate, rate, rate])
    assert keep.momentum[9] == 0 < keep.momentum[8]  # without the warm-up's momentum


def test_the_gradient_layer_grows_from_nought_to_a_tenth_and_stays_positive() -> None:
    values = [gradient_factor(i) for i in range(0, 20_000, 100)]
    assert values[0] == 0
    assert values[10] == pytest.approx(0.2 / (1 + 1 / math.e) - 0.1)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(0.1)


@pytest.mark.parametrize("option", [{"gradient_clip_val": 1.0}, {"accumulate_grad_batches": 2}])
def test_a_trainer_that_clips_or_accumulates_is_refused(option: dict[str, Any], tmp_path: Path) -> None:
    made = build(RegDA)
    made.check_trainer(trainer_of(RunFolder(tmp_path), accelerator="cpu"))
    with pytest.raises(UserError, match=r"leave trainer.gradient_clip_val and trainer.accumulate_grad_batches out"):
        made.check_trainer(trainer_of(RunFolder(tmp_path), accelerator="cpu", **option))


def test_the_network_is_regdas_whatever_the_config_says() -> None:
    made = build(RegDA)
    for part in (made.student.head.final, made.adversary):
        assert [type(m) for m in part] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
        assert [m.kernel_size for m in part if isinstance(m, nn.Conv2d)] == [(3, 3), (1, 1)]
    assert made.net_config.output == "softmax"
    assert made.net_config.width == 16

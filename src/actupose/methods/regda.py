"""RegDA (Jiang et al., CVPR 2021): an adversarial head that is kept among the poses' other keypoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from actupose.losses import ground_false, heatmap_kl, rectify
from actupose.methods.base import SourcePass, TrainBatch
from actupose.methods.config import SGDConfig
from actupose.methods.stepwise import OptimizerStep, StepwiseMethod
from actupose.models import NetConfig, regressor, scale_gradient

_HEAD_LAYERS = 2
_FEATURES, _HEAD, _ADVERSARY = range(3)  # the optimisers' places


def gradient_factor(iteration: int) -> float:
    """Factor of the gradient layer before the adversarial head: 0 at first, towards 0.1 (METHOD.md section 5).

    Args:
        iteration: of the adaptation, from 0.
    """
    return 0.2 / (1 + math.exp(-iteration / 1000)) - 0.1


class RegDA(StepwiseMethod):
    """Features f, main head h and adversarial head h', and three steps an iteration.

    (A) all on the source: KL(y, label) + 4 KL(y', GT(y)); (B) h' on the target: KL(y', GF(y)); (C) f on the target:
    KL(y', GT(y)). GT has a Gaussian where the main head's map is highest, GF where those of the other keypoints are.
    Before ``schedule.adapt_from`` f and h are trained on the source alone. ``schedule.lr`` and ``schedule.ema_decay``
    have no part in it.

    Args:
        net: which network; its last part and its output are set to RegDA's.
        sgd: the optimisers.
        **shared: arguments of `PoseMethod`.
    """

    needs_target: ClassVar[bool] = True

    def __init__(self, net: NetConfig | None = None, sgd: SGDConfig | None = None, **shared: Any) -> None:  # noqa: ANN401 - resolved by jsonargparse to PoseMethod's arguments
        net = replace(net or NetConfig(), final_layers=_HEAD_LAYERS, output="softmax")
        super().__init__(net=net, **shared)
        self.sgd = sgd or SGDConfig()
        self.adversary = regressor(net.width, self.skeleton.num_keypoints, _HEAD_LAYERS)
        self.adversary.to(memory_format=torch.channels_last)
        self.iteration = 0

    @property
    def adapting(self) -> bool:
        """Whether this epoch looks at the target."""
        return self.current_epoch >= self.schedule.adapt_from

    # -- the steps

    def steps(self, batch: TrainBatch) -> Iterator[OptimizerStep]:
        """Steps A, B and C, or in the warm-up the source's alone."""
        source = self.source_pass(batch)
        terms = self.supervised_terms(source)
        if not self.adapting:
            yield OptimizerStep(terms, (_FEATURES, _HEAD))
            return
        factor = gradient_factor(self.iteration)
        adversary = self.adversary(scale_gradient(source.map, factor))
        terms["source_disparity"] = heatmap_kl(adversary, self.truth(source.heatmaps), source.weight)
        yield OptimizerStep(terms, (_FEATURES, _HEAD, _ADVERSARY))
        # Step B changes h' alone, so one pass of f and h serves B and C.
        target = self.target_output(batch)
        truth = self.truth(target.heatmaps)
        false = heatmap_kl(self.adversary(target.map.detach()), ground_false(truth))
        yield OptimizerStep({"ground_false": false}, (_ADVERSARY,))
        adversary = self.adversary(scale_gradient(target.map, factor))
        yield OptimizerStep({"ground_truth": heatmap_kl(adversary, truth)}, (_FEATURES,))

    def supervised(self, source: SourcePass) -> Tensor:
        """KL of the main head on the source."""
        return heatmap_kl(source.raw, source.label, source.weight)

    def truth(self, heatmaps: Tensor) -> Tensor:
        """GT: a Gaussian where each map is highest; no gradient."""
        return rectify(heatmaps, self.sigma(heatmaps.shape[-1]))

    # -- the optimisers

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """SGD of features, main head and adversarial head; `on_train_batch_start` sets their rates."""
        head, backbone = self.student.head, self.student.backbone
        final = set(head.final.parameters())
        feature_map = [p for p in head.parameters() if p not in final]
        return [
            self._optimizer(list(backbone.parameters()), feature_map),
            self._optimizer(list(head.final.parameters())),
            self._optimizer(list(self.adversary.parameters())),
        ]

    def _optimizer(self, *groups: list[nn.Parameter]) -> torch.optim.SGD:
        sgd = self.sgd
        return torch.optim.SGD(
            [{"params": group} for group in groups], sgd.lr, sgd.momentum, weight_decay=sgd.weight_decay, nesterov=True
        )

    def on_train_epoch_start(self) -> None:
        """The adaptation starts without the warm-up's momentum."""
        if self.current_epoch == self.schedule.adapt_from:
            for optimizer in self.trainer.optimizers:
                optimizer.state.clear()

    def on_train_batch_start(self, batch: TrainBatch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Set the rates, functions of epoch and iteration alone: nothing to be kept in a checkpoint."""
        since = max(self.current_epoch - self.schedule.adapt_from, 0)
        self.iteration = since * int(self.trainer.num_training_batches) + batch_idx
        for optimizer, rates in zip(self.trainer.optimizers, self.rates(), strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

    def rates(self) -> tuple[tuple[float, ...], ...]:
        """Learning rates of this iteration: (backbone, head's map), (main head,), (adversarial head,)."""
        sgd = self.sgd
        if self.adapting:
            rate = sgd.adapt_rate(self.iteration)
            return (rate * sgd.adapt_features,) * 2, (rate,), (rate,)
        rate = sgd.warmup_rate(self.current_epoch, self.schedule)
        return (rate * sgd.warmup_backbone, rate), (rate,), (rate,)

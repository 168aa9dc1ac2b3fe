"""HKFA, the paper's PoseDA, as we read its title: keypoint features aligned on four levels (METHOD.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from actupose.losses import (
    domain_loss,
    keypoint_features,
    moved_prototypes,
    prototype_nce,
    structure_loss,
    weighted_mmd,
)
from actupose.methods.base import PoseMethod, SourcePass, TrainBatch
from actupose.methods.config import AlignmentConfig
from actupose.methods.processes import gather_over_processes, gather_with_gradient
from actupose.models import DomainDiscriminator, PoseOutput, scale_gradient


class HKFA(PoseMethod):
    """A reading of *Hierarchical keypoints feature alignment* (2024), no reproduction: only its title could be found.

    Levels: images (a discriminator behind a gradient reversal layer, from the first epoch on), and from
    ``schedule.adapt_from`` on the set of all keypoint features (MMD), each keypoint (InfoNCE of target features against
    source prototypes) and structure (cosines of prototypes along limbs). A level of weight 0 in ``weights`` is off.

    Args:
        alignment: options of the levels.
        **shared: arguments of `PoseMethod`.
    """

    needs_target: ClassVar[bool] = True
    prototypes: Tensor
    seen: Tensor

    def __init__(self, alignment: AlignmentConfig | None = None, **shared: Any) -> None:  # noqa: ANN401 - resolved by jsonargparse to PoseMethod's arguments
        super().__init__(**shared)
        self.alignment = alignment or AlignmentConfig()
        # It takes part in every step or does not exist: DDP wants each parameter in each step.
        self.discriminator = (
            DomainDiscriminator(self.student.num_features, self.alignment.discriminator_width)
            if self.weights.image
            else None
        )
        keypoints = self.skeleton.num_keypoints
        self.register_buffer("prototypes", torch.zeros(keypoints, self.net_config.width))
        self.register_buffer("seen", torch.zeros(keypoints, dtype=torch.bool))

    @property
    def adapting(self) -> bool:
        """Whether this epoch aligns keypoints."""
        return self.current_epoch >= self.schedule.adapt_from

    def trained(self) -> Iterable[nn.Parameter]:
        """The student and the discriminator."""
        own = self.discriminator.parameters() if self.discriminator is not None else ()
        return chain(self.student.parameters(), own)

    def losses(self, batch: TrainBatch) -> dict[str, Tensor]:
        """Supervised loss and the levels."""
        source = self.source_pass(batch)
        terms = self.supervised_terms(source)
        if self.discriminator is None and not self.adapting:
            return terms
        target = self.target_output(batch)
        pixels = target.heatmaps[0, 0].numel() if self.alignment.per_pixel else 1
        if self.discriminator is not None:
            # The reversal layer carries the scale, so that the discriminator learns at its own.
            images = (scale_gradient(feature, -1 / pixels) for feature in (source.feature, target.feature.float()))
            terms["image"] = domain_loss(*(self.discriminator(feature) for feature in images))
        if self.adapting:
            terms |= {name: term / pixels for name, term in self.keypoint_terms(source, target).items()}
        return terms

    def keypoint_terms(self, source: SourcePass, target: PoseOutput) -> dict[str, Tensor]:
        """The three levels of keypoint features, over the batch of all processes.

        The source's features are taken where its labels are.
        """
        at_source = gather_with_gradient(keypoint_features(source.map, source.label))
        at_target = gather_with_gradient(keypoint_features(target.map, target.heatmaps))
        labelled = gather_over_processes(source.weight)
        confidence = gather_over_processes(target.heatmaps.detach().float().amax((2, 3)).clamp(0, 1))
        self.move_prototypes(at_source.detach(), labelled)
        known = (self.prototypes, self.seen)
        return {
            "keypoint_set": weighted_mmd(at_source, labelled, at_target, confidence),
            "prototype": prototype_nce(at_target, confidence, *known, self.alignment.temperature),
            "structure": structure_loss(at_target, confidence, *known, self.skeleton.limbs),
        }

    def move_prototypes(self, features: Tensor, weight: Tensor) -> None:
        """Move the source prototypes by a batch.

        Where a step accumulates several batches, each moves them by its share of the step's decay.

        Args:
            features: (B, K, C).
            weight: (B, K), 1 where the keypoint is labelled and inside.
        """
        total, count = (features * weight.unsqueeze(-1)).sum(0), weight.sum(0)
        decay = self.alignment.decay ** (1 / self.parts)
        self.prototypes.copy_(moved_prototypes(self.prototypes, self.seen, total, count, decay))
        self.seen |= count > 0

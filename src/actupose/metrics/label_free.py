"""Label-free validators: scores of predictions on unlabelled images, one value an image, none needs a label.

They rank the checkpoints of a training where the target has no labels; docs/label_free.md says how far to trust each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from actupose.metrics.pck import keypoint_hits
from actupose.skeletons import Skeleton

_NEAR = 0.05  # the share of the side that PCK@0.05 takes


class PerImage(Metric):
    """Base: keeps one value an image; their mean is the score."""

    full_state_update = False
    values: list[Tensor]

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.add_state("values", [], dist_reduce_fx="cat")

    def per_image(self) -> Tensor:
        """(N,) the images' values in the order they came; NaN where an image has none."""
        return torch.cat(list(self.values)) if len(self.values) else torch.zeros(0)

    def compute(self) -> Tensor:
        """Mean over the images that have a value; NaN where none has."""
        return self.per_image().nanmean()


class Agreement(PerImage):
    """Percent of keypoints that two predictions of the same image put within 0.05 of the image side of each other.

    Teacher and student on two views, or one network on an image and on its mirror image, brought back to one frame.
    Source: consistency as a validator; the threshold is that of PCK (ours).
    """

    higher_is_better = True

    def update(self, points: Tensor, others: Tensor, seen: Tensor, image_size: float) -> None:
        """Take a batch.

        Args:
            points: (B, K, 2) image pixels.
            others: (B, K, 2) image pixels.
            seen: (B, K), above 0 where both predictions could see the keypoint; an image without one has no value.
            image_size: side of the image in pixels.
        """
        near, counted = keypoint_hits(points, others, seen, image_size, _NEAR)
        self.values.append(100 * near.sum(-1) / counted.sum(-1))


class HeatmapPeak(PerImage):
    """Mean height of an image's heatmaps: how sure the network says it is."""

    higher_is_better = True

    def update(self, heatmaps: Tensor) -> None:
        """Take a batch of (B, K, H, W)."""
        self.values.append(heatmaps.amax((2, 3)).mean(-1))


class HeatmapEntropy(PerImage):
    """Mean entropy of an image's heatmaps as distributions over pixels, 0 (one pixel) to 1 (flat)."""

    higher_is_better = False

    def update(self, heatmaps: Tensor) -> None:
        """Take a batch of (B, K, H, W); negative values count as 0, an empty map as flat."""
        mass = heatmaps.flatten(2).clamp(min=0)
        total = mass.sum(-1, keepdim=True)
        share = torch.where(total > 0, mass / total.clamp(min=1e-12), torch.full_like(mass, 1 / mass.shape[-1]))
        self.values.append(torch.special.entr(share).sum(-1).mean(-1) / math.log(mass.shape[-1]))


class PoseVAEPlausibility(PerImage):
    """Percent of source poses that the source's Pose-VAE (Eq. 2) finds at least as odd as an image's predicted pose.

    A pose odder than all source poses has 0. A network that predicts one usual pose everywhere looks perfect here.

    Args:
        score: poses (B, K, 2) and what is known of them (B, K) -> (B,) complexity, e.g. `PoseDataModule.score`.
        source_scores: (N,) complexity of source poses.
        known: (K,) above 0 for keypoints that the source labels; others are left out.
        **options: torchmetrics' own.
    """

    higher_is_better = True
    source_scores: Tensor
    known: Tensor

    def __init__(
        self,
        score: Callable[[Tensor, Tensor], Tensor],
        source_scores: Tensor,
        known: Tensor,
        **options: Any,  # noqa: ANN401 - torchmetrics' own options
    ) -> None:
        super().__init__(**options)
        self.score = score
        self.register_buffer("source_scores", source_scores.float().sort().values, persistent=False)
        self.register_buffer("known", known > 0, persistent=False)

    def update(self, points: Tensor) -> None:
        """Take a batch of predictions, (B, K, 2), any unit."""
        scores = self.score(points, self.known.expand(points.shape[:2])).to(self.source_scores)
        less_odd = torch.searchsorted(self.source_scores, scores)
        self.values.append(100 * (1 - less_odd / len(self.source_scores)))


class LimbPlausibility(PerImage):
    """How usual the ratios of an image's predicted limb lengths are among the source's poses, 0 to 100.

    A limb's ratio is the log of its length over the pose's mean limb length. Each limb gives exp(-z^2 / 2) for its
    ratio's distance from the source's mean in standard deviations; an image's value is the mean over limbs (ours).

    Args:
        skeleton: names the limbs.
        points: (N, K, 2) source poses, any unit.
        visible: (N, K), above 0 where labelled.
        **options: torchmetrics' own.
    """

    higher_is_better = True
    mean: Tensor
    std: Tensor

    def __init__(self, skeleton: Skeleton, points: Tensor, visible: Tensor, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.skeleton = skeleton
        ratios = limb_ratios(points, visible, skeleton)
        mean = ratios.nanmean(0)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", (ratios - mean).square().nanmean(0).sqrt().clamp(min=1e-3), persistent=False)

    def update(self, points: Tensor) -> None:
        """Take a batch of predictions, (B, K, 2), any unit; limbs that the source never labels are left out."""
        ratios = limb_ratios(points, torch.ones_like(points[..., 0]), self.skeleton)
        usual = torch.exp(-0.5 * ((ratios - self.mean) / self.std).square())
        self.values.append(100 * usual.nanmean(-1))


def limb_ratios(points: Tensor, visible: Tensor, skeleton: Skeleton) -> Tensor:
    """Log of each limb's length over the mean length of the pose's labelled limbs.

    Args:
        points: (B, K, 2), any unit.
        visible: (B, K), above 0 where labelled.
        skeleton: names the L limbs.

    Returns:
        (B, L) float32; NaN where an end is not labelled. A limb without length counts as a hundredth of the mean.
    """
    a, b = (torch.tensor(ends, device=points.device) for ends in zip(*skeleton.limbs, strict=True))
    length = (points.float()[:, b] - points.float()[:, a]).square().sum(-1).sqrt()
    whole = (visible[:, a] > 0) & (visible[:, b] > 0)
    length = torch.where(whole, length, torch.nan)
    mean = length.nanmean(-1, keepdim=True).clamp(min=1e-6)
    return (length / mean).clamp(min=0.01).log()


class SoftNeighborhoodDensity(PerImage):
    """Soft neighbourhood density: how evenly an image's feature is near to many others, 0 to 1.

    Saito et al., ICCV 2021: the entropy of softmax(<f_i, f_j> / tau) over the other images j, f of length 1, higher =
    denser. Our reading for poses: there are no class probabilities, so f is the pooled feature of the backbone (that
    of Eq. 6); the entropy is divided by its largest value, log(N - 1). Features that have all become the same have 1.

    Args:
        temperature: tau, the paper's 0.05.
        **options: torchmetrics' own.
    """

    higher_is_better = True

    def __init__(self, temperature: float = 0.05, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.temperature = temperature

    def update(self, feature: Tensor) -> None:
        """Take a batch of (B, C); all images are compared with all in the end."""
        self.values.append(torch.nn.functional.normalize(feature.float(), dim=-1))

    def per_image(self) -> Tensor:
        """(N,) each image's entropy; NaN for fewer than three images."""
        features = super().per_image()
        if len(features) < 3:
            return torch.full((len(features),), torch.nan)
        near = features @ features.T / self.temperature
        near.fill_diagonal_(-torch.inf)
        entropy: Tensor = torch.special.entr(near.softmax(-1)).sum(-1)
        return entropy / math.log(len(features) - 1)

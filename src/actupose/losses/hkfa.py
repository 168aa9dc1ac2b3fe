"""Alignment of keypoint features across domains: our reading of HKFA (METHOD.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from actupose.geometry import at_least_float32, index_tensor
from actupose.losses.cross_domain import unit

_WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the Gaussian kernels, in mean squared distances
_NEVER = -1e4  # logit of a prototype that has not been seen; finite, so that no row of logits is empty
_TINY = 1e-12


def domain_loss(source: Tensor, target: Tensor) -> Tensor:
    """Return the discriminator's binary cross-entropy, source = 1 and target = 0, both domains of equal weight.

    Args:
        source: (B,) logits of the source batch.
        target: (N,) logits of the target batch.
    """
    return 0.5 * (F.softplus(-at_least_float32(source)).mean() + F.softplus(at_least_float32(target)).mean())


def keypoint_features(feature_map: Tensor, heatmaps: Tensor) -> Tensor:
    """Return each keypoint's feature: the heatmap-weighted sum of the map, scaled to length 1.

    Negative heights count as 0, and an empty heatmap gives a feature of 0. The heatmaps get no gradient: aligning
    features is not to move the keypoints (ours).

    Args:
        feature_map: (B, C, H, W).
        heatmaps: (B, K, H, W).

    Returns:
        (B, K, C).

    Raises:
        ValueError: A shape does not fit.
    """
    if feature_map.ndim != 4 or heatmaps.ndim != 4 or feature_map.shape[2:] != heatmaps.shape[2:]:
        raise ValueError(f"expected (B, C, H, W) and (B, K, H, W), got {feature_map.shape} and {heatmaps.shape}")
    height = at_least_float32(heatmaps).detach().clamp(min=0).flatten(2)
    height = height / height.sum(-1, keepdim=True).clamp(min=_TINY)
    with torch.autocast(device_type=feature_map.device.type, enabled=False):
        return unit(height @ at_least_float32(feature_map).to(height.dtype).flatten(2).mT)


def weighted_mmd(source: Tensor, source_weight: Tensor, target: Tensor, target_weight: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two weighted sets, under five Gaussian kernels.

    The biased estimate, so at least 0. The kernels' squared widths are 1/4 to 4 times the weighted mean squared
    distance of the two sets together, which gets no gradient. 0 with a zero gradient where a set has no weight.

    Args:
        source: (B, K, C).
        source_weight: (B, K), not negative.
        target: (N, K, C).
        target_weight: (N, K), not negative.
    """
    x = torch.cat([source.flatten(0, 1), target.flatten(0, 1)])
    parts = [source_weight.flatten().to(x.dtype), target_weight.flatten().to(x.dtype)]
    shares = [part / part.sum().clamp(min=_TINY) for part in parts]
    present = (parts[0].sum() > 0) & (parts[1].sum() > 0)
    signed, share = torch.cat([shares[0], -shares[1]]), torch.cat(shares) / 2
    square = x.square().sum(-1)
    with torch.autocast(device_type=x.device.type, enabled=False):
        distance = (square.unsqueeze(1) + square.unsqueeze(0) - 2 * (x @ x.mT)).clamp(min=0)
        width = (share @ distance.detach() @ share).clamp(min=_TINY)
        kernel = torch.stack([torch.exp(-distance / (2 * factor * width)) for factor in _WIDTHS]).mean(0)
        mmd = signed @ kernel @ signed
    return torch.where(present, mmd, torch.zeros_like(mmd))


@torch.no_grad()
def moved_prototypes(prototypes: Tensor, seen: Tensor, total: Tensor, count: Tensor, decay: float) -> Tensor:
    """Return the prototypes after a batch: decay * old + (1 - decay) * the batch's mean, scaled to length 1.

    A keypoint's first batch gives its prototype outright; one that the batch lacks stays.

    Args:
        prototypes: (K, C).
        seen: (K,) bool, which have been set.
        total: (K, C), sum of the batch's features.
        count: (K,), how many they are.
        decay: Of the moving average.
    """
    mean = total / count.clamp(min=1).unsqueeze(-1)
    moved = torch.where(seen.unsqueeze(-1), torch.lerp(mean, prototypes, decay), mean)
    return torch.where((count > 0).unsqueeze(-1), unit(moved), prototypes)


def prototype_nce(features: Tensor, weight: Tensor, prototypes: Tensor, seen: Tensor, temperature: float) -> Tensor:
    """Return the weighted mean InfoNCE: each feature against its own keypoint's prototype among all keypoints'.

    Prototypes get no gradient. Those not seen yet take no part. 0 with a zero gradient where nothing has weight.

    Args:
        features: (B, K, C), of length 1.
        weight: (B, K), confidence of each keypoint.
        prototypes: (K, C), of length 1.
        seen: (K,) bool.
        temperature: Divisor of the cosines.
    """
    logits = features @ prototypes.detach().to(features.dtype).T / temperature
    logits = logits.masked_fill(~seen, _NEVER)
    loss = -logits.log_softmax(-1).diagonal(dim1=-2, dim2=-1)
    counted = weight * seen.to(weight.dtype)
    return (counted * loss).sum() / counted.sum().clamp(min=_TINY)


def structure_loss(
    features: Tensor, weight: Tensor, prototypes: Tensor, seen: Tensor, limbs: Sequence[tuple[int, int]]
) -> Tensor:
    """Return the mean over limbs of the squared difference of two cosines: of the limb's prototypes in each domain.

    The target's prototype is the weighted mean of this batch's features; the source's gets no gradient. Limbs with an
    end that either domain lacks are left out; 0 with a zero gradient where none is left.

    Args:
        features: (B, K, C), of length 1, of the target.
        weight: (B, K), confidence of each keypoint.
        prototypes: (K, C), of length 1, of the source.
        seen: (K,) bool.
        limbs: Pairs of keypoint indices.
    """
    target = unit((features * weight.unsqueeze(-1)).sum(0) / weight.sum(0).clamp(min=_TINY).unsqueeze(-1))
    source = prototypes.detach().to(target.dtype)
    start = index_tensor([a for a, _ in limbs], features.device)
    end = index_tensor([b for _, b in limbs], features.device)
    ok = seen & (weight.sum(0) > 0)
    both = (ok[start] & ok[end]).to(target.dtype)
    difference = (target[start] * target[end]).sum(-1) - (source[start] * source[end]).sum(-1)
    return (both * difference.square()).sum() / both.sum().clamp(min=1)

"""Training losses: plain functions of tensors, without a wait for the device."""

from actupose.losses.consistency import consistency_loss, quantile_mask, rectify, rising
from actupose.losses.cross_domain import cross_domain_loss, pair_distance
from actupose.losses.evalpose import evalpose_loss, evalpose_losses, limb_cosines
from actupose.losses.gating import gate_gradient
from actupose.losses.heatmap import heatmap_mse
from actupose.losses.hkfa import (
    domain_loss,
    keypoint_features,
    moved_prototypes,
    prototype_nce,
    structure_loss,
    weighted_mmd,
)
from actupose.losses.regda import ground_false, heatmap_kl

__all__ = [
    "consistency_loss",
    "cross_domain_loss",
    "domain_loss",
    "evalpose_loss",
    "evalpose_losses",
    "gate_gradient",
    "ground_false",
    "heatmap_kl",
    "heatmap_mse",
    "keypoint_features",
    "limb_cosines",
    "moved_prototypes",
    "pair_distance",
    "prototype_nce",
    "quantile_mask",
    "rectify",
    "rising",
    "structure_loss",
    "weighted_mmd",
]

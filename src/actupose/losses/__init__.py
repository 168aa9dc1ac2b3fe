"""Training losses: plain functions of tensors, without a wait for the device."""

from actupose.losses.consistency import consistency_loss, quantile_mask, rectify
from actupose.losses.cross_domain import cross_domain_loss, pair_distance
from actupose.losses.evalpose import evalpose_loss, limb_cosines
from actupose.losses.heatmap import heatmap_mse
from actupose.losses.regda import ground_false, heatmap_kl

__all__ = [
    "consistency_loss",
    "cross_domain_loss",
    "evalpose_loss",
    "ground_false",
    "heatmap_kl",
    "heatmap_mse",
    "limb_cosines",
    "pair_distance",
    "quantile_mask",
    "rectify",
]

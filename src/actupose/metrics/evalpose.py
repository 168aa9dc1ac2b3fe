"""The EvalPose score: how well limb directions agree with the label."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from actupose.losses.evalpose import limb_cosines
from actupose.skeletons import Skeleton


class EvalPoseScore(Metric):
    """100 x the mean cosine between predicted and labelled limbs, per image, averaged over images.

    Limbs with an unlabelled end, or a labelled limb without length, are left out; images without a limb too. Source:
    Eq. 5 in the paper's table scale (METHOD.md section 3).

    Args:
        skeleton: Names the limbs.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    images: Tensor

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.limbs = skeleton.limbs
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, pred_points: Tensor, target: Tensor, visible: Tensor) -> None:
        """Take a batch.

        Args:
            pred_points: (B, K, 2), any unit.
            target: (B, K, 2), any unit.
            visible: (B, K), above 0 where the joint is labelled.
        """
        cosines, valid = limb_cosines(pred_points.float(), target.float(), self.limbs, visible > 0)
        valid = valid.to(cosines.dtype)
        count = valid.sum(-1)
        mean = torch.where(valid > 0, cosines, torch.zeros_like(cosines)).sum(-1) / count.clamp(min=1)
        self.total += mean.sum()
        self.images += (count > 0).sum()

    def compute(self) -> Tensor:
        """Return the score, -100 to 100, a scalar; NaN where no image had a limb."""
        return 100 * self.total / self.images

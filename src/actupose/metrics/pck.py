"""PCK: the percentage of keypoints predicted close enough to their label."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from actupose.codecs import argmax, encode
from actupose.skeletons import Skeleton


def keypoint_hits(
    points: Tensor, target: Tensor, visible: Tensor, image_size: float, threshold: float
) -> tuple[Tensor, Tensor]:
    """Tell which keypoints are scored and which of them are right.

    Args:
        points: (B, K, 2), predictions in pixels; a prediction that is not finite is wrong.
        target: (B, K, 2), labels in pixels; anything where not visible.
        visible: (B, K), above 0 where the label counts.
        image_size: Side of the image in the same pixels.
        threshold: Share of the side that a distance must stay below.

    Returns:
        right (B, K) and scored (B, K), both float32 of 0 and 1; right is 0 where not scored.

    Raises:
        ValueError: A shape does not fit.
    """
    if points.shape != target.shape or visible.shape != points.shape[:-1] or points.shape[-1] != 2:
        raise ValueError(
            f"expected points and target (B, K, 2) and visible (B, K), "
            f"got {tuple(points.shape)}, {tuple(target.shape)} and {tuple(visible.shape)}"
        )
    distance = (points.float() - target.float()).square().sum(-1).sqrt()
    scored = visible > 0
    return ((distance < threshold * image_size) & scored).float(), scored.float()


class PCK(Metric):
    """Percentage of keypoints within a share of the image side, per group of the skeleton (METHOD.md section 6).

    Mode ``pooled`` takes decoded points and labels as given and pools over joints: right over scored.

    Mode ``regda`` is the published protocol: integer argmax of the prediction and of the label's own rendered heatmap,
    labels at x <= 1 or y <= 1 left out, each joint's accuracy averaged over batches (weighted by their size), then over
    the group's joints. It depends on the batch size. Ours there: a batch in which a joint is never scored does not
    count for that joint (published: as -1), and a label outside the heatmap is left out.

    Args:
        skeleton: Names the groups.
        mode: ``pooled`` or ``regda``.
        threshold: Share of the image side, strict.

    Raises:
        ValueError: The mode is unknown.
    """

    full_state_update = False
    higher_is_better = True
    right: Tensor
    scored: Tensor

    def __init__(
        self, skeleton: Skeleton, mode: Literal["pooled", "regda"] = "pooled", threshold: float = 0.05
    ) -> None:
        super().__init__()
        if mode not in ("pooled", "regda"):
            raise ValueError(f"mode must be 'pooled' or 'regda', got {mode!r}")
        self.skeleton = skeleton
        self.mode = mode
        self.threshold = threshold
        self.add_state("right", torch.zeros(skeleton.num_keypoints), dist_reduce_fx="sum")
        self.add_state("scored", torch.zeros(skeleton.num_keypoints), dist_reduce_fx="sum")

    def update(self, pred_points: Tensor, target: Tensor, visible: Tensor, image_size: float) -> None:
        """Take a batch.

        Args:
            pred_points: (B, K, 2) image pixels; in mode ``regda`` the argmax in heatmap pixels.
            target: (B, K, 2), the labels, likewise.
            visible: (B, K), above 0 where the label counts.
            image_size: Side of the image (``regda``: of the heatmap) in pixels.

        Raises:
            ValueError: A shape does not fit, or mode ``regda`` is given points that are not whole pixels.
        """
        if self.mode == "pooled":
            right, scored = keypoint_hits(pred_points, target, visible, image_size, self.threshold)
            self.right += right.sum(0)
            self.scored += scored.sum(0)
            return
        if not bool((pred_points == pred_points.round()).all()):
            raise ValueError("mode 'regda' scores whole heatmap pixels: use update_heatmaps")
        away = (target > 1).all(-1)
        right, scored = keypoint_hits(pred_points, target, (visible > 0) & away, image_size, self.threshold)
        count = scored.sum(0)
        weight = (count > 0) * float(len(pred_points))
        self.right += right.sum(0) / count.clamp(min=1) * weight
        self.scored += weight

    def update_heatmaps(
        self, pred_heat: Tensor, target_points_heat: Tensor, visible: Tensor, sigma: float = 2.0
    ) -> None:
        """Take a batch of heatmaps in mode ``regda``.

        Args:
            pred_heat: (B, K, H, H).
            target_points_heat: (B, K, 2), labels in heatmap pixels.
            visible: (B, K), above 0 where labelled.
            sigma: Standard deviation in heatmap pixels that the label's heatmap is drawn with.

        Raises:
            ValueError: The mode is not ``regda``, the heatmaps are not square, or a shape does not fit.
        """
        height, width = pred_heat.shape[-2:]
        if self.mode != "regda" or height != width:
            raise ValueError(f"needs mode 'regda' and square heatmaps, got mode {self.mode!r} and {height}x{width}")
        label_heat, drawn = encode(target_points_heat, visible, (height, width), sigma, snap=True)
        self.update(argmax(pred_heat)[0], argmax(label_heat)[0], drawn, width)

    def compute(self) -> dict[str, Tensor]:
        """Return percent (0 to 100) per group of the skeleton, ``All`` included; NaN where nothing was scored."""
        return {name: 100 * self._group(members) for name, members in self.skeleton.groups.items()}

    def _group(self, members: tuple[int, ...]) -> Tensor:
        right, scored = self.right[list(members)], self.scored[list(members)]
        return right.sum() / scored.sum() if self.mode == "pooled" else (right / scored).nanmean()

"""ACTUPose: UDAPE with the active curriculum, EvalPose and the cross-domain loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from actupose.codecs import soft_argmax, subpixel
from actupose.geometry import index_tensor, triplet_angles, warp_points
from actupose.losses import cross_domain_loss, evalpose_losses, pair_distance, quantile_mask
from actupose.methods.base import SourcePass
from actupose.methods.compiled import device_part
from actupose.methods.config import SkeletonLossConfig
from actupose.methods.processes import gather_over_processes, num_processes, of_this_process, sum_over_processes
from actupose.methods.udape import UDAPE, TargetPass

_LEAST_PEAK = 0.01


class ACTUPose(UDAPE):
    """L = w1 L_UDAPE + w2 L_evalpose + w3 L_cross-domain (Eq. 8).

    The curriculum is the data's (``data.curriculum.kind: active``). Both losses begin with the mean teacher: before, a
    flat heatmap has no limbs to compare (ours; the paper does not say).

    Args:
        skeleton_losses: options of the two losses.
        **shared: arguments of `UDAPE` and `PoseMethod`.
    """

    def __init__(self, skeleton_losses: SkeletonLossConfig | None = None, **shared: Any) -> None:  # noqa: ANN401 - resolved by jsonargparse to the bases' arguments
        super().__init__(**shared)
        self.skeleton_losses = skeleton_losses or SkeletonLossConfig()

    def extra_terms(self, source: SourcePass, target: TargetPass) -> dict[str, Tensor]:
        """EvalPose within each domain, and the features of like poses across them; the number of pairs is logged.

        Source poses are paired with the target poses of all processes, and the mean is over the pairs of all: DDP
        averages the processes' gradients, so each one's mean is weighed by its share of the pairs.
        """
        gather = gather_over_processes
        everyone = gather(target.points), gather(target.peaks), gather(target.feature)
        evalpose, cross_domain, pairs = self.skeleton_terms(source, target, everyone)
        processes = num_processes()
        total = pairs if processes == 1 else sum_over_processes(pairs.clone())
        self.keep({"pairs": total})
        if processes > 1:
            cross_domain = cross_domain * (pairs * processes / total.clamp(min=1))
        return {"evalpose": evalpose, "cross_domain": cross_domain}

    @device_part
    def skeleton_terms(
        self, source: SourcePass, target: TargetPass, everyone: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Both losses on the scale that `SkeletonLossConfig` asks for, and the number of pairs.

        Args:
            source: B images.
            target: N images.
            everyone: points, peaks and features of the target images of all processes.
        """
        joints, height, width = source.heatmaps.shape[1:]
        pixels = height * width if self.skeleton_losses.per_pixel else 1
        limbs = joints * pixels if self.skeleton_losses.per_pixel else 1
        points, peaks, feature = everyone
        known, confident = source.weight > 0, self.confident(peaks, target.rising)
        evalpose = self.evalpose(source, target, known, of_this_process(confident, len(target.peaks)))
        with torch.no_grad():
            distance, ok = self.pose_distance(subpixel(source.heatmaps)[0], known, points, confident)
        loss, pairs = cross_domain_loss(source.feature, feature, distance, ok, self.skeleton_losses.gamma)
        return evalpose / limbs, loss / pixels, pairs

    def evalpose(self, source: SourcePass, target: TargetPass, known: Tensor, confident: Tensor) -> Tensor:
        """Eq. 5 on the source's labels plus Eq. 5 on the target's pseudo-labels, never across; both in one pass.

        Args:
            source: B images.
            target: N images.
            known: (B, K) bool, keypoints with a label.
            confident: (N, K) bool, keypoints with a confident pseudo-label.
        """
        sizes = [len(source.heatmaps), len(target.student_view)]
        points = self._coordinates(torch.cat([source.heatmaps, target.student_view]))
        on_source, on_view = torch.split(points, sizes)
        losses = evalpose_losses(
            torch.cat([on_source, warp_points(on_view, target.to_base)]),
            torch.cat([source.points, target.points]),
            self.skeleton.limbs,
            torch.cat([known, confident]),
        )
        on_source, on_target = torch.split(losses, sizes)
        return on_source.mean() + on_target.mean()

    def _coordinates(self, heatmaps: Tensor) -> Tensor:
        """Differentiable (B, K, 2) of heatmaps scaled to peak 1; the scale gets no gradient."""
        peak = heatmaps.detach().amax((2, 3), keepdim=True).clamp(min=_LEAST_PEAK)
        return soft_argmax(heatmaps / peak, self.skeleton_losses.temperature)

    def pose_distance(self, source: Tensor, known: Tensor, target: Tensor, confident: Tensor) -> tuple[Tensor, Tensor]:
        """Distance of Eq. 7 between each source and each target pose, and where it can be told (`pair_distance`).

        Args:
            source: (S, K, 2), any unit.
            known: (S, K), true where the keypoint is labelled.
            target: (N, K, 2), any unit.
            confident: (N, K), true where the keypoint is used.
        """
        sizes = [len(source), len(target)]
        angles = torch.split(triplet_angles(torch.cat([source, target]), self.skeleton.triplets), sizes)
        valid = torch.split(self._triplets_of(torch.cat([known, confident])), sizes)
        return pair_distance(angles[0], valid[0], angles[1], valid[1], self.skeleton.num_keypoints)

    def confident(self, peaks: Tensor, among: Tensor | None = None) -> Tensor:
        """(B, K) target joints whose pseudo-label is used.

        Args:
            peaks: (B, K), the teacher's.
            among: what the quantile is taken over, see `quantile_mask`; None = these.
        """
        options = self.skeleton_losses
        if options.confidence is not None:
            return peaks >= options.confidence
        return quantile_mask(peaks, options.confidence_ratio, among=among)

    def _triplets_of(self, valid: Tensor) -> Tensor:
        """(B, K) keypoints -> (B, T) triplets whose three keypoints are all valid."""
        members = index_tensor([i for triplet in self.skeleton.triplets for i in triplet], valid.device)
        return valid[:, members].view(len(valid), -1, 3).all(-1)

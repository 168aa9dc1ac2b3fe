"""UDAPE (Kim et al., ECCV 2022): the mean teacher that ACTUPose builds on."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from actupose.codecs import argmax, gaussians, to_image
from actupose.data.batch import LabeledBatch
from actupose.geometry import compose, invert, to_heatmap_grid, warp, warp_points
from actupose.losses import consistency_loss, quantile_mask, rising
from actupose.methods.base import PoseMethod, SourcePass, TrainBatch
from actupose.methods.config import GatingConfig, TeacherConfig
from actupose.methods.gating import GradientGate
from actupose.methods.processes import gather_over_processes
from actupose.models import MeanTeacher, PoseNet, StyleConfig, StyleDraw
from actupose.models.pose_net import STRIDE
from actupose.views import adaptive_occlusion, mask_blocks, sample_affine


class TargetPass(NamedTuple):
    """Teacher and student on the target batch, both in the base frame (the crop before the affine views).

    Attributes:
        student: (B, K, H, W) student heatmaps warped back to the base frame.
        student_view: (B, K, H, W) student heatmaps in the student's view.
        to_base: (B, 3, 3) heatmap pixels of the student's view -> base; on the CPU.
        pseudo: (B, K, H, W) rectified teacher heatmaps.
        points: (B, K, 2) teacher keypoints, heatmap pixels.
        peaks: (B, K) their heights.
        rising: (all processes' B K,) those of every process in rising order, which quantiles are taken over.
        feature: (B, C) pooled teacher feature.
    """

    student: Tensor
    student_view: Tensor
    to_base: Tensor
    pseudo: Tensor
    points: Tensor
    peaks: Tensor
    rising: Tensor
    feature: Tensor


class _TargetView(NamedTuple):
    """One of the affine views of the base frame.

    Attributes:
        images: (B, 3, S, S).
        affine: (B, 3, 3) image pixels of the base frame -> view; on the CPU.
        to_base: (B, 3, 3) heatmap pixels of the view -> base; on the CPU.
        style: what was drawn for its style transfer; None where it stays as it is.
    """

    images: Tensor
    affine: Tensor
    to_base: Tensor
    style: StyleDraw | None


class _PseudoLabel(NamedTuple):
    points: Tensor
    peaks: Tensor
    feature: Tensor


def _mean(views: list[Tensor]) -> Tensor:
    """Mean of what several views gave; of one, what it gave."""
    return views[0] if len(views) == 1 else torch.stack(views).mean(0)


class UDAPE(PoseMethod):
    """Bidirectional style transfer, two affine views, rectified and masked pseudo-labels, adaptive occlusion.

    Before ``schedule.adapt_from`` the source (restyled) is trained on alone; from then on the mean teacher, which
    starts as a copy of the student.

    Args:
        teacher: the mean teacher and its pseudo-labels.
        gating: gate on the consistency loss's gradient, off by default.
        **shared: arguments of `PoseMethod`.
    """

    needs_target: ClassVar[bool] = True
    default_style: ClassVar[StyleConfig] = StyleConfig()
    adapted: Tensor

    def __init__(
        self,
        teacher: TeacherConfig | None = None,
        gating: GatingConfig | None = None,
        **shared: Any,  # noqa: ANN401 - resolved by jsonargparse to PoseMethod's arguments
    ) -> None:
        super().__init__(**shared)
        self.teacher_config = teacher or TeacherConfig()
        self.teacher_affine = self.affine.milder(self.teacher_config.view_strength)
        self.teacher = MeanTeacher(self.student, self.teacher_config.bn)
        gating = gating or GatingConfig()
        self.gate = GradientGate(gating, self.student) if gating.enabled else None
        self.register_buffer("adapted", torch.zeros((), dtype=torch.bool))

    @property
    def adapting(self) -> bool:
        """Whether this epoch has a mean teacher."""
        return self.current_epoch >= self.schedule.adapt_from

    def nets(self) -> dict[str, PoseNet]:
        """The student, and once adaptation has begun the teacher; the headline last."""
        if not bool(self.adapted):
            return {"student": self.student}
        if self.teacher_config.headline == "student":
            return {"teacher": self.teacher.net, "student": self.student}
        return {"student": self.student, "teacher": self.teacher.net}

    # -- the step

    def losses(self, batch: TrainBatch) -> dict[str, Tensor]:
        """Supervised and consistency terms, and what a method adds."""
        source = self.source_pass(batch)
        terms = self.supervised_terms(source)
        if self.adapting:
            target = self.target_pass(batch)
            loss = consistency_loss(target.student, target.pseudo, self.pseudo_mask(target))
            if self.gate is not None:
                loss = self.gate(self.student, terms["supervised"], loss, target.student_view, target.peaks)
            terms["consistency"] = loss
            terms |= self.extra_terms(source, target)
        return terms

    def pseudo_mask(self, target: TargetPass) -> Tensor:
        """Which pseudo-labels take part.

        Returns:
            (B, K) bool.
        """
        config = self.teacher_config
        if config.mask_by == "probability" and self.calibration is not None:
            return target.peaks >= self.calibration.least_peak(config.mask_probability)
        if config.mask_per == "batch":
            return quantile_mask(target.peaks, config.mask_ratio, among=target.rising)
        among = rising(gather_over_processes(target.peaks), per_keypoint=True)
        return quantile_mask(target.peaks, config.mask_ratio, per_keypoint=True, among=among)

    def extra_terms(self, source: SourcePass, target: TargetPass) -> dict[str, Tensor]:  # noqa: ARG002 - for methods on this base
        """Terms that a method adds to UDAPE's."""
        return {}

    def target_pass(self, batch: TrainBatch) -> TargetPass:
        """Teacher and student on affine views of the same target crop (METHOD.md section 4)."""
        *teacher, student = self._target_views(self.images(batch["target"]))
        label = self._pseudo_label(teacher, batch["source"])
        heatmaps = self.student(self._hidden(student, label)).heatmaps.float()
        side = heatmaps.shape[-1]
        return TargetPass(
            warp(heatmaps, student.to_base),
            heatmaps,
            student.to_base,
            gaussians(label.points, (side, side), self.sigma(side)),
            label.points,
            label.peaks,
            rising(gather_over_processes(label.peaks)),
            label.feature,
        )

    def _target_views(self, images: Tensor) -> list[_TargetView]:
        """The teacher's views and at last the student's: drawn one after the other, made in one pass."""
        n, size, count = len(images), images.shape[-1], self.teacher_config.views + 1
        crop, of_student = self.sample_view(n, size)
        affines, colors, styles = [], [], []
        for _ in range(self.teacher_config.views):
            affines.append(sample_affine(n, size, self.teacher_affine, self._generator))
            colors.append(self.sample_colors(n))
            styles.append(self.sample_style(n))
        affine = torch.cat([*affines, of_student])
        color = torch.cat([*colors, self.sample_colors(n)])
        views = self.view(images.repeat(count, 1, 1, 1), compose(affine, crop.repeat(count, 1, 1)), color)
        to_base = to_heatmap_grid(invert(affine), STRIDE)
        parts = (part.chunk(count) for part in (views, affine, to_base))
        return [_TargetView(*view) for view in zip(*parts, [*styles, None], strict=True)]

    def _hidden(self, view: _TargetView, label: _PseudoLabel) -> Tensor:
        """What the student sees of its view: a confident joint occluded, and blocks painted over."""
        config = self.teacher_config
        images = adaptive_occlusion(
            view.images,
            warp_points(to_image(label.points, STRIDE), view.affine),
            label.peaks,
            config.occlusion_prob,
            config.occlusion_threshold,
            config.occlusion_patch,
            self._generator,
        )
        if config.block_ratio:
            images = mask_blocks(images, self.student.mean, config.block_ratio, config.block_size, self._generator)
        return images

    @torch.no_grad()
    def _pseudo_label(self, views: list[_TargetView], sources: LabeledBatch) -> _PseudoLabel:
        """Teacher heatmaps of k views, in the style of source images, warped back to the base frame and averaged."""
        heatmaps, features = [], []
        for view in views:
            output = self.teacher(self.transfer(view.images, sources, view.style))
            heatmaps.append(warp(output.heatmaps.float(), view.to_base))
            features.append(output.feature.float())
        points, peaks = argmax(_mean(heatmaps))
        return _PseudoLabel(points, peaks, _mean(features))

    # -- the teacher's life

    def on_train_epoch_start(self) -> None:
        """The teacher starts from the warm-up's weights."""
        if self.current_epoch == self.schedule.adapt_from:
            self.teacher.reset(self.student)
            self.adapted.fill_(True)

    def on_train_batch_start(self, batch: TrainBatch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Set the gate's strength, a function of epoch and step alone: nothing to be kept in a checkpoint."""
        if self.gate is not None and self.adapting:
            begin, steps = self.schedule.adapt_from, int(self.trainer.num_training_batches)
            whole = max((self.trainer.max_epochs or 1) - begin, 1)
            parts = self.trainer.accumulate_grad_batches
            done = (batch_idx - batch_idx % parts) / steps
            self.gate.set_progress((self.current_epoch - begin + done) / whole, parts)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """The teacher follows the student after the optimiser's step."""
        if self.adapting and self.steps_after(batch_idx):
            self.teacher.update(self.student, self.schedule.ema_decay)

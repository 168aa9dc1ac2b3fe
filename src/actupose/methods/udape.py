"""UDAPE (Kim et al., ECCV 2022): the mean teacher that ACTUPose builds on."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from actupose.codecs import argmax, gaussians, to_image
from actupose.data.batch import LabeledBatch
from actupose.errors import UserError
from actupose.geometry import compose, invert, resample, sampling, send, send_together, to_heatmap_grid, warp_points
from actupose.losses import consistency_loss, quantile_mask, rising
from actupose.methods.base import PoseMethod, SourcePass, TrainBatch
from actupose.methods.compiled import device_part
from actupose.methods.config import GatingConfig, TeacherConfig
from actupose.methods.gating import GradientGate
from actupose.methods.processes import gather_over_processes
from actupose.models import MeanTeacher, PoseNet, StyleConfig, StyleDraw
from actupose.models.pose_net import STRIDE
from actupose.views import adaptive_occlusion, mask_blocks, sample_affine, sample_occlusion


class TargetPass(NamedTuple):
    """Teacher and student on the target batch; the base frame is the crop before the affine views.

    Attributes:
        student_view: (B, K, H, W) student heatmaps in the student's view.
        to_base: (B, 3, 3) heatmap pixels of the student's view -> base.
        back: (B, 3, 2) the same for heatmaps, see `sampling`.
        points: (B, K, 2) teacher keypoints, heatmap pixels of the base frame.
        peaks: (B, K) their heights.
        rising: (all processes' B K,) those of every process in rising order, which quantiles are taken over.
        feature: (B, C) pooled teacher feature.
    """

    student_view: Tensor
    to_base: Tensor
    back: Tensor
    points: Tensor
    peaks: Tensor
    rising: Tensor
    feature: Tensor


class _TargetView(NamedTuple):
    """One of the affine views of the base frame.

    Attributes:
        images: (B, 3, S, S).
        affine: (B, 3, 3) image pixels of the base frame -> view.
        to_base: (B, 3, 3) heatmap pixels of the view -> base.
        back: (B, 3, 2) the same for heatmaps, see `sampling`.
        style: what was drawn for its style transfer; None where it stays as it is.
    """

    images: Tensor
    affine: Tensor
    to_base: Tensor
    back: Tensor
    style: StyleDraw | None


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

    Raises:
        UserError: the gate and a compiled training.
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
        if gating.enabled and self.compilation != "none":
            # A compiled graph may overwrite what it kept for its gradient: a second gradient is refused, or wrong.
            raise UserError("the gate takes two gradients of one loss; set model.init_args.compilation: none.")
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
            loss = self.consistency(target, self.pseudo_mask(target))
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
        *teacher, student = self._target_views(batch["target"].image)
        points, peaks, feature = self._pseudo_label(teacher, batch["source"])
        heatmaps = self.student(self._hidden(student, points, peaks)).heatmaps
        order = rising(gather_over_processes(peaks))
        return TargetPass(heatmaps.float(), student.to_base, student.back, points, peaks, order, feature)

    def _target_views(self, pixels: Tensor) -> list[_TargetView]:
        """The teacher's views and at last the student's: drawn one after the other, made in one pass."""
        n, size, count = len(pixels), pixels.shape[-1], self.teacher_config.views + 1
        crop, of_student = self.sample_view(n, size)
        affines, colors, styles = [], [], []
        for _ in range(self.teacher_config.views):
            affines.append(sample_affine(n, size, self.teacher_affine, self._generator))
            colors.append(self.sample_colors(n))
            styles.append(self.sample_style(n))
        affine = torch.cat([*affines, of_student])
        to_base = to_heatmap_grid(invert(affine), STRIDE)
        side = size // STRIDE
        steps = sampling(compose(affine, crop.repeat(count, 1, 1)), (size, size))
        drawn = [steps, torch.cat([*colors, self.sample_colors(n)]), affine, to_base, sampling(to_base, (side, side))]
        steps, color, *places = send_together(drawn, pixels.device)
        views = self.look(pixels.repeat(count, 1, 1, 1), steps, color)
        parts = (part.chunk(count) for part in (views, *places))
        return [_TargetView(*view) for view in zip(*parts, [*styles, None], strict=True)]

    def _hidden(self, view: _TargetView, points: Tensor, peaks: Tensor) -> Tensor:
        """What the student sees of its view: a confident joint occluded, and blocks painted over."""
        config, size = self.teacher_config, view.images.shape[-1]
        count, keypoints = peaks.shape
        chance, patch = config.occlusion_prob, config.occlusion_patch
        drawn = sample_occlusion(count, keypoints, size, chance, patch, self._generator)
        images = self._occluded(view.images, view.affine, points, peaks, send(drawn, peaks.device))
        if config.block_ratio:
            images = mask_blocks(images, self.student.mean, config.block_ratio, config.block_size, self._generator)
        return images

    @device_part
    def _occluded(self, images: Tensor, affine: Tensor, points: Tensor, peaks: Tensor, drawn: Tensor) -> Tensor:
        """Images of a view with a confident joint covered, see `adaptive_occlusion`."""
        config, in_view = self.teacher_config, warp_points(to_image(points, STRIDE), affine)
        return adaptive_occlusion(images, in_view, peaks, drawn, config.occlusion_threshold, config.occlusion_patch)

    @torch.no_grad()
    def _pseudo_label(self, views: list[_TargetView], sources: LabeledBatch) -> tuple[Tensor, Tensor, Tensor]:
        """The teacher on k views, in the style of source images, see `_located`."""
        outputs = [self.teacher(self.transfer(view.images, sources, view.style)) for view in views]
        return self._located(
            [output.heatmaps for output in outputs], [output.feature for output in outputs], [v.back for v in views]
        )

    @device_part
    def _located(
        self, heatmaps: list[Tensor], features: list[Tensor], back: list[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Keypoints and peaks of the views' mean heatmap in the base frame, and their mean feature."""
        warped = [resample(heat.float(), steps) for heat, steps in zip(heatmaps, back, strict=True)]
        return *argmax(_mean(warped)), _mean([feature.float() for feature in features])

    @device_part
    def consistency(self, target: TargetPass, mask: Tensor) -> Tensor:
        """The student against the rectified pseudo-labels in the base frame, where ``mask`` (B, K) is true."""
        return consistency_loss(*self.in_base(target), mask)

    def in_base(self, target: TargetPass) -> tuple[Tensor, Tensor]:
        """The student's heatmaps warped back to the base frame, and the rectified pseudo-labels; (B, K, H, W) each."""
        side = target.student_view.shape[-1]
        student = resample(target.student_view, target.back)
        return student, gaussians(target.points, (side, side), self.sigma(side))

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

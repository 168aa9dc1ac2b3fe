"""What every method shares: views, the weighted sum of named losses, feedback to the curriculum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple, TypedDict

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from actupose.codecs import encode, to_heat
from actupose.curriculum import mean_peak
from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.errors import UserError
from actupose.geometry import compose, resample, sampling, send_together, warp_points
from actupose.losses import heatmap_mse
from actupose.methods.compiled import Compilation, compile_training, device_part
from actupose.methods.config import LossWeights, ScheduleConfig
from actupose.methods.evaluation import EvaluatedMethod
from actupose.metrics import Calibration, CalibrationKind, SampleConfidence
from actupose.models import NetConfig, PoseNet, PoseOutput, StyleConfig, StyleDraw, build_style
from actupose.models.pose_net import STRIDE
from actupose.skeletons import Skeleton, load_skeleton
from actupose.views import AffineConfig, color_jitter, sample_affine, sample_crop, sample_jitter
from actupose.views.draws import BatchShare, StepGenerator


class TrainBatch(TypedDict, total=False):
    """A step's batch; ``target`` is absent for methods without one, ``labelled_target`` where no target has labels."""

    source: LabeledBatch
    target: UnlabeledBatch
    labelled_target: LabeledBatch


class View(NamedTuple):
    """Labelled images as the student sees them.

    Attributes:
        images: (B, 3, S, S) float32.
        points: (B, K, 2) labels in heatmap pixels.
        visible: (B, K) uint8.
    """

    images: Tensor
    points: Tensor
    visible: Tensor


class SourcePass(NamedTuple):
    """The student on the source batch.

    Attributes:
        heatmaps: (B, K, H, W) student heatmaps.
        feature: (B, C) pooled student feature.
        points: (B, K, 2) labels in heatmap pixels of the view.
        weight: (B, K) 1 where the label is visible and inside.
        label: (B, K, H, W) label heatmaps.
        map: (B, width, H, W) the head's map, see `PoseOutput`.
        raw: (B, K, H, W) what the last layer gives, see `PoseOutput`.
        confidence: (B,) mean height of the student's peaks.
        labelled_target: the same of the few labelled target images, which went through the student in the same batch;
            None without them.
    """

    heatmaps: Tensor
    feature: Tensor
    points: Tensor
    weight: Tensor
    label: Tensor
    map: Tensor
    raw: Tensor
    confidence: Tensor
    labelled_target: SourcePass | None = None


class PoseMethod(EvaluatedMethod):
    """Base of all methods: a method states its losses, everything else stands here.

    Args:
        skeleton: name or YAML of the skeleton, or its plain data.
        net: which network.
        schedule: learning rate and phases.
        weights: weight of each loss term.
        affine: strength of the geometric augmentation.
        jitter: strength of the colour jitter.
        style: style transfer from the target to the source images; None = the method's own (`default_style`).
        compilation: by `torch.compile`: ``none``; ``parts`` of the step around the networks (views, labels, losses),
            which are many small operations; ``default``, the networks too; or ``reduce-overhead``, which records the
            networks as CUDA graphs too. The first steps then take half a minute, with the networks a minute or more.
        calibration: how peaks become probabilities: ``isotonic``, or ``platt`` for few validation images.
        seed: of the augmentation; every optimiser step has its own stream, so resuming needs no saved state.

    Attributes:
        parts: batches that an optimiser step accumulates.
    """

    needs_target: ClassVar[bool] = False
    default_style: ClassVar[StyleConfig] = StyleConfig(kind="none")

    def __init__(
        self,
        skeleton: str | dict[str, Any] = "body16",
        net: NetConfig | None = None,
        schedule: ScheduleConfig | None = None,
        weights: LossWeights | None = None,
        affine: AffineConfig | None = None,
        jitter: float = 0.25,
        style: StyleConfig | None = None,
        compilation: Compilation = "none",
        calibration: CalibrationKind = "isotonic",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.skeleton = Skeleton.from_dict(skeleton) if isinstance(skeleton, dict) else load_skeleton(skeleton)
        self.net_config, self.schedule = net or NetConfig(), schedule or ScheduleConfig()
        self.weights, self.affine = weights or LossWeights(), affine or AffineConfig()
        self.jitter, self.seed, self.calibration_kind = jitter, seed, calibration
        self.compilation = compilation
        self.student = PoseNet(self.net_config, self.skeleton.num_keypoints)
        self.style = build_style(style or self.default_style)
        self.confidence: SampleConfidence | None = None
        self.parts = 1
        self._generator = StepGenerator()
        self._kept: dict[str, list[Tensor]] = {}

    # -- what a method states

    def losses(self, batch: TrainBatch) -> dict[str, Tensor]:
        """Named loss terms of a step; the base class weighs, sums and logs them.

        Args:
            batch: the domains' batches, on the device.
        """
        return self.supervised_terms(self.source_pass(batch))

    @property
    def uses_target(self) -> bool:
        """Whether target images take part in the training; else its validators alone look at them."""
        return self.needs_target or self.style is not None

    @property
    def warmup_epochs(self) -> int:
        """Epochs of the source alone before the adaptation to the target; 0 for a method that does not adapt."""
        return self.schedule.adapt_from if self.needs_target else 0

    # -- the source side, shared

    def sample_view(self, n: int, size: int) -> tuple[Tensor, Tensor]:
        """Matrices of a crop (image -> base) and of an affine view (base -> view), (n, 3, 3) each.

        They stay on the CPU, where so small a product is quickest, and go to the device with the pixels they move.
        """
        crop = sample_crop(n, size, self.affine.crop_area, self._generator)
        return crop, sample_affine(n, size, self.affine, self._generator)

    def sample_colors(self, n: int) -> Tensor:
        """Factors of a colour jitter, (n, 3); on the CPU."""
        return sample_jitter(n, self.jitter, self._generator)

    def view(self, pixels: Tensor, matrix: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) uint8 seen through ``matrix`` (one warp) with colour jitter, in [0, 1]."""
        steps = sampling(matrix, (pixels.shape[-2], pixels.shape[-1]))
        return self.look(pixels, *send_together([steps, self.sample_colors(len(pixels))], pixels.device))

    @device_part
    def look(self, pixels: Tensor, steps: Tensor, colors: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) uint8 along the steps of `sampling`, under the factors of `sample_colors`."""
        return color_jitter(resample(pixels / 255, steps), colors)

    def source_pass(self, batch: TrainBatch) -> SourcePass:
        """Augment the source batch, run the student on it, and keep its peaks for the curriculum.

        Labelled target images go through the student in the same batch, after the source's: so BatchNorm learns and
        evaluates with one kind of statistics, and the source's random draws are those of a training without them.
        """
        view = self.labelled_view(batch["source"])
        view = view._replace(images=self.restyle(view.images, batch))
        few = batch.get("labelled_target") if self.weights.labelled_target else None
        if few is None:
            source = self._pass_of(self.student(view.images), view)
        else:
            target = self.labelled_view(few)
            output: PoseOutput = self.student(torch.cat([view.images, target.images]))
            count = len(view.images)
            first, rest = (PoseOutput(*(t[part] for t in output)) for part in (slice(count), slice(count, None)))
            source = self._pass_of(first, view)._replace(labelled_target=self._pass_of(rest, target))
        if self.confidence is not None:
            self.confidence.update(batch["source"].row, source.confidence)
        return source

    def labelled_view(self, batch: LabeledBatch) -> View:
        """A labelled batch under random crops, affine views and colours."""
        n, size = len(batch.image), batch.image.shape[-1]
        crop, affine = self.sample_view(n, size)
        matrix = compose(affine, crop)
        drawn = [sampling(matrix, (size, size)), self.sample_colors(n), matrix]
        return View(
            *self._look_labelled(batch.image, batch.keypoints, *send_together(drawn, batch.image.device)), batch.visible
        )

    @device_part
    def _look_labelled(
        self, pixels: Tensor, keypoints: Tensor, steps: Tensor, colors: Tensor, matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Images of a view, see `look`, and its labels in heatmap pixels."""
        return self.look(pixels, steps, colors), to_heat(warp_points(keypoints, matrix), STRIDE)

    @device_part
    def _pass_of(self, output: PoseOutput, view: View) -> SourcePass:
        heatmaps = output.heatmaps.float()
        side = heatmaps.shape[-1]
        label, weight = encode(view.points, view.visible, (side, side), self.sigma(side))
        confidence = mean_peak(heatmaps.detach().amax((2, 3)))
        feature = output.feature.float()
        return SourcePass(heatmaps, feature, view.points, weight, label, output.map, output.raw, confidence)

    def target_output(self, batch: TrainBatch) -> PoseOutput:
        """The student on one view of the target batch, as the source is seen."""
        pixels = batch["target"].image
        crop, affine = self.sample_view(len(pixels), pixels.shape[-1])
        output: PoseOutput = self.student(self.view(pixels, compose(affine, crop)))
        return output

    def restyle(self, images: Tensor, batch: TrainBatch) -> Tensor:
        """Source images in the style of the target batch, as drawn."""
        drawn = self.sample_style(len(images))
        return images if drawn is None else self.transfer(images, batch["target"], drawn)

    def sample_style(self, n: int) -> StyleDraw | None:
        """Draw a style transfer of n images (`StyleTransfer`); None where they stay as they are."""
        return None if self.style is None else self.style.draw(n, self._generator)

    def transfer(self, content: Tensor, style: LabeledBatch | UnlabeledBatch, drawn: StyleDraw | None) -> Tensor:
        """Content images in the style of others, as drawn."""
        if self.style is None or drawn is None:
            return content
        restyled: Tensor = self.style(content, self.images(style), drawn)
        return restyled

    def supervised_terms(self, source: SourcePass) -> dict[str, Tensor]:
        """The loss on the source's labels, and on the few of the target where there are any."""
        terms = {"supervised": self.supervised(source)}
        if source.labelled_target is not None:
            terms["labelled_target"] = self.supervised(source.labelled_target)
        return terms

    @device_part
    def supervised(self, source: SourcePass) -> Tensor:
        """Heatmap loss on labels."""
        return heatmap_mse(source.heatmaps, source.label, source.weight)

    # -- Lightning: the step

    def setup(self, stage: str) -> None:
        """Make the feedback metric of a training, and compile what it runs where that is wanted.

        Raises:
            UserError: the data lack a target, or their skeleton is another.
        """
        if stage == "fit":
            compile_training(self, self.compilation)
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        self.check_data(data.skeleton, has_target=data.target is not None or stage != "fit")
        if stage == "fit":
            self.follow_samples(len(data.sets.source))

    def follow_samples(self, num_samples: int) -> None:
        """Collect the confidences of this many source samples from now on, none of them seen yet."""
        self.confidence = SampleConfidence(num_samples).to(self.device)

    def check_data(self, skeleton: Skeleton, *, has_target: bool) -> None:
        """Whether a training on such data can begin.

        Args:
            skeleton: of the data.
            has_target: whether there are target images.

        Raises:
            UserError: the data lack a target, or their skeleton is another.
        """
        if skeleton != self.skeleton:
            raise UserError(
                f"the data's skeleton is '{skeleton.name}', the model's '{self.skeleton.name}'; "
                "set data.skeleton and model.init_args.skeleton to the same."
            )
        if self.needs_target and not has_target:
            raise UserError(f"method {type(self).__name__} needs unlabelled target images; set data.target.")
        if self.style is not None and not has_target:
            raise UserError(
                "a style transfer needs target images; set data.target, or model.init_args.style.kind: none."
            )

    def check_trainer(self, trainer: L.Trainer) -> None:
        """Whether this trainer can train the method.

        Args:
            trainer: about to fit.

        Raises:
            UserError: an option of it is not for this method.
        """

    def training_step(self, batch: TrainBatch, batch_idx: int) -> Tensor:
        """Learn from a batch, with the random stream of its optimiser step."""
        if batch_idx == 0:
            self._kept = {}
        if self.compilation == "reduce-overhead":
            # What the graphs gave in the step before may be overwritten from here on.
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        self._generator.manual_seed((self.seed * 1_000_003 + self.global_step) % 2**63)
        self.parts = self.trainer.accumulate_grad_batches
        self._generator.share = BatchShare(
            self.global_rank, self.trainer.world_size, batch_idx % self.parts, self.parts
        )
        total = self.learn(batch)
        self.keep({"loss": total})
        if self.trainer.is_last_batch:
            for name, values in self._kept.items():
                mean = torch.stack(values).float().mean()
                bar = name == "loss"
                self.log(f"train/{name}", mean, bar, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)
        return total

    def keep(self, values: dict[str, Tensor]) -> None:
        """Take a step's scalars into the epoch's means over all processes, which are logged with its last step.

        Lightning's own running means of six scalars took 2 ms a step on a CPU core.

        Args:
            values: scalars by name.
        """
        for name, value in values.items():
            self._kept.setdefault(name, []).append(value.detach())

    def steps_after(self, batch_idx: int) -> bool:
        """Whether the optimiser steps after this batch of the epoch, the last of those that a step accumulates."""
        return (batch_idx + 1) % self.parts == 0

    def learn(self, batch: TrainBatch) -> Tensor:
        """The step's loss, for Lightning to take the optimiser's step.

        The one point to extend for a method that takes several optimiser steps on a batch, see `StepwiseMethod`.

        Args:
            batch: the domains' batches, on the device.
        """
        return self.weigh(self.losses(batch))

    def weigh(self, terms: dict[str, Tensor]) -> Tensor:
        """Weighted sum of named terms; a term of weight 0 is logged and has no part in the gradient.

        Args:
            terms: scalars by their names in `LossWeights`; logged.

        Raises:
            UserError: all have weight 0.
        """
        weighted = [(value, weight) for name, value in terms.items() if (weight := self.weights.of(name))]
        if not weighted:
            raise UserError(f"all of {', '.join(terms)} have weight 0; set model.init_args.weights.supervised.")
        self.keep(terms)
        (first, weight), *others = weighted
        total = first if weight == 1 else weight * first
        for value, weight in others:
            total = torch.add(total, value, alpha=weight)
        return total

    def on_train_epoch_end(self) -> None:
        """Give the epoch's confidences to the curriculum: re-rank and re-bin (Eq. 4)."""
        if self.confidence is None or self.trainer.datamodule.curriculum is None:  # type: ignore[attr-defined]
            return
        total, count = self.confidence.compute()
        self.trainer.datamodule.curriculum.update(total, count)  # type: ignore[attr-defined]
        self.confidence.reset()

    def trained(self) -> Iterable[nn.Parameter]:
        """What the optimiser trains."""
        return self.student.parameters()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig | list[torch.optim.Optimizer]:
        """Adam, its rate multiplied at the milestones."""
        # One kernel for all parameters. Lightning does not clip gradients under a fused optimiser.
        fused = self.device.type == "cuda" and self.trainer.gradient_clip_val is None
        options: dict[str, Any] = {"fused": True} if fused else {}
        optimizer = torch.optim.Adam(self.trained(), lr=self.schedule.lr, eps=self.schedule.eps, **options)
        steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(self.schedule.milestones), self.schedule.gamma)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": steps, "interval": "epoch"}}

    # -- checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what rebuilds the network without the training's config, and the size of its images."""
        checkpoint["actupose"] = {
            "method": type(self).__name__,
            "skeleton": self.skeleton.to_dict(),
            "net": asdict(self.net_config),
            "headline": next(reversed(self.nets())),
            "size": getattr(getattr(self.trainer, "datamodule", None), "size", None),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the calibration back."""
        held = checkpoint.get("actupose", {}).get("calibration")
        self.calibration = None if held is None else Calibration.from_dict(held)

"""Options shared by the methods; the defaults are UDAPE's and the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from actupose.errors import UserError
from actupose.models.teacher import TeacherBN


@dataclass(frozen=True)
class ScheduleConfig:
    """When things happen, in epochs of the whole training (``trainer.max_epochs``).

    Attributes:
        lr: Adam's learning rate.
        milestones: epochs at which the rate is multiplied by ``gamma``.
        gamma: see ``milestones``.
        eps: Adam's term in the denominator. The losses average over pixels, so the gradient of many weights of a small
            network lies under Adam's default of 1e-8, which then slows them (ours to set; docs/results.md).
        adapt_from: first epoch of the mean teacher; before it the source alone is trained on.
        ema_decay: decay of the teacher a step.
    """

    lr: float = 1e-4
    milestones: tuple[int, ...] = (45, 60)
    gamma: float = 0.1
    eps: float = 1e-8
    adapt_from: int = 40
    ema_decay: float = 0.999


@dataclass(frozen=True)
class SGDConfig:
    """RegDA's optimisers (METHOD.md section 5): SGD with Nesterov momentum, in two phases.

    Warm-up: rate ``lr``, multiplied by the schedule's ``gamma`` at its ``milestones``. Adaptation: rate
    ``lr * (1 + decay * i) ** -power`` in its iteration i.

    Attributes:
        lr: rate of the heads.
        momentum: of every parameter.
        weight_decay: of every parameter.
        warmup_backbone: factor on the backbone's rate in the warm-up.
        adapt_features: factor on the rate of backbone and head's map in the adaptation.
        decay: see above.
        power: see above.
    """

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warmup_backbone: float = 0.1
    adapt_features: float = 0.1
    decay: float = 1e-4
    power: float = 0.75

    def warmup_rate(self, epoch: int, schedule: ScheduleConfig) -> float:
        """Rate of an epoch of the warm-up."""
        passed = sum(epoch >= milestone for milestone in schedule.milestones)
        return float(self.lr * schedule.gamma**passed)

    def adapt_rate(self, iteration: int) -> float:
        """Rate of an iteration of the adaptation, counted from 0 at its beginning."""
        return float(self.lr * (1 + self.decay * iteration) ** -self.power)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the named terms: Eq. 8, with L_UDAPE = supervised + consistency.

    Attributes:
        supervised: heatmap loss on the source.
        consistency: mean-teacher loss on the target.
        evalpose: w_2.
        cross_domain: w_3.
        source_disparity: RegDA's step A, the adversarial head against the main head on the source.
        ground_false: RegDA's step B.
        ground_truth: RegDA's step C.
        image: HKFA's discriminator of pooled features.
        keypoint_set: HKFA's discrepancy of all keypoint features.
        prototype: HKFA's contrast against source prototypes.
        structure: HKFA's limbs between prototypes.
        labelled_target: heatmap loss on the few labelled target pictures of ``data.labelled_target`` (ours).
    """

    supervised: float = 1.0
    consistency: float = 1.0
    evalpose: float = 0.1
    cross_domain: float = 0.01
    source_disparity: float = 4.0
    ground_false: float = 1.0
    ground_truth: float = 1.0
    image: float = 0.01
    keypoint_set: float = 0.1
    prototype: float = 0.1
    structure: float = 0.1
    labelled_target: float = 1.0

    def of(self, term: str) -> float:
        """Weight of a term by its name."""
        return float(getattr(self, term))


@dataclass(frozen=True)
class TeacherConfig:
    """The mean teacher and its pseudo-labels (METHOD.md section 4).

    Attributes:
        bn: the teacher's BatchNorm statistics, see `MeanTeacher`.
        views: k, teacher views averaged into a pseudo-label.
        view_strength: of the teacher's affine views as a share of the student's: 1 = the same, as UDAPE; 0 = it sees
            the crop as it is, and is right more often (ours; docs/results.md).
        mask_ratio: joints under this quantile of the batch's peaks, those of all processes, take no part.
        mask_per: what the quantile is taken over: all peaks of the ``batch``, as UDAPE's authors do, or each
            ``keypoint``'s own, so that wrists get as many pseudo-labels as shoulders (ours).
        mask_by: ``quantile``, or ``probability`` (ours): joints take part whose peak, calibrated on the source images
            held out after the epoch before, is right with at least ``mask_probability``. Without a calibration, in a
            first epoch or with too few images held out, the quantile decides.
        mask_probability: least probability of being within PCK@0.05.
        occlusion_prob: probability that a student view gets an occluding patch.
        occlusion_threshold: least peak of a joint to be covered.
        occlusion_patch: side of the patch in pixels of a 256 px image.
        block_ratio: probability that a block of the student's view is masked (DAML: 0.5); 0 = off.
        block_size: side of the blocks in pixels of a 256 px image.
        headline: the network whose scores count and that `predict` takes: the ``teacher``, as UDAPE, or the ``student``
            (ours: it is ahead of a teacher that is right on a fifth of the joints; docs/results.md).
    """

    bn: TeacherBN = "own"
    views: int = 1
    view_strength: float = 1.0
    mask_ratio: float = 0.5
    mask_per: Literal["batch", "keypoint"] = "batch"
    mask_by: Literal["quantile", "probability"] = "quantile"
    mask_probability: float = 0.5
    occlusion_prob: float = 0.5
    occlusion_threshold: float = 0.9
    occlusion_patch: float = 20.0
    block_ratio: float = 0.0
    block_size: float = 32.0
    headline: Literal["teacher", "student"] = "teacher"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a value is out of its range.
        """
        if not 0 <= self.mask_probability <= 1:
            raise UserError(f"teacher.mask_probability is {self.mask_probability}; use 0 to 1.")
        if self.mask_by == "probability" and self.headline == "student":
            raise UserError(
                "teacher.mask_by probability needs teacher.headline teacher: only the headline's peaks are calibrated."
            )
        if not 0 <= self.view_strength <= 1:
            raise UserError(f"teacher.view_strength is {self.view_strength}; use 0 to 1.")


@dataclass(frozen=True)
class GatingConfig:
    """The gate on the consistency loss's gradient, see `GradientGate` (HamiPose; METHOD.md section 5).

    Attributes:
        enabled: off by default.
        gamma: steepness of the gate once the ramp is over.
        ramp: share of the adaptation over which gamma rises from 0.
        metric_decay: decay of the average of squared source gradients that the comparison is measured by; None = plain
            cosines.
    """

    enabled: bool = False
    gamma: float = 2.0
    ramp: float = 0.1
    metric_decay: float | None = 0.99

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a value is out of range.
        """
        if self.gamma < 0 or not 0 <= self.ramp <= 1:
            raise UserError(f"gating: gamma ({self.gamma}) must not be negative, ramp ({self.ramp}) from 0 to 1.")
        if self.metric_decay is not None and not 0 <= self.metric_decay < 1:
            raise UserError(f"gating.metric_decay is {self.metric_decay}; it must be from 0 to below 1, or null.")


@dataclass(frozen=True)
class SkeletonLossConfig:
    """Options of EvalPose (Eq. 5) and the cross-domain loss (Eq. 6 and 7).

    Attributes:
        temperature: factor in the soft-argmax on heatmaps scaled to peak 1. Unscaled, the flat maps of a young network
            put every joint at the map's centre, where limbs have no length and the gradient of Eq. 5 explodes.
        confidence_ratio: target joints under this quantile of the batch's teacher peaks are not used.
        confidence: least teacher peak of a target joint, in place of the quantile where given. How high peaks get
            depends on the length of the training, so the quantile is the default (ours).
        gamma: largest mean angular difference of a pair, radians (Eq. 7). Rendered against real people, 0.12 kept about
            50 of the 1,024 pairs of a batch (docs/results.md).
        per_pixel: put both losses on the scale of the heatmap losses, which average over K joints and H x W pixels:
            EvalPose is divided by K H W, the mean over pairs by H W. Taken as written, the gradient of EvalPose was
            10^4 times the supervised one's even at weight 0.1, and nothing else would be learnt (ours; False = as
            written).
    """

    temperature: float = 20.0
    confidence_ratio: float = 0.5
    confidence: float | None = None
    gamma: float = 0.12
    per_pixel: bool = True


@dataclass(frozen=True)
class AlignmentConfig:
    """Options of HKFA's levels; their weights, 0 for off, are in `LossWeights`.

    Attributes:
        temperature: of the contrast against prototypes (METHOD.md section 5).
        decay: of the source prototypes' moving average, a step (ours).
        discriminator_width: hidden units of the image level's discriminator (ours).
        per_pixel: put the levels on the scale of the heatmap loss, which averages over H x W pixels: their gradient
            into the network is divided by H W (ours, as in `SkeletonLossConfig`; False = as written).
    """

    temperature: float = 0.1
    decay: float = 0.99
    discriminator_width: int = 256
    per_pixel: bool = True

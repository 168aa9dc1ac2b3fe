"""Evaluation of a method: each of its networks scored on labelled images, the headline's peaks calibrated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from actupose.codecs import subpixel, to_heat, to_image
from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.metrics import (
    PCK,
    Calibration,
    CalibrationKind,
    EvalPoseScore,
    KeptPredictions,
    PeakHits,
    PerBinPCK,
    calibration_error,
    fit_calibration,
)
from actupose.models import PoseNet
from actupose.models.pose_net import SIGMA_AT_64, STRIDE
from actupose.skeletons import Skeleton


class EvaluatedMethod(L.LightningModule):
    """The validation and test loops that all methods share.

    Attributes:
        skeleton: of the model; set by the method, as the next two.
        student: the network that the optimiser trains.
        calibration_kind: how peaks become probabilities: ``isotonic``, or ``platt`` for few validation images.
        calibration: fitted on the source validation; None before.
    """

    skeleton: Skeleton
    student: PoseNet
    calibration_kind: CalibrationKind

    def __init__(self) -> None:
        super().__init__()
        self.calibration: Calibration | None = None
        self._metrics = nn.ModuleDict()

    def nets(self) -> dict[str, PoseNet]:
        """Networks that are evaluated, the headline last."""
        return {"student": self.student}

    def images(self, batch: LabeledBatch | UnlabeledBatch) -> Tensor:
        """(B, 3, S, S) float32 in [0, 1]."""
        return batch.image / 255

    @staticmethod
    def sigma(side: int) -> float:
        """Standard deviation of label Gaussians on heatmaps of this side: 2 at 64."""
        return SIGMA_AT_64 * side / 64

    def on_validation_epoch_start(self) -> None:
        """Fresh metrics."""
        self._fresh_metrics()

    def on_test_epoch_start(self) -> None:
        """Fresh metrics, with the test poses' complexity bins where the data can tell them."""
        data = getattr(self.trainer, "datamodule", None)
        self._fresh_metrics(None if data is None else data.test_bins())
        headline: Any = self._metrics[next(reversed(self.nets()))]
        headline["kept"] = KeptPredictions().to(self.device)

    def _fresh_metrics(self, bins: tuple[Tensor, int] | None = None) -> None:
        self._metrics = nn.ModuleDict({name: self._new_metrics(bins) for name in self.nets()}).to(self.device)

    def _new_metrics(self, bins: tuple[Tensor, int] | None) -> nn.ModuleDict:
        metrics: dict[str, nn.Module] = {
            "pck": PCK(self.skeleton, "pooled"),
            "pck_regda": PCK(self.skeleton, "regda"),
            "evalpose": EvalPoseScore(self.skeleton),
            "hits": PeakHits(),
        }
        if bins is not None:
            metrics["per_bin"] = PerBinPCK(self.skeleton, *bins)
        return nn.ModuleDict(metrics)

    def validation_step(self, batch: LabeledBatch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Score a source batch."""
        self._evaluate(batch)

    def test_step(self, batch: LabeledBatch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Score a labelled target batch."""
        self._evaluate(batch)

    def _evaluate(self, batch: LabeledBatch) -> None:
        images, size = self.images(batch), batch.image.shape[-1]
        for name, net in self.nets().items():
            heatmaps = net(images).heatmaps.float()
            side = heatmaps.shape[-1]
            located, peaks = subpixel(heatmaps)
            points = to_image(located, STRIDE)
            metrics: Any = self._metrics[name]
            metrics["pck"].update(points, batch.keypoints, batch.visible, size)
            metrics["pck_regda"].update_heatmaps(
                heatmaps, to_heat(batch.keypoints, STRIDE), batch.visible, self.sigma(side)
            )
            metrics["evalpose"].update(points, batch.keypoints, batch.visible)
            metrics["hits"].update(peaks, points, batch.keypoints, batch.visible, size)
            if "per_bin" in metrics:
                metrics["per_bin"].update(batch.row, points, batch.keypoints, batch.visible, size)
            if "kept" in metrics:
                metrics["kept"].update(batch.row, points, peaks)

    def scores_of(self, batches: Iterable[LabeledBatch]) -> dict[str, float]:
        """`scores` of labelled batches outside Lightning's loops, without bins; the mode is the caller's.

        Args:
            batches: on the device of the method.
        """
        kept = self._metrics
        self._fresh_metrics()
        for batch in batches:
            self._evaluate(batch)
        scores = self.scores()
        self._metrics = kept
        return scores

    def test_predictions(self) -> tuple[Tensor, Tensor]:
        """Keypoints (N, K, 2) and peaks (N, K) that the headline network gave in the test just run, on the CPU."""
        headline: Any = self._metrics[next(reversed(self.nets()))]
        points, peaks = headline["kept"].compute()
        return points.cpu(), peaks.cpu()

    def on_validation_epoch_end(self) -> None:
        """Fit the headline's calibration, and log the source validation scores."""
        hits: Any = self._metrics[next(reversed(self.nets()))]
        peaks, right = hits["hits"].compute()
        self.calibration = fit_calibration(peaks.numpy(), right.numpy(), self.calibration_kind)
        self.log_dict({f"source_val/{k}": v for k, v in self.scores().items()}, sync_dist=False)

    def on_test_epoch_end(self) -> None:
        """Log the target test scores."""
        self.log_dict({f"target_test/{k}": v for k, v in self.scores().items()}, sync_dist=False)

    def scores(self) -> dict[str, float]:
        """``net/metric/group`` -> percent, of the evaluation just run.

        ``ece`` is the calibration error of the peaks as they are, ``ece_calibrated`` the headline's after calibration.
        """
        out: dict[str, float] = {}
        headline = next(reversed(self.nets()))
        for name in self.nets():
            metrics: Any = self._metrics[name]
            for key in ("pck", "pck_regda"):
                out |= {f"{name}/{key}/{group}": float(v) for group, v in metrics[key].compute().items()}
            out[f"{name}/evalpose"] = float(metrics["evalpose"].compute())
            peaks, right = metrics["hits"].compute()
            out[f"{name}/ece"] = calibration_error(peaks, right)
            if name == headline and self.calibration is not None:
                calibrated = torch.from_numpy(self.calibration(peaks.numpy()))
                out[f"{name}/ece_calibrated"] = calibration_error(calibrated, right)
            if "per_bin" in metrics:
                bins = metrics["per_bin"].compute().reshape(-1)  # torchmetrics makes a scalar of a single bin
                out |= {f"{name}/bin/{i:02d}": float(v) for i, v in enumerate(bins)}
        return out

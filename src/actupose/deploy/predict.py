"""Keypoints of pictures: crop, network, decode, back to the pixels of the original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actupose.codecs import subpixel, to_image
from actupose.data.build import StoreRow
from actupose.data.crop import ItemError, crop_record
from actupose.data.dataset import decode_image
from actupose.data.records import PoseRecord
from actupose.deploy.checkpoint import LoadedModel
from actupose.errors import UserError
from actupose.models.pose_net import STRIDE
from actupose.progress import progress_bar

DeviceName = Literal["auto", "cpu", "cuda"]
_BAD_SHARE = 0.05
_COARSEST = 32  # stride of the backbone's last map


@dataclass(frozen=True)
class Prediction:
    """One person.

    Attributes:
        index: place of the picture among those asked for, from 0.
        record: the picture and the box it was predicted in.
        keypoints: (K, 2) float64 pixel indices of the upright original (the centre of its first pixel is 0).
        confidence: (K,) float64 heatmap peaks, about 0 to 1.
    """

    index: int
    record: PoseRecord
    keypoints: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def score(self) -> float:
        """Mean confidence."""
        return float(self.confidence.mean())


@dataclass
class PredictionSet:
    """All predictions of a call, and one line for each picture that was skipped."""

    predictions: list[Prediction] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def predict(
    model: LoadedModel,
    records: Sequence[PoseRecord],
    *,
    batch_size: int = 32,
    size: int | None = None,
    device: DeviceName = "auto",
) -> PredictionSet:
    """Predict pictures in batches.

    A picture is cropped as the training's stores are: around its person box, 1.5 times as large, or whole where it has
    none; square, padded with black, upright by its EXIF orientation.

    Args:
        model: from `load_checkpoint`; moved to the device.
        records: what to predict.
        batch_size: pictures at once.
        size: side of the network's images; None = the one it was trained on.
        device: ``auto`` = a GPU where there is one.

    Raises:
        UserError: a setting out of range, no GPU, a diverged network, or more than 5 % of the pictures cannot be used.
    """
    side = _side(model, size)
    if batch_size < 1:
        raise UserError(f"batch_size {batch_size}: must be 1 or more.")
    where = pick_device(device)
    model.net.to(where).eval()
    out = PredictionSet()
    with progress_bar(total=len(records), label="predict") as bar:
        for start in range(0, len(records), batch_size):
            chunk = records[start : start + batch_size]
            rows = list(_crops(chunk, start, side, out.problems))
            _stop_if_too_many_bad(out.problems, len(records))
            if rows:
                images = torch.stack([decode_image(row.image, side, row.name) for _, row in rows])
                points, peaks = _forward(model, images.to(where))
                out.predictions += [
                    Prediction(index, records[index], _to_original(p, row.crop), c)
                    for (index, row), p, c in zip(rows, points, peaks, strict=True)
                ]
            bar.update(len(chunk))
    return out


def coco_results(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """The predictions in COCO's results format, with the file's name beside its place among the inputs.

    ``image_id`` counts the pictures asked for from 1, skipped ones too.
    Keypoints are x, y and confidence in turn, in pixel indices of the upright original, to a hundredth of a pixel.
    """
    results = []
    for prediction in predictions:
        triples = zip(prediction.keypoints.tolist(), prediction.confidence.tolist(), strict=True)
        flat = [value for (x, y), s in triples for value in (round(x, 2), round(y, 2), round(s, 4))]
        results.append(
            {
                "image_id": prediction.index + 1,
                "file_name": prediction.record.name,
                "category_id": 1,
                "keypoints": flat,
                "score": round(prediction.score, 4),
            }
        )
    return results


def _side(model: LoadedModel, size: int | None) -> int:
    side = size or model.size
    if side is None:
        raise UserError("the checkpoint does not say its image size; give --size as data.size of its training.")
    if side < _COARSEST or side % _COARSEST:
        raise UserError(f"size {side}: must be a multiple of {_COARSEST}.")
    return side


def pick_device(name: DeviceName) -> torch.device:
    """The device of a name; ``auto`` = a GPU where there is one.

    Raises:
        UserError: ``cuda`` where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda: there is no GPU that torch can use; leave out --device.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def _crops(records: Sequence[PoseRecord], start: int, side: int, problems: list[str]) -> Iterator[tuple[int, StoreRow]]:
    """The crops that can be made, each with its place among all records."""
    for index, record in enumerate(records, start):
        try:
            yield index, crop_record(record, side)
        except ItemError as problem:
            problems.append(str(problem))


def _stop_if_too_many_bad(problems: Sequence[str], total: int) -> None:
    if len(problems) > _BAD_SHARE * total:
        raise UserError(
            f"{len(problems)} of {total} pictures cannot be used, more than 5 %; first: {problems[0]}; "
            "mend or remove them and run again."
        )


@torch.inference_mode()
def _forward(model: LoadedModel, images: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, 3, S, S) uint8 -> points (B, K, 2) in pixels of the crops, and peaks (B, K)."""
    points, peaks = subpixel(model.net(images.float().div_(255)).heatmaps.float())
    if not bool(torch.isfinite(peaks).all()):
        raise UserError(f"{model.name}: gives values that are not finite; its training has diverged, use another.")
    return to_image(points, STRIDE).cpu().double().numpy(), peaks.cpu().double().numpy()


def _to_original(points: NDArray[np.float64], crop: NDArray[np.float32]) -> NDArray[np.float64]:
    """Points (K, 2) of a crop through the inverse of its affine (2, 3), original -> crop."""
    matrix = crop.astype(np.float64)
    return np.asarray(np.linalg.solve(matrix[:, :2], (points - matrix[:, 2]).T).T, np.float64)

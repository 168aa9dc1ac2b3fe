"""Keypoints of pictures: crop, network, decode, back to the original; one `Predictor` for the API and the verb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actupose.codecs import subpixel, to_image
from actupose.data.crop import ItemError, cut, decode_image
from actupose.data.frames import FrameReader
from actupose.data.records import PoseRecord
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.keypoints import Keypoints
from actupose.deploy.pictures import Pictures, as_records, with_corners
from actupose.errors import UserError
from actupose.geometry import about, invert, scaling, to_heatmap_grid, warp
from actupose.models.pose_net import STRIDE

DeviceName = Literal["auto", "cpu", "cuda"]
ConfidenceKind = Literal["calibrated", "raw"]
_COARSEST = 32  # stride of the backbone's last map
_WIDEST = 1.2  # scale of the outermost of several crops


@dataclass(frozen=True)
class Prediction:
    """One person.

    Attributes:
        index: place of the picture among those asked for, from 0.
        record: the picture and the box it was predicted in.
        keypoints: (K, 2) float64 pixel indices of the upright original (the centre of its first pixel is 0).
        peaks: (K,) float64 heights of the heatmaps, about 0 to 1.
        confidence: (K,) float64 probability of being within PCK@0.05 by the model's calibration; the peaks where there
            is none or they are asked for.
    """

    index: int
    record: PoseRecord
    keypoints: NDArray[np.float64]
    peaks: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def score(self) -> float:
        """Mean confidence."""
        return float(self.confidence.mean())


@dataclass
class PredictionSet:
    """The predictions of a batch, and why the others of it cannot be used.

    Attributes:
        predictions: in the order of the records.
        problems: index of a record -> a line.
    """

    predictions: list[Prediction] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictConfig:
    """How pictures are predicted.

    Attributes:
        batch_size: people at once.
        size: side of the network's images; None = the one it was trained on.
        device: ``auto`` = a GPU where there is one.
        flip: also look at the mirrored crop and average the heatmaps (the field's flip test); a skeleton without flip
            pairs cannot be mirrored.
        crops: how many crops of each person, an odd number: beside the first, whose side is 1, squares around the same
            centre of sides from 1/1.2 to 1.2, evenly spread in their logarithm. The heatmaps are averaged in the frame
            of the first; where a smaller crop sees nothing, over the others.
        confidence: ``calibrated`` by the model where it can be, or the ``raw`` peaks.
    """

    batch_size: int = 32
    size: int | None = None
    device: DeviceName = "auto"
    flip: bool = False
    crops: int = 1
    confidence: ConfidenceKind = "calibrated"


class Predictor:
    """A network and how it is used; what the Python API calls and the verb `predict` runs.

    A picture is decoded once and cropped as the training's stores are: around each person box, 1.5 times as large, or
    whole where it has none; square, padded with black, upright by its EXIF orientation.

    Args:
        model: from `load_checkpoint` or `load_folder`; moved to the device.
        config: batch size, device and averaging.

    Raises:
        UserError: a setting out of range, a mirror where the skeleton has no flip pairs, or no GPU where one is asked
            for.
    """

    def __init__(self, model: LoadedModel, config: PredictConfig | None = None) -> None:
        self.model, self.config = model, config or PredictConfig()
        if self.config.batch_size < 1:
            raise UserError(f"batch_size {self.config.batch_size}: must be 1 or more.")
        if self.config.crops < 1 or self.config.crops % 2 == 0:
            raise UserError(f"crops {self.config.crops}: must be an odd number, 1 or more.")
        if self.config.flip and not model.skeleton.flip_pairs:
            raise UserError(
                f"flip: skeleton {model.skeleton.name} has no flip pairs, so its mirrored pictures are of something "
                "else; leave the flip test out."
            )
        self.size = network_side(model, self.config.size)
        self.device = pick_device(self.config.device)
        model.net.to(self.device).eval()

    def __call__(self, pictures: Pictures, boxes: Sequence[Sequence[Sequence[float]]] | None = None) -> Keypoints:
        """Keypoints of pictures.

        Args:
            pictures: one or a list; see `as_records`.
            boxes: for each picture the corners x0, y0, x1, y1 of its people, counted from the upper left corner; None
                = one person a picture, who fills it.

        Raises:
            UserError: a picture or a box cannot be used, or the network has diverged.
        """
        wholes = as_records(pictures)
        people = wholes if boxes is None else with_corners(wholes, boxes)
        owner = np.arange(len(wholes)) if boxes is None else np.repeat(np.arange(len(wholes)), [len(b) for b in boxes])
        found = PredictionSet()
        for part in self.batches(people):
            found.predictions += part.predictions
            if part.problems:
                raise UserError(f"{next(iter(part.problems.values()))}; mend it or leave it out.")
        shape = (len(people), self.model.skeleton.num_keypoints)
        xy = np.array([p.keypoints for p in found.predictions], np.float64).reshape(*shape, 2)
        confidence = np.array([p.confidence for p in found.predictions], np.float64).reshape(shape)
        return Keypoints(xy, confidence, self.model.skeleton, owner.astype(np.int64), wholes)

    def batches(
        self, records: Sequence[PoseRecord], start: int = 0, frames: FrameReader | None = None
    ) -> Iterator[PredictionSet]:
        """Predict batch by batch; each batch's people in order, with a line for each that cannot be used.

        Args:
            records: what to predict; people of one picture share its ``image`` and follow one another.
            start: the first to predict; ``index`` counts all.
            frames: decoder for frames of videos, which stays open; None = one of its own.

        Raises:
            UserError: the network gives values that are not finite.
        """
        with FrameReader() if frames is None else nullcontext(frames) as reader:
            for first in range(start, len(records), self.config.batch_size):
                out = PredictionSet()
                chunk = records[first : first + self.config.batch_size]
                cuts = list(self._cuts(chunk, first, out.problems, reader))
                if cuts:
                    points, peaks = self._locate(torch.stack([images for _, images, _ in cuts]).to(self.device))
                    out.predictions = [
                        Prediction(index, records[index], _to_original(p, matrix), c, self._confidence(c))
                        for (index, _, matrix), p, c in zip(cuts, points, peaks, strict=True)
                    ]
                yield out

    def _cuts(
        self, records: Sequence[PoseRecord], first: int, problems: dict[int, str], frames: FrameReader
    ) -> Iterator[tuple[int, Tensor, NDArray[np.float64]]]:
        """Index of a record, its crops (C, 3, S, S) uint8, and the affine (2, 3) of the first; of those that can be."""
        last: PoseRecord | None = None
        for index, record in enumerate(records, first):
            try:
                if last is None or record.image is not last.image:
                    last, picture = None, decode_image(record.image, record.name, frames=frames)
                    last = record
                crops = [cut(record, picture, self.size, zoom=zoom) for zoom in _zooms(self.config.crops)]
            except ItemError as problem:
                problems[index] = str(problem)
                continue
            pixels = np.stack([np.asarray(crop.pixels) for crop in crops])
            yield index, torch.from_numpy(pixels).permute(0, 3, 1, 2), crops[0].matrix

    @torch.inference_mode()
    def _locate(self, images: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Crops (B, C, 3, S, S) uint8 -> points (B, K, 2) in pixels of the first crop, and peaks (B, K)."""
        points, peaks = subpixel(self._heatmaps(images.float().div_(255)))
        if not bool(torch.isfinite(peaks).all()):
            raise UserError(
                f"{self.model.name}: gives values that are not finite; its training has diverged, use another."
            )
        return to_image(points, STRIDE).cpu().double().numpy(), peaks.cpu().double().numpy()

    def _confidence(self, peaks: NDArray[np.float64]) -> NDArray[np.float64]:
        calibration = self.model.calibration
        return peaks if calibration is None or self.config.confidence == "raw" else calibration(peaks)

    def _heatmaps(self, crops: Tensor) -> Tensor:
        """Heatmaps of crops (B, C, 3, S, S) in [0, 1] in the frame of the first, averaged over crops and mirror."""
        total = self._mirrored_mean(crops[:, 0])
        cover = torch.ones_like(total[:1, :1])
        middle = torch.full((2,), (crops.shape[-1] - 1) / 2, device=crops.device)
        for images, zoom in zip(crops.unbind(1)[1:], _zooms(self.config.crops)[1:], strict=True):
            matrix = about(middle, scaling(torch.full((len(images),), zoom, device=crops.device)))
            back = to_heatmap_grid(invert(matrix), STRIDE)
            total = total + warp(self._mirrored_mean(images), back)
            cover = cover + warp(torch.ones_like(cover), back[:1])
        return total / cover

    def _mirrored_mean(self, images: Tensor) -> Tensor:
        heatmaps: Tensor = self.model.net(images).heatmaps.float()
        if not self.config.flip:
            return heatmaps
        mirrored: Tensor = self.model.net(images.flip(-1)).heatmaps.float().flip(-1)
        return (heatmaps + mirrored[:, list(self.model.skeleton.flip_index())]) / 2


def network_side(model: LoadedModel, size: int | None) -> int:
    """The side of the network's images: the one asked for, else that of its training.

    Raises:
        UserError: neither is known, or it is no multiple of the coarsest stride.
    """
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


def _zooms(crops: int) -> list[float]:
    """1, and the other scales, evenly spread in their logarithm."""
    half = crops // 2
    return [1.0] + [_WIDEST ** (k / half) for k in range(-half, half + 1) if k]


def _to_original(points: NDArray[np.float64], crop: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (K, 2) of a crop through the inverse of its affine (2, 3), original -> crop."""
    return np.asarray(np.linalg.solve(crop[:, :2], (points - crop[:, 2]).T).T, np.float64)

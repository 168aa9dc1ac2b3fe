"""The answers of one or two models to the same pictures: drawn, listed, and packed for download."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from actupose.data.crop import decode_image, encode_jpeg
from actupose.data.records import PoseRecord
from actupose.deploy.keypoints import coco_result
from actupose.deploy.predict import Prediction, Predictor
from actupose.skeletons import Skeleton
from actupose.skeletons.draw import draw_pose

_KEPT = 1600  # pixels of the longer side of what is kept to draw on: overlays need no more
_SHOWN, _ENLARGED = 560, 6.0  # of what the page shows, and how much larger than the copy that may be


@dataclass(frozen=True)
class Answer:
    """What one model says about all pictures.

    Attributes:
        title: what the model is called on the page.
        skeleton: what its keypoints are.
        predictions: one a picture; their records hold no pixels any more.
    """

    title: str
    skeleton: Skeleton
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Comparison:
    """Pictures and the answers to them.

    Attributes:
        names: of the pictures.
        pictures: reduced JPEG copies, at most 1600 pixels wide and high.
        scales: pixels of the copy for one of the original.
        answers: one a model, the adapted one last.
    """

    names: tuple[str, ...]
    pictures: tuple[bytes, ...]
    scales: tuple[float, ...]
    answers: tuple[Answer, ...]

    def __len__(self) -> int:
        return len(self.names)

    def drawn(
        self, index: int, answer: Answer, threshold: float, *, side: int = _SHOWN, enlarge: float = _ENLARGED
    ) -> bytes:
        """A picture with one answer drawn on it.

        Args:
            index: place of the picture.
            answer: one of `answers`.
            threshold: least confidence of a joint that is drawn.
            side: longer side of the result, pixels.
            enlarge: how much larger than the copy it may be, for lines that are sharp on small pictures.

        Returns:
            JPEG.
        """
        image = decode_image(self.pictures[index], self.names[index])
        image, scale = _resized(image, side, enlarge)
        found = answer.predictions[index]
        places = (found.keypoints + 0.5) * (self.scales[index] * scale) - 0.5
        pixels = np.asarray(image, np.uint8)
        drawn = draw_pose(pixels, places, answer.skeleton, confidence=found.confidence, threshold=threshold)
        return encode_jpeg(Image.fromarray(drawn))

    def archive(self, threshold: float) -> bytes:
        """A ZIP of each model's COCO results, in pixels of the originals, and overlays.

        Args:
            threshold: least confidence of a joint in the overlays; the results hold all joints.
        """
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for answer in self.answers:
                results = json.dumps([_coco(p) for p in answer.predictions], indent=1)
                packed.writestr(f"{answer.title}/predictions.json", results, zipfile.ZIP_DEFLATED)
                for i, name in enumerate(self.names):
                    overlay = f"{answer.title}/overlay/{_overlay_name(i, name)}"
                    packed.writestr(overlay, self.drawn(i, answer, threshold, side=_KEPT, enlarge=1.0))
        return buffer.getvalue()


def compare(records: Sequence[PoseRecord], models: Sequence[tuple[str, Predictor]]) -> tuple[Comparison, list[str]]:
    """Predict pictures with every model.

    Args:
        records: encoded pictures in memory, e.g. from `read_uploads`.
        models: title and predictor of each, the adapted one last.

    Returns:
        The comparison of all pictures that can be used, and a line for each of the others.

    Raises:
        UserError: a network has diverged.
    """
    usable: list[PoseRecord] = list(records)
    problems: list[str] = []
    found: list[list[Prediction]] = []
    for _, model in models:
        answers: list[Prediction] = []
        for part in model.batches(usable):
            answers += part.predictions
            problems += [f"{problem}." for problem in part.problems.values()]
        usable = [prediction.record for prediction in answers]
        found.append(answers)
    copies = [_copy(record) for record in usable]
    given = tuple(
        Answer(title, model.model.skeleton, tuple(_light(p, i) for i, p in enumerate(answers)))
        for (title, model), answers in zip(models, found, strict=True)
    )
    names = tuple(record.name for record in usable)
    return Comparison(names, tuple(data for data, _ in copies), tuple(scale for _, scale in copies), given), problems


def _coco(found: Prediction) -> dict[str, Any]:
    return coco_result(found.index + 1, found.record.name, found.keypoints, found.confidence, peaks=found.peaks)


def _light(prediction: Prediction, index: int) -> Prediction:
    """The prediction without the picture's bytes."""
    return replace(prediction, index=index, record=replace(prediction.record, image=b""))


def _copy(record: PoseRecord) -> tuple[bytes, float]:
    image, scale = _resized(decode_image(record.image, record.name), _KEPT)
    return encode_jpeg(image), scale


def _resized(image: Image.Image, side: int, most: float = 1.0) -> tuple[Image.Image, float]:
    """The image with a longer side of ``side`` pixels, enlarged by at most ``most``, and its scale."""
    scale = min(side / max(image.size), most)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC), scale


def _overlay_name(index: int, name: str) -> str:
    """A name of its own for every picture, also where two were called alike."""
    return f"{index + 1:02d}_{name}" if name.lower().endswith((".jpg", ".jpeg")) else f"{index + 1:02d}_{name}.jpg"

"""Keypoints as a user of the Python API holds them, and what they can be turned into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actupose.data.crop import decode_image
from actupose.data.records import PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.draw import draw_pose

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True)
class Keypoints:
    """N people.

    Attributes:
        xy: (N, K, 2) float64 pixel indices of the upright pictures (the centre of the first pixel is 0).
        confidence: (N, K) float64, 0 to 1.
        skeleton: what the K keypoints are.
        image_index: (N,) which of the pictures each person is in.
        pictures: the pictures, one record each.
    """

    xy: NDArray[np.float64]
    confidence: NDArray[np.float64]
    skeleton: Skeleton
    image_index: NDArray[np.int64]
    pictures: tuple[PoseRecord, ...]

    def __len__(self) -> int:
        return len(self.xy)

    @property
    def names(self) -> tuple[str, ...]:
        """K keypoint names."""
        return self.skeleton.keypoints

    def to_coco(self) -> list[dict[str, Any]]:
        """COCO's results format, with the picture's name; ``image_id`` counts the pictures from 1."""
        return [
            coco_result(int(i) + 1, self.pictures[i].name, xy, confidence)
            for i, xy, confidence in zip(self.image_index, self.xy, self.confidence, strict=True)
        ]

    def to_supervision(self) -> supervision.KeyPoints:
        """A `supervision.KeyPoints` of the N people, for its annotators.

        Raises:
            UserError: the package is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            raise UserError("to_supervision needs its package; pip install 'actupose[supervision]'.") from error
        people, count = self.confidence.shape
        return supervision.KeyPoints(
            xy=self.xy.astype(np.float32).reshape(people, count, 2),
            keypoint_confidence=self.confidence.astype(np.float32),
            data={"image_index": self.image_index},
        )

    def draw(self, threshold: float = 0.0) -> list[Image.Image]:
        """The upright pictures with everybody drawn, in the order they were given.

        Args:
            threshold: least confidence of a joint that is drawn.
        """
        return [Image.fromarray(self._drawn(i, picture, threshold)) for i, picture in enumerate(self.pictures)]

    def _drawn(self, index: int, picture: PoseRecord, threshold: float) -> NDArray[np.uint8]:
        pixels = np.asarray(decode_image(picture.image, picture.name), np.uint8)
        for person in np.flatnonzero(self.image_index == index):
            sure = self.confidence[person]
            pixels = draw_pose(pixels, self.xy[person], self.skeleton, confidence=sure, threshold=threshold)
        return pixels


def coco_result(
    image_id: int,
    file_name: str,
    xy: NDArray[np.float64],
    confidence: NDArray[np.float64],
    *,
    box: Sequence[float] | None = None,
    peaks: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """One person in COCO's results format, to a hundredth of a pixel.

    Args:
        image_id: number of the picture.
        file_name: its name.
        xy: (K, 2) pixel indices of the upright original.
        confidence: (K,).
        box: x0, y0, x1, y1 counted from the upper left corner; becomes ``bbox``, x, y, width and height.
        peaks: (K,) heights of the heatmaps.
    """
    triples = zip(xy.tolist(), confidence.tolist(), strict=True)
    result = {
        "image_id": image_id,
        "file_name": file_name,
        "category_id": 1,
        "keypoints": [value for (x, y), s in triples for value in (round(x, 2), round(y, 2), round(s, 4))],
        "score": round(float(confidence.mean()), 4),
    }
    if box is not None:
        x0, y0, x1, y1 = box
        result["bbox"] = [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)]
    return result if peaks is None else {**result, "peaks": [round(v, 4) for v in peaks.tolist()]}

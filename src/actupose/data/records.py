"""What a reader of a published format yields: one person in one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.frames import PackedImage, VideoFrame

Box = tuple[float, float, float, float]
Image = Path | bytes | VideoFrame | PackedImage


@dataclass(frozen=True, slots=True)
class PoseRecord:
    """One person, in the pixels of the original image; the skeleton is its reader's.

    Attributes:
        image: path of the image, the encoded image itself, or the name of a frame of a video or of
            an image in a package.
        name: unique name within the dataset; original file name or id.
        box: person box ``(x0, y0, x1, y1)`` in pixel indices (a whole image is -0.5 to side - 0.5); None = box of the
            labelled joints, else the whole image.
        keypoints: (K, 2) float32 in original pixels (the centre of the first pixel is 0), or None without labels.
        visible: (K,) uint8: 0 unlabelled, 1 labelled but hidden, 2 labelled and visible.
        archetype: name of the kind of pose where the source knows it.
        flip: the crop is mirrored, as of the right hands in a set of left hands; ``box`` and ``keypoints`` are those of
            the image as it is, and every keypoint has the name it has after the mirror.
    """

    image: Image
    name: str
    box: Box | None = None
    keypoints: NDArray[np.float32] | None = None
    visible: NDArray[np.uint8] | None = None
    archetype: str = field(default="")
    flip: bool = False

    @property
    def labelled(self) -> bool:
        """Whether at least one joint carries a label."""
        return self.visible is not None and bool((self.visible > 0).any())

"""From one person in one image to one square crop: decode, box, one resampling, keypoints by the same affine."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from actupose.data.build import StoreRow
from actupose.data.frames import FrameReader, PackedImage, VideoFrame
from actupose.data.records import Box, PoseRecord

JPEG_QUALITY = 95
EXPAND = 1.5  # side of the crop over the longer side of the person box, as the published systems crop
_LEAST_SIDE = 4.0  # pixels of the original; a smaller person carries no pose
_SIXTEEN_BIT = 257.0
_REDUCE_FROM = 4.0


class ItemError(Exception):
    """One item cannot be used; the message is the line of the report that says why."""


def crop_record(
    record: PoseRecord,
    size: int,
    expand: float = EXPAND,
    *,
    num_keypoints: int | None = None,
    frames: FrameReader | None = None,
) -> StoreRow:
    """Cut a person out of an image as a square of ``size`` pixels.

    The square is centred on the box and ``expand`` times its longer side; what lies outside the image is black.
    The box is the record's (clipped to the image), else that of the labelled joints, else the whole image, which
    is not expanded. Pixels are resampled once, with Pillow's bilinear filter, whose support grows with the
    reduction: exact bilinear when enlarging, antialiased when reducing; a reduction of more than 4 averages whole
    blocks of pixels before. Joints outside the image or the crop
    become unlabelled, and the coordinates of unlabelled joints become 0. A record with ``flip`` is mirrored last, and
    the row's affine says so.

    An image without keypoints is turned upright first (EXIF). One with keypoints is not: published annotations
    count pixels as stored.

    Args:
        record: the person.
        size: side of the crop, pixels.
        expand: growth of the box (METHOD.md section 6: 1.5).
        num_keypoints: K of the row of a record without keypoints.
        frames: decoder to use for frames of videos; None = one for this frame alone.

    Returns:
        The row of a store.

    Raises:
        ItemError: the image cannot be read, a labelled joint is not a finite number, no joint is labelled, or
            the box is empty or outside the image.
        ValueError: the keypoints' shapes do not fit.
    """
    image = decode_image(record.image, record.name, upright=record.keypoints is None, frames=frames)
    crop = cut(record, image, size, expand, num_keypoints=num_keypoints)
    return StoreRow(
        image=encode_jpeg(crop.pixels),
        name=record.name,
        keypoints=crop.keypoints,
        visible=crop.visible,
        crop=crop.matrix.astype(np.float32),
        archetype=record.archetype,
    )


@dataclass(frozen=True)
class Crop:
    """A person cut out of an image.

    Attributes:
        pixels: square RGB image.
        matrix: (2, 3) float64, original pixel -> crop pixel.
        keypoints: (K, 2) float32 in the crop.
        visible: (K,) uint8.
    """

    pixels: Image.Image
    matrix: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    visible: NDArray[np.uint8]


def cut(
    record: PoseRecord,
    image: Image.Image,
    size: int,
    expand: float = EXPAND,
    *,
    zoom: float = 1.0,
    num_keypoints: int | None = None,
) -> Crop:
    """Cut a person out of an image that is decoded already; rules, arguments and errors as `crop_record`.

    Args:
        record: the person.
        image: RGB, as `decode_image` gives it: upright for a record without keypoints.
        size: side of the crop, pixels.
        expand: growth of the box.
        zoom: over 1 cuts a smaller square around the same centre, below 1 a larger one; of whole images too.
        num_keypoints: K of a record without keypoints.
    """
    keypoints, visible = _labels(record, num_keypoints)
    if record.keypoints is not None:
        visible = _within(keypoints, visible, *image.size)
        if not visible.any():
            raise ItemError(f"{record.name}: 0 labelled joints inside the image")
    box, expand = _person_box(record, keypoints, visible, image.size, expand)
    matrix = crop_matrix(box, size, expand / zoom)
    pixels = _resample(image, matrix, size)
    if record.flip:
        pixels, matrix = ImageOps.mirror(pixels), _mirrored(matrix, size)
    moved = keypoints.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    visible = _within(moved, visible, size, size)
    if record.keypoints is not None and not visible.any():
        raise ItemError(f"{record.name}: 0 labelled joints inside the person box")
    moved[visible == 0] = 0
    return Crop(pixels, matrix, moved.astype(np.float32), visible)


def crop_matrix(box: Box, size: int, expand: float) -> NDArray[np.float64]:
    """Affine of the crop of the square around a box, in double precision.

    Args:
        box: x0, y0, x1, y1 in original pixel indices.
        size: side of the crop, pixels.
        expand: side of the square over the longer side of the box.

    Returns:
        (2, 3), original pixel -> crop pixel.
    """
    x0, y0, x1, y1 = box
    scale = size / (max(x1 - x0, y1 - y0) * expand)
    middle = (size - 1) / 2
    return np.array([[scale, 0, middle - scale * (x0 + x1) / 2], [0, scale, middle - scale * (y0 + y1) / 2]])


def _mirrored(matrix: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The affine followed by x -> size - 1 - x."""
    return np.stack([np.array([0, 0, size - 1]) - matrix[0], matrix[1]])


def decode_image(
    source: Path | bytes | VideoFrame | PackedImage,
    name: str,
    *,
    upright: bool = True,
    frames: FrameReader | None = None,
) -> Image.Image:
    """Decode an image of any mode to RGB; transparent pixels become black, 16 bits become 8.

    Args:
        source: path, the encoded image, a frame of a video, or an image of a package.
        name: what the image is called in messages.
        upright: turn it as its EXIF orientation, or the video, says.
        frames: decoder to use for frames of videos; None = one for this frame alone.

    Raises:
        ItemError: it is missing, no image, cut short, or larger than Pillow's limit on pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if isinstance(source, VideoFrame):
                return _decode_frame(source, frames, upright=upright)
            if isinstance(source, PackedImage):
                return source.read()
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
                opened.load()
                return _to_rgb(ImageOps.exif_transpose(opened) if upright else opened)
    except FileNotFoundError as error:
        raise ItemError(f"{name}: no such image ({source!s})") from error
    except UnidentifiedImageError as error:
        raise ItemError(f"{name}: is no image that can be read") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(f"{name}: has more than {Image.MAX_IMAGE_PIXELS} pixels; reduce it first") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:  # what Pillow raises on broken files
        raise ItemError(
            f"{name}: cannot be decoded ({str(error).splitlines()[0] if str(error) else 'broken'})"
        ) from error


def _decode_frame(source: VideoFrame, frames: FrameReader | None, *, upright: bool) -> Image.Image:
    if frames is not None:
        return frames.read(source, upright=upright)
    with FrameReader() as own:
        return own.read(source, upright=upright)


def encode_jpeg(image: Image.Image) -> bytes:
    """JPEG of quality 95, as the store holds it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # I;16, I, F
        values = np.asarray(image, np.float64)
        top = values.max(initial=0.0)
        scale = (
            255.0 if image.mode == "F" and top <= 1 else 1 / _SIXTEEN_BIT if top > 255 or ";16" in image.mode else 1.0
        )
        image = Image.fromarray(np.clip(np.rint(np.nan_to_num(values) * scale), 0, 255).astype(np.uint8))
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image.convert("RGB")


def _labels(record: PoseRecord, num_keypoints: int | None) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Keypoints and visibility of a record, zeros for one without."""
    if record.keypoints is None or record.visible is None:
        count = num_keypoints or 0
        return np.zeros((count, 2), np.float32), np.zeros(count, np.uint8)
    keypoints, visible = np.asarray(record.keypoints, np.float32), np.asarray(record.visible, np.uint8)
    count = len(visible) if num_keypoints is None else num_keypoints
    if keypoints.shape != (count, 2) or visible.shape != (count,):
        raise ValueError(
            f"{record.name}: keypoints {keypoints.shape} and visible {visible.shape} for {count} keypoints"
        )
    if not np.isfinite(keypoints[visible > 0]).all():
        raise ItemError(f"{record.name}: a labelled keypoint is NaN or infinite")
    return np.where((visible > 0)[:, None], keypoints, 0).astype(np.float32), visible


def _within(points: NDArray[np.floating], visible: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """``visible`` with 0 for the points outside the pixels [-0.5, side - 0.5]."""
    x, y = points[:, 0], points[:, 1]
    inside = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    return np.where(inside, visible, 0).astype(np.uint8)


def _person_box(
    record: PoseRecord, keypoints: NDArray[np.float32], visible: NDArray[np.uint8], size: tuple[int, int], expand: float
) -> tuple[Box, float]:
    """The box to cut and its growth."""
    width, height = size
    if record.box is not None:
        if not all(math.isfinite(v) for v in record.box):
            raise ItemError(f"{record.name}: the person box {record.box} is not finite")
        x0, y0, x1, y1 = record.box
        box = (max(x0, -0.5), max(y0, -0.5), min(x1, width - 0.5), min(y1, height - 0.5))
        if box[2] <= box[0] or box[3] <= box[1]:
            raise ItemError(f"{record.name}: the person box {record.box} is empty or outside the image")
    elif record.keypoints is not None:
        low, high = keypoints[visible > 0].min(0), keypoints[visible > 0].max(0)
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    else:
        box, expand = (-0.5, -0.5, width - 0.5, height - 0.5), 1.0
    if max(box[2] - box[0], box[3] - box[1]) < _LEAST_SIDE:
        raise ItemError(f"{record.name}: the person is smaller than {_LEAST_SIDE:g} pixels")
    return box, expand


def _resample(image: Image.Image, matrix: NDArray[np.float64], size: int) -> Image.Image:
    """The crop, cut with a margin for the filter so that black padding is filtered like any pixel.

    A reduction of more than `_REDUCE_FROM` first averages whole blocks of pixels, so that a panorama costs no
    memory for its padding.
    """
    side = size / matrix[0, 0]
    # corner of pixel 0 of the crop, as a corner (not an index) of the original
    left, top = ((-0.5 - matrix[axis, 2]) / matrix[axis, axis] + 0.5 for axis in (0, 1))
    if side / size > _REDUCE_FROM:
        factor = int(side / size / 2)
        image = image.reduce(factor)
        left, top, side = left / factor, top / factor, side / factor
    margin = math.ceil(max(1.0, side / size)) + 1
    x, y = math.floor(left) - margin, math.floor(top) - margin
    far_x, far_y = math.ceil(left + side) + margin, math.ceil(top + side) + margin
    region = image.crop((x, y, far_x, far_y))
    window = (left - x, top - y, left - x + side, top - y + side)
    return region.resize((size, size), Image.Resampling.BILINEAR, box=window)

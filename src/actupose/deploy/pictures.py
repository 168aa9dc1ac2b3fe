"""Pictures of any kind that Python code holds - paths, Pillow, arrays, tensors - as records."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from actupose.data.readers.boxes import from_corners
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError

Picture = str | Path | Image.Image | NDArray[Any] | torch.Tensor
Pictures = Picture | Sequence[Picture]


def as_records(pictures: Pictures) -> tuple[PoseRecord, ...]:
    """One record a picture; files are not opened yet.

    Args:
        pictures: one picture or a list of them: a path, a Pillow image, an array (H, W, 3) or (H, W), or a tensor
            (3, H, W), both uint8 or floating point in 0 to 1; arrays (N, H, W, 3) and tensors (N, 3, H, W) are N.

    Raises:
        UserError: none at all, or something that is no picture; its place is named.
    """
    given = _listed(pictures)
    if not given:
        raise UserError("no picture was given.")
    return tuple(_record(i, picture) for i, picture in enumerate(given))


def with_corners(records: Sequence[PoseRecord], boxes: Sequence[Sequence[Sequence[float]]]) -> tuple[PoseRecord, ...]:
    """One record a person.

    Args:
        records: whole pictures.
        boxes: for each picture the corners x0, y0, x1, y1 of its people, counted from the upper left corner.

    Raises:
        UserError: boxes of another number of pictures, or a box that is none.
    """
    if len(boxes) != len(records):
        raise UserError(f"boxes of {len(boxes)} pictures for {len(records)}; give a list of boxes for each picture.")
    pairs = zip(records, boxes, strict=True)
    return tuple(replace(record, box=_box(record.name, box)) for record, some in pairs for box in some)


def _box(name: str, box: Sequence[float]) -> Box:
    corners = np.asarray(box, np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all() or (corners[2:] <= corners[:2]).any():
        raise UserError(f"{name}: a box must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, got {corners.tolist()}.")
    return from_corners(corners.tolist())


def _listed(pictures: Pictures) -> list[Picture]:
    if isinstance(pictures, np.ndarray | torch.Tensor):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    return [pictures] if isinstance(pictures, str | Path | Image.Image) else list(pictures)


def _record(index: int, picture: Picture) -> PoseRecord:
    if isinstance(picture, str | Path):
        return PoseRecord(Path(picture), str(picture))
    if isinstance(picture, Image.Image):
        image = ImageOps.exif_transpose(picture).convert("RGB")
    else:
        image = Image.fromarray(_pixels(index, picture)).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PPM")  # the cheapest that a record's bytes can be
    return PoseRecord(buffer.getvalue(), f"picture {index}")


def _pixels(index: int, picture: Any) -> NDArray[np.uint8]:  # noqa: ANN401 - whatever a user gives
    """(H, W, 3) or (H, W) uint8."""
    if isinstance(picture, torch.Tensor):
        picture = picture.detach().cpu()
        picture = (picture.float() if picture.is_floating_point() else picture).numpy()
        picture = picture.transpose(1, 2, 0) if picture.ndim == 3 else picture
    pixels: NDArray[Any] = np.asarray(picture)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or 0 in pixels.shape:
        raise UserError(f"picture {index}: an array must be (H, W, 3) and a tensor (3, H, W), got {pixels.shape}.")
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise UserError(f"picture {index}: floating point pixels must lie in 0 to 1; or give uint8.")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise UserError(f"picture {index}: pixels must be uint8 or floating point, got {pixels.dtype}.")
    return np.asarray(pixels, np.uint8)

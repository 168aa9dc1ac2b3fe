"""A pose drawn on an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from actupose.skeletons.skeleton import Skeleton

_SUPERSAMPLE = 3  # smooth edges; less for large pictures, whose strokes are wide, so that the layer stays small:
_MOST_PIXELS = 18e6
_OUTLINE = (15, 15, 20)
_JOINT = (255, 255, 255)


def draw_pose(
    image: NDArray[np.uint8],
    points: ArrayLike,
    skeleton: Skeleton,
    *,
    visible: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    threshold: float = 0.0,
    width: float | None = None,
    color: tuple[int, int, int] | None = None,
) -> NDArray[np.uint8]:
    """Draw a pose: limbs in the skeleton's colours, joints as white dots, hidden joints as rings.

    Args:
        image: (H, W, 3) uint8; not changed.
        points: (K, 2) pixel indices.
        skeleton: what the K points are.
        visible: (K,) 0 = not drawn, 1 = hidden, 2 = visible; None = all visible.
        confidence: (K,); a joint below ``threshold`` is not drawn, nor are its limbs.
        threshold: least confidence.
        width: width of the limbs in pixels; None = 1/85 of the longer side, at least 1.5.
        color: one colour for all limbs instead of the skeleton's, e.g. to set labels off from predictions.

    Returns:
        (H, W, 3) uint8, a new array.

    Raises:
        ValueError: the shapes do not fit.
    """
    picture = np.asarray(image)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"expected an (H, W, 3) uint8 image, got {picture.shape} {picture.dtype}")
    places = np.asarray(points, np.float64)
    state = _states(places, skeleton, visible, confidence, threshold)
    thick = width if width is not None else max(1.5, max(picture.shape[:2]) / 85)
    strokes = _Strokes(picture.shape[0], picture.shape[1], thick)
    limb_colors = skeleton.colors if color is None else (color,) * len(skeleton.limbs)
    for (a, b), limb_color in zip(skeleton.limbs, limb_colors, strict=True):
        if state[a] and state[b]:
            strokes.limb(places[a], places[b], limb_color)
    for place, how in zip(places, state, strict=True):
        if how:
            strokes.joint(place, hidden=how == 1)
    return strokes.over(picture)


def _states(
    points: NDArray[np.float64],
    skeleton: Skeleton,
    visible: ArrayLike | None,
    confidence: ArrayLike | None,
    threshold: float,
) -> NDArray[np.int64]:
    """(K,) 0 = leave out, 1 = hidden, 2 = visible."""
    count = skeleton.num_keypoints
    state = np.full(count, 2) if visible is None else np.asarray(visible).astype(np.int64)
    sure = np.full(count, np.inf) if confidence is None else np.asarray(confidence, np.float64)
    if points.shape != (count, 2) or state.shape != (count,) or sure.shape != (count,):
        raise ValueError(
            f"skeleton {skeleton.name} has {count} keypoints, got points {points.shape}, visible {state.shape}, "
            f"confidence {sure.shape}"
        )
    return np.where((sure >= threshold) & np.isfinite(points).all(1), state, 0)


class _Strokes:
    """A transparent drawing, made larger and reduced for smooth edges."""

    def __init__(self, height: int, width: int, thick: float) -> None:
        self._size = (width, height)
        self._times = max(1, min(_SUPERSAMPLE, int((_MOST_PIXELS / (width * height)) ** 0.5)))
        self._thick = thick * self._times
        self._layer = Image.new("RGBA", (width * self._times, height * self._times), (0, 0, 0, 0))
        self._pen = ImageDraw.Draw(self._layer)

    def _at(self, point: NDArray[np.float64]) -> tuple[float, float]:
        """Pixel index of the image -> pixel index of the drawing, kept near the drawing."""
        x, y = np.clip((point + 0.5) * self._times - 0.5, -1e4, 1e5)
        return float(x), float(y)

    def limb(self, a: NDArray[np.float64], b: NDArray[np.float64], color: tuple[int, int, int]) -> None:
        ends = [self._at(a), self._at(b)]
        self._pen.line(ends, fill=(*_OUTLINE, 150), width=round(self._thick * 1.6))
        self._pen.line(ends, fill=(*color, 255), width=max(1, round(self._thick)))

    def joint(self, point: NDArray[np.float64], *, hidden: bool) -> None:
        x, y = self._at(point)
        radius = self._thick * 0.95
        circle = (x - radius, y - radius, x + radius, y + radius)
        edge = max(1, round(self._thick * 0.35))
        if hidden:
            self._pen.ellipse(circle, fill=(*_OUTLINE, 110), outline=(*_JOINT, 255), width=edge)
        else:
            self._pen.ellipse(circle, fill=(*_JOINT, 255), outline=(*_OUTLINE, 255), width=edge)

    def over(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        layer = self._layer.resize(self._size, Image.Resampling.BOX)
        base = Image.fromarray(picture).convert("RGBA")
        return np.asarray(Image.alpha_composite(base, layer).convert("RGB"), np.uint8).copy()

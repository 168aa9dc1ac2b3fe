"""Are left and right the person's own? What labels alone can tell (ours)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actupose.skeletons import Skeleton
from actupose.skeletons.derive import side_of

_FACE = ("nose", "left_eye", "right_eye")
_LEAST_FACING = 20  # samples; fewer say nothing
_LEAST_SHARE = 0.5
_LEAST_AGREEMENT = 0.6


def sides_text(skeleton: Skeleton, keypoints: NDArray[np.float32], visible: NDArray[np.uint8]) -> str:
    """Order of the left-right pairs in the picture, and a warning where labels look exchanged.

    Three shares: the person's left on the right of the picture, as with people who face the camera; the pairs of one
    sample in one order, which single exchanged labels break; and the first share among samples that face the camera,
    those with a visible nose and both eyes, which exchanged sides of a whole dataset break. Skeletons without a face
    have no third one, and what they say of a whole dataset is no proof.

    Args:
        skeleton: of the labels; without pairs of a left and a right nothing is said.
        keypoints: (N, K, 2).
        visible: (N, K), above 0 where labelled.
    """
    pairs = [_left_first(skeleton, pair) for pair in skeleton.flip_pairs if side_of(skeleton.keypoints[pair[0]])]
    if not pairs or not visible.any():
        return ""
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    both = (visible[:, left] > 0) & (visible[:, right] > 0)
    mirrored = keypoints[:, left, 0] > keypoints[:, right, 0]  # left lies on the right of the picture
    share = _mean(mirrored, both)
    lines = [f"  left and right: the person's left is on the picture's right in {_percent(share)} of the pairs"]
    agreement = _agreement(mirrored, both)
    if agreement is not None:
        lines.append(f"    pairs of a sample in one order: {_percent(agreement)}")
        if agreement < _LEAST_AGREEMENT:
            lines.append("    WARNING: the pairs of a sample contradict each other; left and right may be mixed up")
    facing = _facing(skeleton, visible)
    if facing.sum() >= _LEAST_FACING:
        seen = _mean(mirrored[facing], both[facing])
        lines.append(f"    among {int(facing.sum())} samples with a visible face: {_percent(seen)}")
        if seen < _LEAST_SHARE:
            lines.append("    WARNING: people who face the camera have their left on its left: sides look exchanged")
    return "\n".join(lines)


def _left_first(skeleton: Skeleton, pair: tuple[int, int]) -> tuple[int, int]:
    a, b = pair
    return (a, b) if side_of(skeleton.keypoints[a]) == "left" else (b, a)


def _mean(values: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else float("nan")


def _agreement(mirrored: NDArray[np.bool_], both: NDArray[np.bool_]) -> float | None:
    """Share of pairs that stand as most of their sample's pairs do; from half by chance to 1. None without any."""
    several = both.sum(1) >= 2
    if not several.any():
        return None
    ones, count = (mirrored & both)[several].sum(1), both[several].sum(1)
    return float(np.maximum(ones, count - ones).sum() / count.sum())


def _facing(skeleton: Skeleton, visible: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if not set(_FACE) <= set(skeleton.keypoints):
        return np.zeros(len(visible), bool)
    return np.asarray((visible[:, [skeleton.keypoints.index(n) for n in _FACE]] == 2).all(1))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

"""Adaptive occlusion: hide a joint that the teacher is sure of."""

import torch
from torch import Tensor

from actupose.geometry import constant, send
from actupose.views.draws import uniform


def sample_occlusion(
    n: int, num_keypoints: int, size: int, prob: float, patch: float, generator: torch.Generator | None = None
) -> Tensor:
    """Draw which images are occluded, which of their joints comes first, and where a patch is taken from.

    Args:
        n: Images.
        num_keypoints: K.
        size: Side S of the images in pixels.
        prob: Probability per image.
        patch: Side of the square in pixels of a 256 px image; it scales with S.
        generator: CPU generator; K + 3 numbers are drawn per image, whatever the data. None takes the global one.

    Returns:
        (n, K + 2), on the CPU: columns and rows from the covered square to its source, whole numbers, then the rank of
        each joint, negative in an image that stays as it is.

    Raises:
        ValueError: `prob` lies outside [0, 1], or the patch is under one pixel or over a third of the image.
    """
    if not 0 <= prob <= 1:
        raise ValueError(f"prob must lie in [0, 1], got {prob}")
    side, slots = _places(size, patch)
    unit = uniform((n, num_keypoints + 3), generator)
    ranks = unit[:, 3:].masked_fill(unit[:, :1] >= prob, -1.0)
    steps = (unit[:, 1:3] * torch.tensor([slots - 2 * side + 1, slots])).floor()
    steps[:, 0] += side  # at least one side apart, either way round
    return torch.cat([steps.clamp(max=slots - 1), ranks], 1)


def adaptive_occlusion(
    images: Tensor, points: Tensor, peaks: Tensor, drawn: Tensor, threshold: float = 0.9, patch: float = 20.0
) -> Tensor:
    """Cover one confident joint per chosen image with a patch taken from elsewhere in that image.

    Of an image's joints that lie inside and whose peak reaches `threshold` the one of the highest rank is chosen, and
    the square around it, moved inwards at the border, is overwritten with a square that does not overlap it.
    Source: UDAPE, METHOD.md section 4.

    Args:
        images: (B, C, S, S), the student's view.
        points: (B, K, 2), teacher keypoints in pixels of that view.
        peaks: (B, K), teacher peak heights.
        drawn: (B, K + 2) of `sample_occlusion` with the same patch; on the device of `images` or on the CPU.
        threshold: Least peak of a joint to cover.
        patch: Side of the square in pixels of a 256 px image.

    Returns:
        (B, C, S, S), a new tensor.

    Raises:
        ValueError: A shape does not fit, the images are not square, or the patch is under one pixel or over a third of
            the image.
    """
    _check(images, points, peaks, drawn)
    channels, size = images.shape[1], images.shape[-1]
    side, slots = _places(size, patch)
    drawn = send(drawn, images.device)
    steps, ranks = drawn[:, :2].long(), drawn[:, 2:]
    inside = ((points >= -0.5) & (points < size - 0.5)).all(-1)
    # Not by the index of the largest: the compiler of torch 2.11 gets it wrong on CPUs with AVX-512.
    ranks = ranks.masked_fill(~(inside & (peaks >= threshold)), -1.0)
    rank = ranks.amax(-1)
    center = torch.where((ranks == rank.unsqueeze(-1)).unsqueeze(-1), points, 0).sum(1)
    column, row = (center.round().long() - side // 2).clamp(0, slots - 1).unbind(-1)
    target = torch.add(column, row, alpha=size)
    source = torch.add((column + steps[:, 0]) % slots, steps[:, 1], alpha=size)
    square = constant([y * size + x for y in range(side) for x in range(side)], images.device, torch.long)
    into = target.unsqueeze(-1) + square
    out_of = torch.where(rank >= 0, source, target).unsqueeze(-1) + square
    flat = images.flatten(2)
    into, out_of = (index.unsqueeze(1).expand(-1, channels, -1) for index in (into, out_of))
    return flat.scatter(2, into, flat.gather(2, out_of)).reshape(images.shape)


def _places(size: int, patch: float) -> tuple[int, int]:
    """Side of the patch in an image of this side, and how many places there are for its first column or row."""
    side = round(patch * size / 256)
    slots = size - side + 1
    if side < 1 or slots < 2 * side:
        raise ValueError(f"a patch of {side} px does not fit an image of {size} px (1 px to a third of the side)")
    return side, slots


def _check(images: Tensor, points: Tensor, peaks: Tensor, drawn: Tensor) -> None:
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"expected square images (B, C, S, S), got {tuple(images.shape)}")
    if peaks.ndim != 2 or peaks.shape[0] != images.shape[0] or peaks.shape[1] < 1:
        raise ValueError(f"expected peaks of shape ({images.shape[0]}, K), got {tuple(peaks.shape)}")
    if points.shape != (*peaks.shape, 2):
        raise ValueError(f"expected points of shape {(*peaks.shape, 2)}, got {tuple(points.shape)}")
    if drawn.shape != (len(peaks), peaks.shape[1] + 2):
        raise ValueError(f"expected a draw of shape {(len(peaks), peaks.shape[1] + 2)}, got {tuple(drawn.shape)}")

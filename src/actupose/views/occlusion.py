"""Adaptive occlusion: hide a joint that the teacher is sure of."""

import torch
from torch import Tensor

from actupose.geometry import send
from actupose.views.draws import uniform


def adaptive_occlusion(
    images: Tensor,
    points: Tensor,
    peaks: Tensor,
    prob: float = 0.5,
    threshold: float = 0.9,
    patch: float = 20.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Cover one confident joint per chosen image with a patch taken from elsewhere in that image.

    With probability `prob` an image is chosen; of its joints that lie inside and whose peak reaches `threshold` one is
    drawn, and the square around it, moved inwards at the border, is overwritten with a square that does not overlap it.
    Source: UDAPE, METHOD.md section 4.

    Args:
        images: (B, C, S, S), the student's view.
        points: (B, K, 2), teacher keypoints in pixels of that view.
        peaks: (B, K), teacher peak heights.
        prob: Probability per image.
        threshold: Least peak of a joint to cover.
        patch: Side of the square in pixels of a 256 px image; it scales with S.
        generator: CPU generator; K + 3 numbers are drawn per image, whatever the data. None takes the global one.

    Returns:
        (B, C, S, S), a new tensor.

    Raises:
        ValueError: A shape does not fit, the images are not square, `prob` lies outside [0, 1], or the patch is under
            one pixel or over a third of the image.
    """
    _check(images, points, peaks, prob)
    n, channels, size = images.shape[0], images.shape[1], images.shape[-1]
    side = round(patch * size / 256)
    slots = size - side + 1  # places of the square's first column or row
    if side < 1 or slots < 2 * side:
        raise ValueError(f"a patch of {side} px does not fit an image of {size} px (1 px to a third of the side)")
    unit = send(uniform((n, peaks.shape[1] + 3), generator), images.device)
    x, y = points.unbind(-1)
    edge = size - 0.5
    eligible = (peaks >= threshold) & (x >= -0.5) & (x < edge) & (y >= -0.5) & (y < edge)
    rank, joint = torch.where(eligible, unit[:, 3:], -1.0).max(-1)
    chosen = (rank >= 0) & (unit[:, 0] < prob)
    center = points.gather(1, joint[:, None, None].expand(-1, 1, 2)).squeeze(1)
    center = torch.where(chosen.unsqueeze(-1), center, torch.zeros_like(center))
    target = (center.round().long() - side // 2).clamp(0, slots - 1)
    away = side + (unit[:, 1] * (slots - 2 * side + 1)).long()  # at least one side apart, either way round
    source_x = (target[:, 0] + away) % slots
    source_y = (unit[:, 2] * slots).long().clamp(max=slots - 1)
    into = _square(target[:, 0], target[:, 1], side, size).unsqueeze(1).expand(-1, channels, -1)
    out_of = _square(source_x, source_y, side, size).unsqueeze(1).expand(-1, channels, -1)
    flat = images.flatten(2)
    content = torch.where(chosen[:, None, None], flat.gather(2, out_of), flat.gather(2, into))
    return flat.scatter(2, into, content).reshape(images.shape)


def _check(images: Tensor, points: Tensor, peaks: Tensor, prob: float) -> None:
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"expected square images (B, C, S, S), got {tuple(images.shape)}")
    if peaks.ndim != 2 or peaks.shape[0] != images.shape[0] or peaks.shape[1] < 1:
        raise ValueError(f"expected peaks of shape ({images.shape[0]}, K), got {tuple(peaks.shape)}")
    if points.shape != (*peaks.shape, 2):
        raise ValueError(f"expected points of shape {(*peaks.shape, 2)}, got {tuple(points.shape)}")
    if not 0 <= prob <= 1:
        raise ValueError(f"prob must lie in [0, 1], got {prob}")


def _square(column: Tensor, row: Tensor, side: int, size: int) -> Tensor:
    """Return the flat pixel indices of squares with their first corner at (column, row), (B, side * side)."""
    step = torch.arange(side, device=column.device)
    rows = (row.unsqueeze(-1) + step) * size
    return (rows.unsqueeze(-1) + (column.unsqueeze(-1) + step).unsqueeze(1)).flatten(1)

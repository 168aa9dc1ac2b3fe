"""Triangle rasteriser in torch: exact z-buffer, vectorised, independent of order, on any device.

The pixels in every front-facing triangle's bounding box are candidates; edge functions keep those inside, and the
nearest candidate of each pixel wins by an integer `scatter_reduce` over (depth, triangle). There are no float races, so
the same input gives the same bytes. Ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_NEAR = 0.05
_MIN_AREA = 1e-10
_EMPTY = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Fragments:
    """The visible surface, one entry per covered pixel.

    Attributes:
        pixel: (N,) int64, row * width + column, ascending.
        face: (N,) int64 triangle.
        barycentric: (N, 3) perspective-correct weights of the triangle's corners.
        depth: (N,) depth.
    """

    pixel: torch.Tensor
    face: torch.Tensor
    barycentric: torch.Tensor
    depth: torch.Tensor


def take(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Gather rows; several times faster on the CPU than `table[index]`."""
    return torch.index_select(table, 0, index)


def unit_rows(vectors: torch.Tensor) -> torch.Tensor:
    """Scale vectors (N, 3) to length 1; several times faster on the CPU than `F.normalize`."""
    x, y, z = vectors.unbind(1)
    return vectors * (1 / (x * x + y * y + z * z).clamp_(min=1e-24).sqrt_())[:, None]


@dataclass(frozen=True)
class _Boxes:
    """Triangles that may cover a pixel: their pixel boxes and edge functions."""

    face: torch.Tensor  # (T,)
    count: torch.Tensor  # (T,) pixels of the box
    table: torch.Tensor  # (T, 9): first column, first row, width; slope in x, slope in y, offset of weights 0 and 1
    inverse_depth: torch.Tensor  # (T, 3) 1 / depth of the corners


def _range(values: list[torch.Tensor], side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last pixel of [0, side) whose centre lies between the least and the greatest of three values."""
    low = torch.minimum(torch.minimum(values[0], values[1]), values[2])
    high = torch.maximum(torch.maximum(values[0], values[1]), values[2])
    return (low - 0.5).ceil_().clamp_(min=0), (high - 0.5).floor_().clamp_(max=side - 1)


def _boxes(points: torch.Tensor, faces: torch.Tensor, width: int, height: int, cull: bool) -> _Boxes:
    """Select the triangles that may cover a pixel; column by column, which is fastest on the CPU."""
    columns = points.t().contiguous().unbind(0)
    corners = faces.t().contiguous().unbind(0)
    x, y, z = ([take(column, corner) for corner in corners] for column in columns)
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    far = torch.minimum(torch.minimum(z[0], z[1]), z[2]) > _NEAR
    left, right = _range(x, width)
    upper, lower = _range(y, height)
    facing = (area < -_MIN_AREA) if cull else (area.abs() > _MIN_AREA)
    face = (facing & far & (right >= left) & (lower >= upper)).nonzero().squeeze(1)
    x, y, z = ([take(corner, face) for corner in axis] for axis in (x, y, z))
    left, upper = take(left, face), take(upper, face)
    columns_wide = take(right, face) - left + 1
    count = (columns_wide * (take(lower, face) - upper + 1)).long()
    scale = 1 / take(area, face)
    edges = [
        (y[1] - y[2]) * scale,
        (x[2] - x[1]) * scale,
        (x[1] * y[2] - x[2] * y[1]) * scale,
        (y[2] - y[0]) * scale,
        (x[0] - x[2]) * scale,
        (x[2] * y[0] - x[0] * y[2]) * scale,
    ]
    return _Boxes(face, count, torch.stack([left, upper, columns_wide, *edges], 1), 1 / torch.stack(z, 1))


def rasterize(points: torch.Tensor, faces: torch.Tensor, width: int, height: int, cull: bool = True) -> Fragments:
    """Rasterise triangles.

    Args:
        points: (V, 3) x and y in continuous pixels (pixel i spans [i, i + 1]), z = depth > 0.
        faces: (F, 3) int64; a front face has negative signed area when x goes right and y down.
        width: Pixels per row.
        height: Rows.
        cull: Drop back faces. Triangles that reach nearer than 5 cm are always dropped.

    Returns:
        The nearest surface of every covered pixel centre; ties go to the lower triangle.
    """
    boxes = _boxes(points, faces, width, height, cull)
    device = points.device
    owner = torch.repeat_interleave(torch.arange(len(boxes.count), device=device), boxes.count)
    first = boxes.count.cumsum(0) - boxes.count
    offset = (torch.arange(len(owner), device=device) - take(first, owner)).float()
    left, upper, wide, *edges = take(boxes.table, owner).unbind(1)
    row = ((offset + 0.5) / wide).floor_()  # exact: the half keeps rounding away from whole rows
    column, row = left + offset - row * wide, upper + row
    x, y = column + 0.5, row + 0.5
    weight0 = edges[0] * x + edges[1] * y + edges[2]
    weight1 = edges[3] * x + edges[4] * y + edges[5]
    weight2 = 1 - weight0 - weight1
    inside = (torch.minimum(torch.minimum(weight0, weight1), weight2) >= 0).nonzero().squeeze(1)
    owner = take(owner, inside)
    weights = torch.stack([take(weight, inside) for weight in (weight0, weight1, weight2)], 1)
    weights = weights * take(boxes.inverse_depth, owner)
    x, y, z = weights.unbind(1)
    pixel = (take(row, inside) * width + take(column, inside)).long()
    return _nearest(pixel, 1 / (x + y + z), weights, take(boxes.face, owner), width * height)


def _nearest(
    pixel: torch.Tensor, depth: torch.Tensor, weights: torch.Tensor, face: torch.Tensor, num_pixels: int
) -> Fragments:
    """Keep the nearest candidate of each pixel."""
    order = torch.arange(len(pixel), device=pixel.device)
    key = (depth.view(torch.int32).long() << 32) | order
    buffer = torch.full((num_pixels,), _EMPTY, dtype=torch.int64, device=pixel.device)
    buffer.scatter_reduce_(0, pixel, key, "amin")
    covered = (buffer < _EMPTY).nonzero().squeeze(1)
    winner = take(buffer, covered) & 0xFFFFFFFF
    barycentric = take(weights, winner) * take(depth, winner)[:, None]
    return Fragments(covered, take(face, winner), barycentric, take(depth, winner))

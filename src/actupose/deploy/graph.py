"""The whole way of a picture as one module: pixels in, keypoints out; what `actupose export` writes.

Pictures of any size are padded to a square with black, reduced or enlarged with Pillow's antialiased bilinear filter -
two matrix products, because the filter is separable - then seen by the network and decoded to pixels of the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actupose.codecs import subpixel, to_image
from actupose.models import PoseNet
from actupose.models.pose_net import STRIDE


class PoseGraph(nn.Module):
    """Pictures of uint8 to keypoints.

    Args:
        net: the network, in evaluation mode.
        size: S, side of the images that it sees.
    """

    def __init__(self, net: PoseNet, size: int) -> None:
        super().__init__()
        self.net, self.size = net, size

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints of whole pictures or crops of people.

        Args:
            images: (N, H, W, 3) uint8 RGB, of any height and width.

        Returns:
            keypoints (N, K, 2), pixel indices of the pictures, and confidence (N, K), the heatmaps' peaks.
        """
        height, width = (torch.full((), n, dtype=torch.float32, device=images.device) for n in images.shape[1:3])
        side = torch.maximum(height, width)
        pixels = images.permute(0, 3, 1, 2).to(torch.float32) / 255
        rows = _filter(images.shape[1], side, self.size, images.device)
        columns = _filter(images.shape[2], side, self.size, images.device)
        square = torch.matmul(torch.matmul(rows, pixels), columns.transpose(0, 1))
        points, peaks = subpixel(self.net(square).heatmaps.float())
        corners = (to_image(points, STRIDE) + 0.5) * (side / self.size)
        return corners + torch.stack([width - side, height - side]) / 2 - 0.5, peaks


def _filter(count: int, side: Tensor, size: int, device: torch.device) -> Tensor:
    """(size, count) weights that take ``count`` pixels in the middle of a black square to its ``size`` pixels.

    A pixel of the result is a triangle of its neighbours, as wide as the reduction. What lies outside the ``count``
    pixels is black but weighs as much, hence the sum in closed form.
    """
    scale = side / size
    support = scale.clamp(min=1.0)
    offset = (side - count) / 2
    middle = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) * scale - offset - 0.5
    pixel = torch.arange(count, dtype=torch.float32, device=device)
    weight = (1 - (pixel - middle.unsqueeze(1)).abs() / support).clamp(min=0)
    fraction = middle - middle.floor()
    total = _one_side(fraction, support) + _one_side(1 - fraction, support)
    return weight / total.unsqueeze(1)


def _one_side(first: Tensor, support: Tensor) -> Tensor:
    """Sum of 1 - d / support over d = first, first + 1, ... while it is positive."""
    terms = (support - first).floor() + 1
    return terms - (terms * first + terms * (terms - 1) / 2) / support

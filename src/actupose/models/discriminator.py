"""The discriminator of domain-adversarial training."""

from __future__ import annotations

from torch import Tensor, nn


class DomainDiscriminator(nn.Module):
    """Which domain a pooled feature comes from: two linear layers with a ReLU between; ours.

    Args:
        channels: C of the feature.
        width: hidden units.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, width), nn.ReLU(inplace=True), nn.Linear(width, 1))

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C) -> (B,) logits, positive for the source."""
        logits: Tensor = self.layers(feature)
        return logits.squeeze(-1)

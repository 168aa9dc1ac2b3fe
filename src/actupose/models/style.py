"""Style transfer between batches: what any method can use to narrow the gap of appearance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StyleConfig:
    """How source and target styles are mixed.

    Attributes:
        kind: ``fourier`` (amplitude swap) or ``none``.
        prob: probability that an image is restyled (UDAPE: 0.5, a batch).
        beta: half side of the swapped low frequencies as a share of the image side.
    """

    kind: Literal["fourier", "none"] = "fourier"
    prob: float = 0.5
    beta: float = 0.02


class FourierStyle(nn.Module):
    """Amplitude swap of the low frequencies (FDA, Yang & Soatto 2020), batched, with a strength per sample.

    Args:
        beta: half side of the swapped square as a share of the image side; at least the mean colour is swapped.
    """

    def __init__(self, beta: float = 0.02) -> None:
        super().__init__()
        self.beta = beta

    @torch.no_grad()
    def forward(self, content: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Content images with the low-frequency amplitudes of the style images.

        Args:
            content: (B, 3, S, S) in [0, 1].
            style: (B, 3, S, S) in [0, 1].
            alpha: (B,) strength, 0 = content as it is.

        Returns:
            (B, 3, S, S), clamped to [0, 1].
        """
        size = content.shape[-1]
        reach = max(0, round(self.beta * size))
        spectrum, other = torch.fft.rfft2(content.float()), torch.fft.rfft2(style.float())
        device = content.device
        low = torch.cat([torch.arange(reach + 1, device=device), torch.arange(size - reach, size, device=device)])
        block = spectrum[:, :, low, : reach + 1]
        amplitude, wanted = block.abs(), other[:, :, low, : reach + 1].abs()
        mixed = torch.lerp(amplitude, wanted, alpha.view(-1, 1, 1, 1).to(amplitude))
        spectrum[:, :, low, : reach + 1] = block * (mixed / amplitude.clamp(min=1e-8))
        restyled: Tensor = torch.fft.irfft2(spectrum, s=(size, size)).clamp_(0, 1).to(content.dtype)
        return restyled


def build_style(config: StyleConfig) -> FourierStyle | None:
    """The style transfer that a config names; None for ``none``."""
    return FourierStyle(config.beta) if config.kind == "fourier" else None

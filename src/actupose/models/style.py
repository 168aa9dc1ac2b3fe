"""Style transfer between batches: what any method can use to narrow the gap of appearance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from actupose.errors import UserError
from actupose.geometry import index_tensor, send
from actupose.models.decoder_file import load_style
from actupose.views.draws import uniform

StyleKind = Literal["adain", "fourier", "none"]


@dataclass(frozen=True)
class StyleConfig:
    """How source and target styles are mixed.

    Attributes:
        kind: ``adain`` (feature statistics, UDAPE's), ``fourier`` (amplitude swap, needs no training) or ``none``.
        prob: probability of being restyled.
        per: what is drawn for, probability and strength alike: the whole ``batch``, as UDAPE's authors do, or each
            ``image`` (ours).
        beta: half side of the swapped low frequencies as a share of the image side (``fourier``).
        decoder: file that `actupose style fit` wrote (``adain``).
    """

    kind: StyleKind = "fourier"
    prob: float = 0.5
    per: Literal["batch", "image"] = "batch"
    beta: float = 0.02
    decoder: Path | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a probability out of range, or ``adain`` without a decoder.
        """
        if not 0 <= self.prob <= 1:
            raise UserError(f"style.prob is {self.prob}; it must be from 0 to 1.")
        if self.kind == "adain" and self.decoder is None:
            raise UserError("style.kind is 'adain' but style.decoder is not set; train one with `actupose style fit`.")


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
        low = index_tensor([*range(reach + 1), *range(size - reach, size)], content.device)
        block = spectrum[:, :, low, : reach + 1]
        amplitude, wanted = block.abs(), other[:, :, low, : reach + 1].abs()
        mixed = torch.lerp(amplitude, wanted, alpha.view(-1, 1, 1, 1))
        spectrum[:, :, low, : reach + 1] = block * (mixed / amplitude.clamp(min=1e-8))
        restyled: Tensor = torch.fft.irfft2(spectrum, s=(size, size)).clamp_(0, 1).to(content.dtype)
        return restyled


class StyleDraw(NamedTuple):
    """What is drawn for a batch; both on the CPU.

    Attributes:
        chosen: (N,) int64, the images that are restyled, at least one.
        alpha: (N,) how strongly, 0 = as they are.
    """

    chosen: Tensor
    alpha: Tensor


class StyleTransfer(nn.Module):
    """Restyles a batch at random: which images and how strongly is drawn on the CPU, so nothing waits for the device.

    Args:
        config: its kind is not ``none``.

    Raises:
        UserError: the decoder of ``adain`` cannot be used, see `load_style`.
    """

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        self.net: nn.Module = FourierStyle(config.beta)
        if config.kind == "adain" and config.decoder is not None:
            self.net = load_style(config.decoder)

    def draw(self, count: int, generator: torch.Generator | None) -> StyleDraw | None:
        """Draw what is restyled, with the configured probability, and alpha ~ U(0, 1).

        Args:
            count: images.
            generator: CPU generator; two numbers are drawn a batch or an image. None takes the global one.

        Returns:
            None where all images stay as they are.
        """
        if self.config.per == "image":
            alpha, chance = uniform((count, 2), generator).T
        else:
            alpha, chance = torch.rand(2, 1, generator=generator).expand(2, count)
        chosen = (chance < self.config.prob).nonzero().squeeze(1)
        return StyleDraw(chosen, alpha[chosen]) if len(chosen) else None

    @torch.no_grad()
    def forward(self, content: Tensor, style: Tensor, drawn: StyleDraw) -> Tensor:
        """Restyle what was drawn; the rest stays as it is.

        Args:
            content: (B, 3, S, S) in [0, 1].
            style: (M, 3, S, S) in [0, 1]; image i takes style i, from the beginning again where M < B.
            drawn: which of the B images.

        Returns:
            (B, 3, S, S) in [0, 1].
        """
        index, count = drawn.chosen, len(content)
        alpha = send(drawn.alpha, content.device)
        if len(index) == count == len(style):
            whole: Tensor = self.net(content, style, alpha)
            return whole
        paired = style[send(index % len(style), content.device)]
        index = send(index, content.device)
        return content.index_copy(0, index, self.net(content[index], paired, alpha))


def build_style(config: StyleConfig) -> StyleTransfer | None:
    """The style transfer that a config names; None for ``none``."""
    return None if config.kind == "none" else StyleTransfer(config)

"""Colour augmentation, one draw per sample."""

import torch
from torch import Tensor

from actupose.geometry import send
from actupose.views.draws import between, uniform


def _luma(x: Tensor) -> Tensor:
    """Return the grey value (B, 1, H, W) with the ITU-R 601 weights."""
    red, green, blue = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def sample_jitter(n: int, strength: float, generator: torch.Generator | None) -> Tensor:
    """Draw factors of brightness, contrast and saturation in [1 - strength, 1 + strength].

    Args:
        n: Samples.
        strength: Largest change of a factor, in [0, 1].
        generator: CPU generator; three numbers are drawn per sample. None takes the global one.

    Returns:
        (n, 3), on the CPU.

    Raises:
        ValueError: `strength` lies outside [0, 1].
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie in [0, 1], got {strength}")
    return between(uniform((n, 3), generator), 1 - strength, 1 + strength)


def color_jitter(x: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, contrast and saturation, in this order.

    Contrast pulls towards the image's mean grey, saturation towards each pixel's own grey; values are clamped to [0, 1]
    after each step. Source: METHOD.md section 4; the fixed order is ours.

    Args:
        x: (B, 3, H, W), RGB in [0, 1].
        factors: (B, 3), not negative, from `sample_jitter`; on the device of `x` or on the CPU.

    Returns:
        (B, 3, H, W) in [0, 1], same dtype.

    Raises:
        ValueError: `x` is not floating point (B, 3, H, W), or `factors` are not (B, 3).
    """
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise ValueError(f"expected floating point images (B, 3, H, W), got {x.dtype} {tuple(x.shape)}")
    if factors.shape != (len(x), 3):
        raise ValueError(f"expected factors of shape {(len(x), 3)}, got {tuple(factors.shape)}")
    factors = send(factors.to(x.dtype), x.device)[:, :, None, None, None]
    x = (x * factors[:, 0]).clamp_(0, 1)
    mean_grey = _luma(x.mean((-2, -1), keepdim=True))  # the grey of the mean colour is the mean grey
    x = torch.lerp(mean_grey.expand_as(x), x, factors[:, 1]).clamp_(0, 1)
    return torch.lerp(_luma(x).expand_as(x), x, factors[:, 2]).clamp_(0, 1)

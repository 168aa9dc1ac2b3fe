"""The camera's sensor: blur, exposure, colour cast, noise, JPEG."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from actupose.synth.look import SensorLook
from actupose.synth.streams import choose, uniform
from actupose.synth.textures import Picture, Rng

_REFERENCE_SIZE = 256  # blur is given in pixels of this image side


def _blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of (3, S, S), borders replicated."""
    radius = max(1, int(np.ceil(3 * sigma)))
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = (kernel / kernel.sum()).tolist()
    for axis in (1, 2):
        pad = (radius, radius, 0, 0) if axis == 2 else (0, 0, radius, radius)
        padded = F.pad(image[None], pad, mode="replicate")[0]
        side = image.shape[axis]
        image = padded.narrow(axis, 0, side) * weights[0]
        for k, weight in enumerate(weights[1:], start=1):
            image.add_(padded.narrow(axis, k, side), alpha=weight)
    return image


def _vignette(size: int, strength: float) -> torch.Tensor:
    steps = torch.linspace(-1, 1, size) ** 2
    return 1 - strength * (steps[:, None] + steps[None, :]) / 2


def expose(rng: Rng, picture: Picture, look: SensorLook) -> Picture:
    """Apply a drawn blur, exposure, cast, haze, saturation, vignette, gamma and noise.

    Args:
        rng: Random generator.
        picture: (S, S, 3) float32 sRGB.
        look: Its distributions.

    Returns:
        (S, S, 3) uint8.
    """
    size = len(picture)
    image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    sigma = choose(rng, look.blur) * size / _REFERENCE_SIZE
    if sigma > 0.2:
        image = _blur(image, sigma)
    gains = uniform(rng, look.exposure) * np.array(look.cast) * (1 + rng.normal(0, look.cast_sd, 3))
    image = image * torch.from_numpy(gains.astype(np.float32))[:, None, None]
    haze = uniform(rng, look.haze) if look.haze[1] > 0 else 0.0
    if haze > 0:
        image = image * (1 - haze) + torch.tensor(look.veil)[:, None, None] * haze
    saturation, vignette = uniform(rng, look.saturation), uniform(rng, look.vignette)
    if saturation != 1:
        grey = image.mean(0, keepdim=True)
        image = grey + (image - grey) * saturation
    if vignette > 0:
        image = image * _vignette(size, vignette)
    image = image.clamp_(0, 1) ** uniform(rng, look.gamma)
    noise = choose(rng, look.noise)
    if noise > 0:
        image = image + torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32)) * noise
    return (image.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def encode(rng: Rng, pixels: Picture, look: SensorLook) -> bytes:
    """Encode (S, S, 3) uint8 as JPEG of a drawn quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=choose(rng, look.jpeg))
    return buffer.getvalue()

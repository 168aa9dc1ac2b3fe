"""The Fourier style transfer against a loop over samples, channels and frequencies in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from actupose.errors import UserError
from actupose.models import FourierStyle, StyleConfig, build_style


def pictures(n: int, size: int, seed: int) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def slow(content: Tensor, style: Tensor, alpha: Tensor, reach: int) -> Tensor:
    """One complex FFT a sample and channel; frequencies within ``reach`` of zero take a mixed amplitude."""
    out = np.empty(content.shape)
    size = content.shape[-1]
    for b in range(len(content)):
        for c in range(3):
            ours, theirs = (np.fft.fft2(x[b, c].double().numpy()) for x in (content, style))
            mixed = ours.copy()
            for u in range(size):
                for v in range(size):
                    if min(u, size - u) <= reach and min(v, size - v) <= reach:
                        a = float(alpha[b])
                        amplitude = (1 - a) * abs(ours[u, v]) + a * abs(theirs[u, v])
                        mixed[u, v] = amplitude * np.exp(1j * np.angle(ours[u, v]))
            out[b, c] = np.clip(np.fft.ifft2(mixed).real, 0, 1)
    return torch.from_numpy(out).float()


@pytest.mark.parametrize(
    ("size", "beta", "reach"), [(16, 0.02, 0), (16, 0.1, 2), (15, 0.1, 2), (9, 0.34, 3), (32, 0.05, 2)]
)
def test_equals_a_slow_loop(size: int, beta: float, reach: int) -> None:
    content, style = pictures(3, size, 0), pictures(3, size, 1) * 0.5
    alpha = torch.tensor([0.0, 0.4, 1.0])
    torch.testing.assert_close(
        FourierStyle(beta)(content, style, alpha), slow(content, style, alpha, reach), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("size", [64, 33])
def test_alpha_zero_is_the_content(size: int) -> None:
    content = pictures(2, size, 2)
    torch.testing.assert_close(
        FourierStyle()(content, pictures(2, size, 3), torch.zeros(2)), content, atol=1e-5, rtol=0
    )


def test_the_mean_colour_becomes_the_styles() -> None:
    content, style = pictures(2, 32, 4) * 0.2 + 0.4, pictures(2, 32, 5) * 0.2 + 0.1
    restyled = FourierStyle(0.0)(content, style, torch.ones(2))
    torch.testing.assert_close(restyled.mean((2, 3)), style.mean((2, 3)), atol=1e-5, rtol=0)


def test_the_result_stays_an_image() -> None:
    content, style = pictures(2, 32, 6), torch.ones(2, 3, 32, 32)
    restyled = FourierStyle(0.1)(content, style, torch.ones(2))
    assert float(restyled.min()) >= 0
    assert float(restyled.max()) == 1.0


def test_a_black_image_takes_no_infinite_values() -> None:
    restyled = FourierStyle(0.1)(torch.zeros(1, 3, 32, 32), pictures(1, 32, 7), torch.ones(1))
    assert bool(torch.isfinite(restyled).all())


def test_no_gradient() -> None:
    content = pictures(1, 16, 8).requires_grad_()
    assert not FourierStyle()(content, content, torch.ones(1)).requires_grad


def test_the_config_chooses() -> None:
    built = build_style(StyleConfig(beta=0.3))
    assert built is not None
    assert isinstance(built.net, FourierStyle)
    assert built.net.beta == 0.3
    assert build_style(StyleConfig(kind="none")) is None


@pytest.mark.parametrize(("per", "numbers"), [("batch", 1), ("image", 6)])
def test_what_is_drawn_is_restyled_and_the_rest_stays(per: str, numbers: int) -> None:
    """The same draws by hand: strengths first, then what decides; styles are used again from the first."""
    content, style = pictures(6, 16, 0), pictures(4, 16, 1)
    transfer = build_style(StyleConfig(beta=0.1, prob=0.5, per=per))  # type: ignore[arg-type]
    assert transfer is not None
    for seed in range(8):
        drawn = transfer.draw(6, torch.Generator().manual_seed(seed))
        restyled = content if drawn is None else transfer(content, style, drawn)
        draws = torch.rand(numbers, 2, generator=torch.Generator().manual_seed(seed)).T.tolist()
        for i in range(6):
            alpha, chance = (row[i % numbers] for row in draws)
            if chance >= 0.5:
                assert torch.equal(restyled[i], content[i])
            else:
                wanted = FourierStyle(0.1)(content[i : i + 1], style[i % 4 : i % 4 + 1], torch.tensor([alpha]))
                torch.testing.assert_close(restyled[i : i + 1], wanted)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prob": 1.5}, "style.prob is 1.5"),
        ({"kind": "adain"}, "style.decoder is not set; train one with `actupose style fit`"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        StyleConfig(**options)

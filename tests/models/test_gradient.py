"""The gradient layer: the same bits forward, a scaled gradient backward."""

from __future__ import annotations

import pytest
import torch

from actupose.models import scale_gradient


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.05, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_stay_and_gradients_are_scaled(factor: float, dtype: torch.dtype) -> None:
    x = (torch.randn(50, generator=torch.Generator().manual_seed(0)) * 1e3).to(dtype).requires_grad_()
    out = scale_gradient(x, factor)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (2 * x.detach() * factor).to(dtype))

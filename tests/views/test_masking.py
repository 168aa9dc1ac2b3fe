"""Block masking against a loop over the grid's squares."""

import pytest
import torch

from actupose.views import mask_blocks


@pytest.mark.parametrize(("size", "side"), [(64, 8), (96, 12), (60, 8)])
def test_squares_are_whole_and_drawn_one_by_one(size: int, side: int) -> None:
    """32 of 256 pixels; the drawn numbers by hand, row by row; the last squares are cut where the grid does not fit."""
    images = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0)) + 2
    fill = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    out = mask_blocks(images, fill, 0.4, generator=torch.Generator().manual_seed(5))
    blocks = len(range(0, size, side))
    unit = iter(torch.rand(3 * blocks * blocks, generator=torch.Generator().manual_seed(5)).tolist())
    masked = 0
    for b in range(3):
        for top in range(0, size, side):
            for left in range(0, size, side):
                square = out[b, :, top : top + side, left : left + side]
                if next(unit) >= 0.4:
                    assert torch.equal(square, images[b, :, top : top + side, left : left + side])
                else:
                    assert torch.equal(square, fill[0].expand_as(square))
                    masked += 1
    assert 0.2 < masked / (3 * blocks * blocks) < 0.6


def test_the_ends_of_the_ratio() -> None:
    images, fill = torch.rand(2, 3, 64, 64), torch.zeros(1, 3, 1, 1)
    assert torch.equal(mask_blocks(images, fill, 0.0), images)
    assert not mask_blocks(images, fill, 1.0).any()


@pytest.mark.parametrize(
    ("shape", "ratio", "block"),
    [((1, 3, 8, 9), 0.5, 32), ((3, 64, 64), 0.5, 32), ((1, 3, 64, 64), 1.5, 32), ((1, 3, 64, 64), 0.5, 1)],
)
def test_wrong_input_is_refused(shape: tuple[int, ...], ratio: float, block: float) -> None:
    with pytest.raises(ValueError, match=r"expected|ratio"):
        mask_blocks(torch.zeros(shape), torch.zeros(1), ratio, block)

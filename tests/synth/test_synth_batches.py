"""Pictures that are rendered together are the pictures that are rendered alone, on the CPU and on a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actupose.data.store import EXTRA_COLUMNS
from actupose.errors import UserError
from actupose.synth import Generator, SynthConfig, synthesize
from actupose.synth.generator import Sample
from actupose.synth.layers import Layer

CASES: dict[str, dict[str, Any]] = {
    "company and children": {"others": 0.6, "children": 0.4, "labels": tuple(EXTRA_COLUMNS)},
    "ground shadows, three samples": {"look": "street", "supersample": 3},
    "hands": {"subject": "hand"},
    "plain": {"shadows": False, "supersample": 1},
}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def together(config: SynthConfig, num: int, batch: int) -> list[Sample]:
    generator = Generator(config, 3)
    generator.batch = batch
    return list(generator.render_many(range(num)))


@pytest.mark.parametrize("case", CASES)
def test_a_batch_does_not_change_its_pictures(case: str) -> None:
    config = SynthConfig(size=64, **CASES[case])
    for one, other in zip(together(config, 9, 1), together(config, 9, 4), strict=True):
        assert (one.index, one.archetype, one.image) == (other.index, other.archetype, other.image)
        for name in ("keypoints", "visible", "joints"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        assert one.extras.keys() == other.extras.keys()
        assert all(np.array_equal(value, other.extras[name]) for name, value in one.extras.items())


def test_small_pictures_are_rendered_in_larger_batches() -> None:
    sizes = [Generator(SynthConfig(size=size)).batch for size in (64, 128, 256, 1024)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] == 1


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("tpu", "cuda:", "cpu:0", "CUDA"):
        with pytest.raises(UserError, match=f"device: .*'{name}'; give cpu"):
            SynthConfig(device=name)
    with pytest.raises(UserError, match="device: there is no cuda:99 on this machine; give cpu"):
        synthesize(tmp_path / "store", 2, config=SynthConfig(size=32, device="cuda:99"), workers=2)
    assert not list(tmp_path.iterdir())


def test_the_recipe_names_a_gpu_alone() -> None:
    recipes = [SynthConfig(device=name).recipe(0) for name in ("cpu", "cuda", "cuda:1")]
    assert "device" not in recipes[0]
    assert recipes[1] == recipes[2] == recipes[0] | {"device": "cuda"}


def test_a_full_device_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[Layer]:
        raise torch.OutOfMemoryError

    generator = Generator(SynthConfig(size=64))
    monkeypatch.setattr(generator, "render_layers", full)
    with pytest.raises(UserError, match=r"memory of cpu is full at 8 pictures .*; give fewer --workers"):
        list(generator.render_many(range(20)))


@needs_cuda
@pytest.mark.parametrize("case", CASES)
def test_a_gpu_renders_what_the_cpu_renders(case: str) -> None:
    on_cpu = together(SynthConfig(size=64, **CASES[case]), 9, 1)
    on_gpu = together(SynthConfig(size=64, device="cuda", **CASES[case]), 9, 4)
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert np.allclose(one.keypoints, other.keypoints)
        assert (one.visible == other.visible).mean() > 0.9
        difference = np.abs(one.pixels().astype(int) - other.pixels().astype(int))
        assert (difference > 24).mean() < 0.01  # a sample on an edge, a shadow's rim
        assert difference.mean() < 1


@needs_cuda
@pytest.mark.parametrize("case", CASES)
def test_a_gpu_renders_the_same_bytes_again_whatever_the_batch(case: str) -> None:
    config = SynthConfig(size=64, device="cuda", **CASES[case])
    images = [[sample.image for sample in together(config, 9, batch)] for batch in (9, 9, 4, 1)]
    assert images[0] == images[1] == images[2] == images[3]

from __future__ import annotations

import pytest

from actupose.synth.body import BodyModel, load_body
from actupose.synth.config import SynthConfig
from actupose.synth.generator import Generator


@pytest.fixture(scope="session")
def model() -> BodyModel:
    return load_body()


@pytest.fixture(scope="session")
def generator() -> Generator:
    """The default look at 128 pixels, without occluders."""
    return Generator(SynthConfig(size=128, occluders=0.0), seed=11)

"""Random draws of one sample: independent streams, ranges and weighted choices.

Every draw of the generator comes from a stream that is a pure function of (seed, index, purpose), so a sample never
depends on its neighbours, and adding a draw to one part of the picture leaves the other parts as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Range = tuple[float, float]
S = TypeVar("S", str, int, float, Range)


class Stream(IntEnum):
    """What a random stream is drawn for."""

    POSE = 1
    PERSON = 2
    CAMERA = 3
    LIGHT = 4
    BACKGROUND = 5
    OCCLUDER = 6
    SENSOR = 7
    AGE = 8
    COMPANY = 9
    GROUND = 10


def stream(seed: int, index: int, purpose: Stream) -> np.random.Generator:
    """Return the random generator of one purpose of one sample.

    Args:
        seed: The data set's seed, >= 0.
        index: The sample's index, >= 0.
        purpose: Which part of the sample draws from it.
    """
    return np.random.default_rng([seed, index, int(purpose)])


def uniform(rng: np.random.Generator, bounds: Range) -> float:
    """Draw one number uniformly from (low, high)."""
    return float(rng.uniform(bounds[0], bounds[1]))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with the given probability."""
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Draw one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def choose(rng: np.random.Generator, weights: Mapping[S, float]) -> S:
    """Draw one key with probability proportional to its weight.

    Args:
        rng: Random generator.
        weights: Option -> weight (>= 0, not all zero); options must sort, so that the mapping's order does not matter.
    """
    options = sorted(weights)
    level = rng.random() * sum(weights.values())
    for option in options:
        level -= weights[option]
        if level < 0:
            return option
    return options[-1]

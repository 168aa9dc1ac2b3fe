"""Synthetic people: a labelled source domain that anyone can make.

`synthesize` fills an Arrow store; `Generator(config, seed).render(index)` gives one sample. A sample is a pure function
of (seed, index, config). Names are loaded on first use, so importing this room is free.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actupose.synth.config import SynthConfig
    from actupose.synth.generator import Generator, Sample
    from actupose.synth.look import Look, list_looks, load_look
    from actupose.synth.shards import Rendered, ShardRenderer, rendered_with, synthesize

__all__ = [
    "Generator",
    "Look",
    "Rendered",
    "Sample",
    "ShardRenderer",
    "SynthConfig",
    "list_looks",
    "load_look",
    "rendered_with",
    "synthesize",
]

_HOMES = {
    "SynthConfig": "config",
    "Generator": "generator",
    "Sample": "generator",
    "Look": "look",
    "list_looks": "look",
    "load_look": "look",
    "Rendered": "shards",
    "rendered_with": "shards",
    "ShardRenderer": "shards",
    "synthesize": "shards",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name of the room
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

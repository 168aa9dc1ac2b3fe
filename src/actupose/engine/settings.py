"""Which settings of a configuration a training's results depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from actupose.errors import what_differs

_FREE = ("#", "out:", "num_workers:", "cache:", "cache_gib:")
_PLACE = (
    "trainer.accelerator",
    "trainer.strategy",
    "trainer.devices",
    "trainer.num_nodes",
    "model.init_args.compilation",
)


def settings_of(config: str) -> list[str]:
    """Lines of a YAML text that results depend on.

    Comments do not count, the parser writes its version into one, nor do the folder, which may be moved, and how images
    are loaded: a run that filled the machine's memory may go on with less.
    """
    return [line for line in config.splitlines() if not line.lstrip().startswith(_FREE)]


def same_training(a: str, b: str) -> bool:
    """Whether two configurations, as YAML text, are of one training, which may go on elsewhere.

    Beside what `settings_of` leaves out, the devices do not count, nor what is compiled for them: batches, draws and
    random streams do not depend on either.

    Raises:
        yaml.YAMLError: one is no YAML.
    """
    return _counting(a) == _counting(b)


def difference(held: str, wanted: str) -> str:
    """What keeps two configurations from being of one training, for a message; arguments and errors as `same_training`.

    Empty where they are of one, and where they differ in keys without a value alone.
    """
    return what_differs(_counting(held), _counting(wanted))


def flat(value: Any, key: str = "") -> dict[str, Any]:  # noqa: ANN401 - what YAML holds
    """``data.curriculum.n_bins`` -> value, for all that is no mapping in nested mappings."""
    if not isinstance(value, Mapping):
        return {key: value}
    held: dict[str, Any] = {}
    for name, inner in value.items():
        held |= flat(inner, f"{key}.{name}" if key else str(name))
    return held


def _counting(config: str) -> dict[str, Any]:
    """Settings that make a training, by their dotted names."""
    held = flat(yaml.safe_load("\n".join(settings_of(config))))
    return {key: value for key, value in held.items() if key not in _PLACE}

"""A model as a folder that is not a training: weights as safetensors beside one JSON file that says what they are.

::

    config.json         format, skeleton, network, size, name
    model.safetensors   the weights
    README.md           the model card, and whatever else an export puts there
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actupose.data.store import write_json_atomically
from actupose.deploy.checkpoint import LoadedModel, restore
from actupose.errors import UserError
from actupose.files import whole_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1


def is_folder(path: Path) -> bool:
    """Whether a path is a folder of this kind."""
    return (path / CONFIG).is_file()


def write_folder(model: LoadedModel, out: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``; each is whole or not there.

    Args:
        model: from `load_checkpoint`.
        out: an existing folder.
    """
    from safetensors.torch import save

    state = {name: value.contiguous().cpu() for name, value in model.net.state_dict().items()}
    with whole_file(out / WEIGHTS) as temporary:
        temporary.write_bytes(save(state, metadata={"format": "pt"}))
    write_json_atomically(out / CONFIG, {"format": FORMAT, **model.facts()})


def load_folder(path: Path) -> LoadedModel:
    """Read a folder that `write_folder` wrote, or a download of one.

    Raises:
        UserError: a file is missing or broken, or of another version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    facts = _read_config(path / CONFIG)
    weights = path / WEIGHTS
    if not weights.is_file():
        raise UserError(f"{weights}: no such file; export the model again, or load the checkpoint.")
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{weights}: is no whole safetensors file ({error}); copy it again.") from error
    return restore(facts, state, path)


def _read_config(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        found = facts["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: is no description of an exported model; export it again.") from error
    if found != FORMAT:
        raise UserError(f"{file}: export format {found}, this version reads {FORMAT}; export the model again.")
    return dict(facts)

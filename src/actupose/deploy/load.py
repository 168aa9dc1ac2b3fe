"""One name for every way a model is kept: a run, its checkpoint, an exported folder, a repository of a model hub."""

from __future__ import annotations

import re
from pathlib import Path

from actupose.deploy.checkpoint import LoadedModel, load_checkpoint
from actupose.deploy.folder import is_folder, load_folder
from actupose.deploy.predict import PredictConfig, Predictor
from actupose.engine.checkpoints import NetName
from actupose.errors import UserError

_REPOSITORY = re.compile(r"[\w.\-]+/[\w.\-]+(@[\w.\-/]+)?")


def load(source: str | Path, config: PredictConfig | None = None, net: NetName = "headline") -> Predictor:
    """A model, ready to be called with pictures.

    ::

        model = actupose.load("runs/mine")
        keypoints = model("picture.jpg")

    Args:
        source: a run folder, a checkpoint, a folder that `actupose export` wrote, or ``OWNER/NAME`` of a Hugging Face
            hub repository with its files (``OWNER/NAME@REVISION`` for one revision of it).
        config: batch size, device, flip test and more.
        net: which network of a checkpoint: ``student``, ``teacher``, or the ``headline``, whose scores count. Peaks of
            another than the headline are not calibrated.

    Raises:
        UserError: nothing of the kind is there, it has no such network, it is broken or of another version, or the hub
            cannot be reached.
    """
    return Predictor(load_model(source, net), config)


def load_model(source: str | Path, net: NetName = "headline") -> LoadedModel:
    """The network alone; arguments and errors as `load`."""
    path = Path(source)
    if path.is_file():
        return load_checkpoint(path, net)
    if path.is_dir():
        if is_folder(path):
            return _only(load_folder(path), net, path)
        checkpoint = path / "checkpoints" / "last.ckpt"
        if checkpoint.is_file():
            return load_checkpoint(checkpoint, net)
        raise UserError(f"{path}: holds no model; name a run folder, a checkpoint or a folder of `actupose export`.")
    if isinstance(source, str) and _REPOSITORY.fullmatch(source) and path.suffix != ".ckpt":
        from actupose.deploy.hub import fetch

        return _only(load_folder(fetch(source)), net, path)
    raise UserError(f"{path}: no such checkpoint, run folder or exported model.")


def _only(model: LoadedModel, net: NetName, origin: Path) -> LoadedModel:
    """The one network of an export, if it is the one asked for."""
    if net not in ("headline", model.role):
        raise UserError(f"{origin}: holds one network, {model.name}; leave net out, or export the {net} of the run.")
    return model

"""A trained network out of a training checkpoint, without the training's config and without a hub."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actupose.engine.checkpoints import NetName, first_line, kept_network
from actupose.errors import UserError
from actupose.metrics import Calibration
from actupose.models import NetConfig, PoseNet
from actupose.skeletons import Skeleton


class LoadedModel(NamedTuple):
    """A network ready to predict.

    Attributes:
        net: in evaluation mode, on the CPU.
        skeleton: what its K heatmaps are.
        size: S, side of the images it was trained on; None where the checkpoint does not say.
        name: method and network, e.g. ``ACTUPose teacher``.
        config: how the network is built; None for one that was made otherwise.
        calibration: from peaks to probabilities; None where the training held out too little source.
    """

    net: PoseNet
    skeleton: Skeleton
    size: int | None
    name: str
    config: NetConfig | None = None
    calibration: Calibration | None = None

    @property
    def role(self) -> str:
        """``teacher`` or ``student``."""
        return self.name.rpartition(" ")[2]

    def facts(self) -> dict[str, Any]:
        """What `restore` needs beside the weights, as plain data."""
        if self.config is None:
            raise ValueError(f"{self.name}: was not built from a NetConfig")
        return {
            "skeleton": self.skeleton.to_dict(),
            "net": asdict(self.config),
            "size": self.size,
            "name": self.name,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
        }


def load_checkpoint(path: Path, net: NetName = "headline") -> LoadedModel:
    """Read a checkpoint that `actupose fit` wrote.

    Args:
        path: ``RUN/checkpoints/last.ckpt``.
        net: which of its networks, see `kept_network`; the calibration is the headline's alone.

    Raises:
        UserError: the file is missing, broken, no checkpoint of this program, or of another version, or has no such
            network.
    """
    found = kept_network(path, net)
    return restore({**found.facts, "name": f"{found.facts.get('method')} {found.role}"}, found.state, path)


def restore(facts: Mapping[str, Any], state: Mapping[str, Tensor], origin: Path) -> LoadedModel:
    """The network of plain facts and weights.

    Args:
        facts: as `LoadedModel.facts` gives them.
        state: its ``state_dict``.
        origin: file or folder to name in messages.

    Raises:
        UserError: they do not fit this version, or one another.
    """
    try:
        skeleton = Skeleton.from_dict(facts["skeleton"], str(origin))
        config = NetConfig(**facts["net"])
        net = _build(config, skeleton.num_keypoints)
        net.load_state_dict(state)
        size = facts.get("size")
        name = str(facts["name"])
        held = facts.get("calibration")
        calibration = None if held is None else Calibration.from_dict(held)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{origin}: does not fit this version of actupose ({first_line(error)}); train again or use the version "
            "that wrote it."
        ) from error
    return LoadedModel(net.eval(), skeleton, None if size is None else int(size), name, config, calibration)


def weights_digest(model: LoadedModel) -> str:
    """A short hash of the weights and the calibration, however they were kept."""
    digest = hashlib.sha256(repr(model.calibration).encode())
    for name, value in model.net.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _build(config: NetConfig, num_keypoints: int) -> PoseNet:
    """The network with weights that are about to be replaced: none are fetched, and none are warned about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*starts from random weights.*")
        return PoseNet(replace(config, weights="random"), num_keypoints)

"""Reading checkpoints: safely, and with one clear line where a file is broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError

_FACTS = "actupose"
_PREFIX = {"teacher": "teacher.net.", "student": "student."}
NetName = Literal["headline", "student", "teacher"]


class KeptNetwork(NamedTuple):
    """A network of a checkpoint.

    Attributes:
        facts: what rebuilds it, as `PoseMethod.on_save_checkpoint` keeps it; the calibration is the headline's alone.
        state: its ``state_dict``.
        role: ``teacher`` or ``student``.
    """

    facts: Mapping[str, Any]
    state: dict[str, Tensor]
    role: str


def kept_network(path: Path, net: NetName = "headline") -> KeptNetwork:
    """A network of a checkpoint that `actupose fit` wrote.

    Args:
        path: the checkpoint.
        net: ``student``, ``teacher``, or the ``headline``, whose scores count: the teacher once adaptation has begun,
            where ``teacher.headline`` does not say otherwise, else the student.

    Raises:
        UserError: the file is missing, broken or no checkpoint of this program, or it has no such network.
    """
    held = read_checkpoint(path)
    facts, state = held.get(_FACTS), held.get("state_dict")
    if not isinstance(facts, Mapping) or not isinstance(state, Mapping):
        raise UserError(f"{path}: is no checkpoint of actupose; name RUN/checkpoints/last.ckpt of a run.")
    adapted = bool(state.get("adapted", False))
    headline = facts.get("headline", "teacher" if adapted else "student")  # an older version does not say
    role = headline if net == "headline" else net
    if role == "teacher" and not adapted:
        raise UserError(f"{path}: has no teacher: its method has none, or no adaptation has begun; take the student.")
    prefix = _PREFIX[role]
    weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return KeptNetwork(facts if role == headline else {**facts, "calibration": None}, weights, role)


def last_whole(run: RunFolder) -> tuple[Path, str]:
    """The checkpoint to continue a run from: the last one, or the one before where the last is damaged.

    Args:
        run: has a last checkpoint.

    Returns:
        Its path, and a line on what is wrong with the last one; empty where nothing is.

    Raises:
        UserError: none is whole.
    """
    try:
        read_checkpoint(run.checkpoint)
    except UserError as error:
        try:
            read_checkpoint(run.previous)
        except UserError:
            raise error from None
        what = str(error).split("; put a copy")[0]
        return run.previous, f"{what}; continues from {run.previous.name}, the one of the epoch before."
    return run.checkpoint, ""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU, read from the disk where it is used; nothing in it is executed.

    Raises:
        UserError: the file is missing or broken.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the checkpoint in it, usually checkpoints/last.ckpt.")
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint.")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a broken file raises many kinds, from the archive or from the pickle in it
        raise UserError(
            f"{path}: is no whole checkpoint ({first_line(error)}); put a copy of it back, or remove it to train from "
            "the start."
        ) from error
    if not isinstance(held, dict):
        raise UserError(f"{path}: is no checkpoint of actupose; name RUN/checkpoints/last.ckpt of a run.")
    return held


def first_line(error: Exception) -> str:
    """The start of an error's message, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".: ")

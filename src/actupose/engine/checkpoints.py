"""Reading checkpoints: safely, and with one clear line where a file is broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError

_FACTS = "actupose"
_TEACHER, _STUDENT = "teacher.net.", "student."


class HeadlineNetwork(NamedTuple):
    """The network whose scores are a checkpoint's headline: the teacher once adaptation has begun, else the student.

    Attributes:
        facts: what rebuilds it, as `PoseMethod.on_save_checkpoint` keeps it.
        state: its ``state_dict``.
        role: ``teacher`` or ``student``.
    """

    facts: Mapping[str, Any]
    state: dict[str, Tensor]
    role: str


def headline_network(path: Path) -> HeadlineNetwork:
    """The headline network of a checkpoint that `actupose fit` wrote.

    Raises:
        UserError: the file is missing, broken or no checkpoint of this program.
    """
    held = read_checkpoint(path)
    facts, state = held.get(_FACTS), held.get("state_dict")
    if not isinstance(facts, Mapping) or not isinstance(state, Mapping):
        raise UserError(f"{path}: is no checkpoint of actupose; name RUN/checkpoints/last.ckpt of a run.")
    adapted = bool(state.get("adapted", False))
    prefix = _TEACHER if adapted else _STUDENT
    net = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return HeadlineNetwork(facts, net, "teacher" if adapted else "student")


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

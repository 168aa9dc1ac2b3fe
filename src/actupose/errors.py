"""Errors that a user can cause and mend."""

import json
from collections.abc import Mapping
from typing import ClassVar

_MOST_TOLD, _LONGEST = 4, 60


class UserError(Exception):
    """Bad input, said in one line that names the file or key and the remedy.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code: ClassVar[int] = 2


class RunsFailedError(UserError):
    """A suite went to its end, and some of its runs failed."""

    exit_code: ClassVar[int] = 3


class BusyError(UserError):
    """Another process is writing to the folder that a command would write to; nothing is changed there."""

    exit_code: ClassVar[int] = 4


def what_differs(held: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """Where two sets of settings differ, for a message: ``size: 64 there, 96 now``; empty where they do not.

    Args:
        held: what stands there.
        wanted: what is asked for; a key that is missing counts as one without a value.
    """
    keys = [key for key in sorted({*held, *wanted}) if held.get(key) != wanted.get(key)]
    told = [f"{key}: {_short(held.get(key))} there, {_short(wanted.get(key))} now" for key in keys[:_MOST_TOLD]]
    return "; ".join([*told, f"and {len(keys) - _MOST_TOLD} more"] if len(keys) > _MOST_TOLD else told)


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

"""Parsing a verb's options: typed, from the command line or YAML; a typo is an error that names the near match."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match


def verb_parser(verb: str, description: str) -> ArgumentParser:
    """A parser for one verb that takes ``--config FILE.yaml`` and raises instead of exiting."""
    parser = ArgumentParser(prog=f"actupose {verb}", description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="YAML file with any of these options")
    return parser


def parse(parser: ArgumentParser, args: Sequence[str], extra_keys: Iterable[str] = ()) -> Any:  # noqa: ANN401 - a Namespace with the parser's keys
    """Parse, turning every complaint into one line.

    Args:
        parser: from `verb_parser`.
        args: the verb's arguments.
        extra_keys: key names a near match may come from beside the parser's own.

    Raises:
        UserError: an option or key does not exist, or a value has the wrong type.
    """
    try:
        return parser.parse_args(list(args))
    except (ArgumentError, argparse.ArgumentError) as error:
        raise UserError(explain(str(error), [*known_keys(parser), *extra_keys])) from error


def known_keys(parser: ArgumentParser) -> list[str]:
    """Names of all options of a parser, with and without their dotted prefix."""
    keys = [key for key, _ in parser.get_defaults().items(branches=True)]
    return sorted({part for key in keys for part in (key, key.rsplit(".", 1)[-1])})


def explain(message: str, known: Sequence[str]) -> str:
    """One line from a parser's message, with the nearest known key where a key was unknown."""
    text = " ".join(message.split())
    unknown = _unknown_key(text)
    if unknown is None:
        return text if len(text) < 400 else f"{text[:400]}..."
    hint = near_match(unknown, known) or near_match(unknown.rsplit(".", 1)[-1], known)
    return f"there is no option or key '{unknown}'{hint or '; see --help.'}"


_UNKNOWN = (
    r"[Oo]ption '([\w.\-]+)' is not accepted",
    r"[Kk]ey '([\w.\-]+)' is not expected",
    r"[Uu]nrecognized arguments: --([\w.\-]+)",
    r"[Nn]o action for (?:destination )?key [\"']([\w.\-]+)[\"']",
    r"does not accept (?:nested )?(?:key|option) [\"']([\w.\-]+)[\"']",
)


def _unknown_key(text: str) -> str | None:
    for pattern in _UNKNOWN:
        found = re.search(pattern, text)
        if found:
            return found[1]
    return None


def existing(path: Path, what: str) -> Path:
    """The path, if it is there.

    Raises:
        UserError: it is not.
    """
    if not path.exists():
        raise UserError(f"{path}: no such {what}.")
    return path


__all__ = ["ArgumentParser", "Namespace", "existing", "explain", "known_keys", "parse", "verb_parser"]

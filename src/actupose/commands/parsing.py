"""Parsing a verb's options: typed, from the command line or YAML; a typo is an error that names the near match."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from actupose.commands.trust import refusal, refuse_foreign_code
from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match


def verb_parser(verb: str, description: str, *, trusted: bool = False) -> ArgumentParser:
    """A parser for one verb that takes ``--config FILE.yaml`` and raises instead of exiting.

    Args:
        verb: the verb's name.
        description: one line for its help.
        trusted: files may name classes of any package.
    """
    if not trusted:
        refuse_foreign_code()
    parser = ArgumentParser(prog=f"actupose {verb}", description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="YAML file with any of these options")
    return parser


def add_net_option(parser: ArgumentParser) -> None:
    """Give a verb that opens a checkpoint the choice of its network."""
    kinds = Literal["headline", "student", "teacher"]
    told = "network of a checkpoint: the one whose scores are the headline, or by name; an export holds one"
    parser.add_argument("--net", type=kinds, default="headline", help=told)


def parse(parser: ArgumentParser, args: Sequence[str], extra_keys: Iterable[str] = ()) -> Any:  # noqa: ANN401 - a Namespace with the parser's keys
    """Parse, turning every complaint into one line.

    Args:
        parser: from `verb_parser`.
        args: the verb's arguments.
        extra_keys: key names a near match may come from beside the parser's own.

    Raises:
        UserError: an option or key does not exist, or a value has the wrong type.
    """
    known = [*known_keys(parser), *extra_keys]
    try:
        parsed = parser.parse_args(list(args))
    except (ArgumentError, argparse.ArgumentError, UnicodeDecodeError) as error:
        raise UserError(broken_config(args) or explain(str(error), known)) from error
    check_sections(args, known)
    return parsed


def check_sections(args: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a section of a ``--config`` file that is empty and of no known name, which the parser passes over.

    Args:
        args: a verb's arguments, parsed without a complaint.
        known: names of options and sections, dotted or not.

    Raises:
        UserError: there is one; it is named with the file.
    """
    for file in config_files(args):
        for section in _empty_sections(yaml.safe_load(Path(file).read_text(encoding="utf-8"))):
            if section.rsplit(".", 1)[-1] not in known:
                raise UserError(
                    f"{file}: there is no section '{section}'{_nearest(section, known) or ' here; see --help.'}"
                )


def _empty_sections(content: object, path: str = "") -> Iterator[str]:
    """Dotted names of mappings without a key."""
    if not isinstance(content, dict):
        return
    if path and not content:
        yield path
    for key, value in content.items():
        yield from _empty_sections(value, f"{path}.{key}" if path else str(key))


def config_files(args: Sequence[str]) -> list[str]:
    """Files that ``--config`` names."""
    files = [value for option, value in itertools.pairwise(args) if option == "--config"]
    return files + [a.removeprefix("--config=") for a in args if a.startswith("--config=")]


def broken_config(args: Sequence[str]) -> str | None:
    """What is wrong with the first ``--config`` file that is no YAML mapping; the parser's own message has no name."""
    for file in config_files(args):
        if not Path(file).is_file():
            return f"{file}: no such config file."
        try:
            content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            return f"{file}: is not readable YAML ({' '.join(str(error).split())[:200]})."
        if not isinstance(content, dict | None):
            return f"{file}: holds no options; a config is a YAML mapping."
    return None


def known_keys(parser: ArgumentParser) -> list[str]:
    """Names of all options of a parser, with and without their dotted prefix."""
    keys = [key for key, _ in parser.get_defaults().items(branches=True)]
    return sorted({part for key in keys for part in (key, key.rsplit(".", 1)[-1])})


def signature_keys(cls: type) -> set[str]:
    """Argument names of a class and its bases, and of the dataclasses that these arguments take."""
    keys: set[str] = set()
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        for name, hint in typing.get_type_hints(vars(base)["__init__"]).items():
            groups = [part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)]
            keys |= {name}.union(*(signature_keys(group) for group in groups if isinstance(group, type)))
    return keys - {"return"}


def explain(message: str, known: Sequence[str]) -> str:
    """One line from a parser's message, with the nearest known name where a key or class was unknown.

    Args:
        message: the parser's complaint, many nested lines.
        known: option names, dotted or not, and class names.
    """
    text = " ".join(message.split())
    refused = refusal(text)
    if refused is not None:
        return refused
    unknown = _first_match(_UNKNOWN, text)
    if unknown is not None:
        return f"there is no option or key '{unknown}'{_nearest(unknown, known) or ' here; see --help.'}"
    wrong_class = _first_match(_BAD_CLASS, text)
    if wrong_class is not None:
        hint = near_match(wrong_class.rsplit(".", 1)[-1], known)
        return f"there is no class '{wrong_class}'{hint or '; see --help.'}"
    return _cause(message)


def _nearest(unknown: str, known: Sequence[str]) -> str:
    """The near match of a dotted key: of the whole where only its end is wrong, else of its first wrong part."""
    *path, end = unknown.split(".")
    wrong = next((part for part in (*path, end) if part not in known), None)
    if wrong is None:
        return ""  # an option of another method or verb
    return (near_match(unknown, known) if wrong == end else "") or near_match(wrong, known)


_UNKNOWN = (
    r"[Oo]ption '([\w.\-]+)' is not accepted",
    r"[Kk]ey '([\w.\-]+)' is not expected",
    r"[Uu]nrecognized arguments: --([\w.\-]+)",
    r"[Nn]o action for (?:destination )?key [\"']([\w.\-]+)[\"']",
    r"does not accept (?:nested )?(?:key|option) [\"']([\w.\-]+)[\"']",
)
_BAD_CLASS = (r"has no attribute '(\w+)'", r"Expected a dot import path string: ([\w.]+)")
_WRAPPING = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "Given value",
    "Problem with given class_path",
    "Expected a <class 'NoneType'>",
    "Expected a path but",
)


def _first_match(patterns: Iterable[str], text: str) -> str | None:
    found = (re.search(pattern, text) for pattern in patterns)
    return next((match[1] for match in found if match), None)


def _cause(message: str) -> str:
    """``the.key: what is wrong`` out of the parser's nested lines; the first innermost complaint counts."""
    keys: list[str] = []
    for line in message.splitlines():
        complaint = line.strip().removeprefix("- ")
        found = re.match(r'Parser key "([\w.\-]+)":\s*(.*)', complaint)
        if found:
            keys.append(found[1])
            complaint = found[2]
        if complaint and not complaint.startswith(_WRAPPING):
            return ": ".join([*[".".join(keys)][: len(keys)], _plain(complaint, message)])
    return " ".join(message.split())


def _plain(complaint: str, message: str) -> str:
    """The parser's "Expected a <class 'int'>. Got value: x" in plain words."""
    if not complaint.startswith("Expected a "):
        return complaint
    given = re.search(r"(?:Got|Given) value: (.*)", message)
    wanted = complaint.removeprefix("Expected a ").split(". Got value")[0]
    wanted = re.sub(r"<class '([\w.]+)'>", r"\1", wanted).replace("typing.Literal", "one of ")
    return f"expected {wanted}, got {given[1]}" if given else f"expected {wanted}"


def existing(path: Path, what: str) -> Path:
    """The path, if it is there.

    Raises:
        UserError: it is not.
    """
    if not path.exists():
        raise UserError(f"{path}: no such {what}.")
    return path


__all__ = ["ArgumentParser", "Namespace", "existing", "explain", "known_keys", "parse", "signature_keys", "verb_parser"]

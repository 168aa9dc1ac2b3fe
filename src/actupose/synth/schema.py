"""Typed dataclasses from YAML mappings, with errors that name the key and its near match."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from actupose.errors import UserError

T = TypeVar("T")
Range = tuple[float, float]  # low and high of a uniform draw
Normal = tuple[float, float]  # mean and deviation of a normal draw
Counts = tuple[int, int]  # low, and high exclusive, of a whole number
Colour = tuple[float, float, float]  # sRGB in [0, 1]
Code = tuple[int, int, int]  # 8-bit sRGB


def check_options(name: str, options: Iterable[object], known: Sequence[str]) -> None:
    """Refuse an unknown option.

    Raises:
        ValueError: There is one; the near match is named. `build` adds the file and key.
    """
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(str(option), known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{name}: unknown option '{option}'; {hint}")


def check_weights(name: str, weights: Mapping[Any, float], known: Sequence[str] | None = None) -> None:
    """Refuse weights that name no option of `known`, are negative or sum to 0.

    Raises:
        ValueError: They do; `build` adds the file and key.
    """
    if known is not None:
        check_options(name, weights, known)
    for option, weight in weights.items():
        if weight < 0:
            raise ValueError(f"{name}: the weight of '{option}' is negative")
    if not sum(weights.values()) > 0:
        raise ValueError(f"{name}: the weights sum to 0")


def build(cls: type[T], data: object, where: str) -> T:
    """Build a (nested) dataclass from plain YAML data.

    Supported field types: bool, int, float, str, `X | None`, tuples, dicts with plain keys, dataclasses.

    Args:
        cls: The dataclass.
        data: A mapping of its fields; absent ones keep their defaults.
        where: What the data are, for error messages (a file, then a key path).

    Raises:
        UserError: An unknown key (the near match is named) or a value of the wrong type.
    """
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected a mapping of keys, got {_show(data)}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(typing.cast(Any, cls))]
    for key in data:
        if key not in known:
            raise UserError(f"{where}: unknown key '{key}'{_suggest(str(key), known)}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in data.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def _suggest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; known keys: {', '.join(known)}"


def _show(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:80]


def _convert(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - a type hint is any object
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else _convert(inner, value, where)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin is tuple:
        return _convert_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where}: expected a mapping, got {_show(value)}")
        key_hint, value_hint = arguments
        return {_scalar(key_hint, k, where): _scalar(value_hint, v, f"{where}: {k}") for k, v in value.items()}
    return _scalar(hint, value, where)


def _convert_tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        if not isinstance(value, list | tuple) or not value:
            raise UserError(f"{where}: expected a list of at least one value, got {_show(value)}")
        return tuple(_convert(arguments[0], item, where) for item in value)
    if not isinstance(value, list | tuple) or len(value) != len(arguments):
        raise UserError(f"{where}: expected a list of {len(arguments)} values, got {_show(value)}")
    return tuple(_convert(hint, item, where) for hint, item in zip(arguments, value, strict=True))


def _scalar(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - a type hint is any object
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise UserError(f"{where}: expected {hint.__name__}, got {_show(value)}")
    return value

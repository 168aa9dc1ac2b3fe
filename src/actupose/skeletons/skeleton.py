"""The skeleton: names, pairs, limbs and angles of one kind of pose, read from YAML."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from actupose.errors import UserError

Color = tuple[int, int, int]
_KEYS = {"name", "keypoints", "flip_pairs", "limbs", "triplets", "groups", "root"}
_SIGMA_DEFAULT = 0.05


@dataclass(frozen=True)
class Skeleton:
    """One kind of pose; keypoints are referred to by index, in the order of ``keypoints``.

    Attributes:
        name: short name, e.g. ``body16``.
        keypoints: K keypoint names.
        flip_pairs: pairs of indices that swap under a mirror.
        limbs: pairs of indices joined by a bone; the vectors of EvalPose (Eq. 5).
        triplets: ``(a, b, c)`` with the angle taken at ``b`` (Eq. 7).
        groups: named groups of indices that PCK is averaged over; has ``All``.
        sigmas: K COCO object-keypoint-similarity constants.
        colors: one RGB colour per limb.
        root: the mean of these keypoints is the pose's root; empty = centre of the joint box.
    """

    name: str
    keypoints: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    limbs: tuple[tuple[int, int], ...]
    triplets: tuple[tuple[int, int, int], ...]
    groups: dict[str, tuple[int, ...]]
    sigmas: tuple[float, ...]
    colors: tuple[Color, ...]
    root: tuple[int, ...] = ()

    @property
    def num_keypoints(self) -> int:
        """K."""
        return len(self.keypoints)

    def flip_index(self) -> tuple[int, ...]:
        """Permutation of K indices that a horizontal mirror applies."""
        order = list(range(self.num_keypoints))
        for a, b in self.flip_pairs:
            order[a], order[b] = b, a
        return tuple(order)

    def to_dict(self) -> dict[str, Any]:
        """Plain data (names, not indices) that `Skeleton.from_dict` reads back."""
        n = self.keypoints
        return {
            "name": self.name,
            "keypoints": list(n),
            "flip_pairs": [[n[a], n[b]] for a, b in self.flip_pairs],
            "limbs": [[n[a], n[b]] for a, b in self.limbs],
            "triplets": [[n[a], n[b], n[c]] for a, b, c in self.triplets],
            "groups": {g: [n[i] for i in members] for g, members in self.groups.items()},
            "root": [n[i] for i in self.root],
            "sigmas": dict(zip(n, self.sigmas, strict=True)),
            "colors": [list(c) for c in self.colors],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], origin: str = "skeleton") -> Skeleton:
        """Build a skeleton from plain data.

        Args:
            data: the mapping of a skeleton YAML: names, not indices.
            origin: file or description named in errors.

        Raises:
            UserError: for a missing or unknown key, or a name that is not a keypoint.
        """
        _check_keys(data, origin)
        names = tuple(str(k) for k in data["keypoints"])
        if len(set(names)) != len(names) or not names:
            raise UserError(f"{origin}: 'keypoints' must be a list of different names.")
        indices = _Indexer(names, origin)
        limbs = indices.pairs("limbs", data["limbs"])
        groups = {str(g): indices.each(f"groups.{g}", members) for g, members in data["groups"].items()}
        groups.setdefault("All", tuple(range(len(names))))
        sigmas = data.get("sigmas", {})
        return cls(
            name=str(data["name"]),
            keypoints=names,
            flip_pairs=indices.pairs("flip_pairs", data["flip_pairs"]),
            limbs=limbs,
            triplets=indices.triplets("triplets", data["triplets"]),
            groups=groups,
            sigmas=tuple(float(sigmas.get(n, _SIGMA_DEFAULT)) for n in names),
            colors=_colors(data.get("colors"), limbs, names, origin),
            root=indices.each("root", data["root"]),
        )


class _Indexer:
    """Turns keypoint names into indices, naming the key in errors."""

    def __init__(self, names: Sequence[str], origin: str) -> None:
        self._index = {n: i for i, n in enumerate(names)}
        self._origin = origin

    def each(self, key: str, names: Sequence[str]) -> tuple[int, ...]:
        """Indices of some names."""
        for n in names:
            if n not in self._index:
                raise UserError(
                    f"{self._origin}: '{key}' names '{n}', which is no keypoint{near_match(n, self._index)}."
                )
        return tuple(self._index[n] for n in names)

    def _tuples(self, key: str, rows: Sequence[Sequence[str]], size: int) -> list[tuple[int, ...]]:
        if any(len(row) != size for row in rows):
            raise UserError(f"{self._origin}: every entry of '{key}' must have {size} names.")
        return [self.each(key, row) for row in rows]

    def pairs(self, key: str, rows: Sequence[Sequence[str]]) -> tuple[tuple[int, int], ...]:
        """Indices of pairs of names."""
        return tuple((r[0], r[1]) for r in self._tuples(key, rows, 2))

    def triplets(self, key: str, rows: Sequence[Sequence[str]]) -> tuple[tuple[int, int, int], ...]:
        """Indices of triplets of names."""
        return tuple((r[0], r[1], r[2]) for r in self._tuples(key, rows, 3))


def near_match(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known word, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def _check_keys(data: Mapping[str, Any], origin: str) -> None:
    missing = sorted(_KEYS - set(data))
    if missing:
        raise UserError(f"{origin}: key '{missing[0]}' is missing; a skeleton needs {', '.join(sorted(_KEYS))}.")
    known = _KEYS | {"sigmas", "colors"}
    for key in data:
        if key not in known:
            raise UserError(f"{origin}: unknown key '{key}'{near_match(key, sorted(known))}.")


_LEFT, _RIGHT, _MIDDLE = (60, 160, 255), (255, 140, 0), (255, 225, 60)


def _colors(
    colors: Sequence[Sequence[int]] | None, limbs: Sequence[tuple[int, int]], names: Sequence[str], origin: str
) -> tuple[Color, ...]:
    """Colours per limb as given; else blue for left, orange for right, yellow between."""
    if colors is not None:
        if len(colors) != len(limbs):
            raise UserError(f"{origin}: 'colors' has {len(colors)} entries for {len(limbs)} limbs.")
        return tuple((int(c[0]), int(c[1]), int(c[2])) for c in colors)
    sides = [{names[i].split("_")[0] for i in limb} for limb in limbs]
    return tuple(_LEFT if "left" in s else _RIGHT if "right" in s else _MIDDLE for s in sides)


def available_skeletons() -> list[str]:
    """Names of the built-in skeletons."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.yaml"))


def load_skeleton(name: str | Path) -> Skeleton:
    """Load a built-in skeleton by name, or a user's from a YAML file.

    Args:
        name: ``body16``, ``lsp14``, ``coco17``, ``hand21``, or the path of a YAML file.

    Raises:
        UserError: when there is no such skeleton, or its file is not a skeleton.
    """
    built_in = Path(__file__).parent / f"{name}.yaml"
    path = built_in if built_in.is_file() else Path(name)
    if not path.is_file():
        known = available_skeletons()
        raise UserError(
            f"skeleton '{name}' is neither built in ({', '.join(known)}) nor a file{near_match(str(name), known)}."
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable YAML file ({str(error).splitlines()[0]}).") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: a skeleton YAML must be a mapping with the keys {', '.join(sorted(_KEYS))}.")
    return Skeleton.from_dict(data, origin=str(path))


def keypoint_map(source: Skeleton, target: Skeleton) -> tuple[int, ...]:
    """For each keypoint of ``target`` its index in ``source``, by name; -1 where ``source`` has none.

    Raises:
        UserError: when the two skeletons share no keypoint name.
    """
    index = {n: i for i, n in enumerate(source.keypoints)}
    mapping = tuple(index.get(n, -1) for n in target.keypoints)
    if all(i < 0 for i in mapping):
        raise UserError(
            f"skeletons '{source.name}' and '{target.name}' share no keypoint name; rename the keypoints of one."
        )
    return mapping

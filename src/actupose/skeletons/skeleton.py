"""The skeleton: names, pairs, limbs and angles of one kind of pose, read from YAML or another tool's file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from actupose.errors import UserError
from actupose.skeletons.derive import chain, flip_pairs, meeting_limbs, side_of

Color = tuple[int, int, int]
_NEEDED = ("name", "keypoints")
_KNOWN = (*_NEEDED, "flip_pairs", "limbs", "triplets", "groups", "root", "sigmas", "colors")
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
        derived: what its file did not say and was derived, a line each; takes no part in comparisons.
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
    derived: tuple[str, ...] = field(default=(), compare=False)

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
        """Build a skeleton from plain data; what it leaves out beside name and keypoints is derived.

        Flip pairs come from left and right in the names, limbs are a chain in the order of the keypoints, triplets
        stand where two limbs meet, ``All`` is every keypoint, and there is no root.

        Args:
            data: the mapping of a skeleton YAML: names, not indices.
            origin: file or description named in errors.

        Raises:
            UserError: for a missing or unknown key, a value of another form, or a name that is not a keypoint.
        """
        _check_keys(data, origin)
        names = _names(data["keypoints"], origin)
        indices = _Indexer(names, origin)
        derived: list[str] = []

        def given(key: str, instead: list[Any], how: str) -> Any:  # noqa: ANN401 - YAML holds anything
            if data.get(key) is not None:
                return data[key]
            derived.append(f"{key}: {len(instead)}, {how}")
            return [tuple(names[i] for i in row) for row in instead]

        pairs = indices.pairs("flip_pairs", given("flip_pairs", flip_pairs(names), "by left and right in the names"))
        limbs = indices.pairs("limbs", given("limbs", chain(len(names)), "a chain in the order of the keypoints"))
        triplets = given("triplets", meeting_limbs(limbs, len(names)), "where two limbs meet")
        groups = {
            str(g): indices.each(f"groups.{g}", members) for g, members in _mapping(data, "groups", origin).items()
        }
        groups.setdefault("All", tuple(range(len(names))))
        return cls(
            name=str(data["name"]),
            keypoints=names,
            flip_pairs=pairs,
            limbs=limbs,
            triplets=indices.triplets("triplets", triplets),
            groups=groups,
            sigmas=_sigmas(_mapping(data, "sigmas", origin), names, origin),
            colors=_colors(data.get("colors"), limbs, names, origin),
            root=indices.each("root", data.get("root") or ()),
            derived=tuple(derived),
        )


class _Indexer:
    """Turns keypoint names into indices, naming the key in errors."""

    def __init__(self, names: Sequence[str], origin: str) -> None:
        self._index = {n: i for i, n in enumerate(names)}
        self._origin = origin

    def each(self, key: str, names: Any) -> tuple[int, ...]:  # noqa: ANN401 - YAML holds anything
        """Indices of some names."""
        if not isinstance(names, list | tuple):
            raise UserError(f"{self._origin}: '{key}' must be a list of keypoint names, got {str(names)[:60]}.")
        names = [str(n) for n in names]
        for n in names:
            if n not in self._index:
                raise UserError(
                    f"{self._origin}: '{key}' names '{n}', which is no keypoint{near_match(n, self._index)}."
                )
        return tuple(self._index[n] for n in names)

    def _tuples(self, key: str, rows: Any, size: int) -> list[tuple[int, ...]]:  # noqa: ANN401 - YAML holds anything
        def fits(row: Any) -> bool:  # noqa: ANN401 - YAML holds anything
            return isinstance(row, list | tuple) and len(row) == len(set(map(str, row))) == size

        if not isinstance(rows, list | tuple) or not all(map(fits, rows)):
            raise UserError(f"{self._origin}: every entry of '{key}' must have {size} names, all different.")
        return [self.each(key, row) for row in rows]

    def pairs(self, key: str, rows: Any) -> tuple[tuple[int, int], ...]:  # noqa: ANN401 - YAML holds anything
        """Indices of pairs of names."""
        return tuple((r[0], r[1]) for r in self._tuples(key, rows, 2))

    def triplets(self, key: str, rows: Any) -> tuple[tuple[int, int, int], ...]:  # noqa: ANN401 - YAML holds anything
        """Indices of triplets of names."""
        return tuple((r[0], r[1], r[2]) for r in self._tuples(key, rows, 3))


def near_match(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known word, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def _check_keys(data: Mapping[str, Any], origin: str) -> None:
    for key in _NEEDED:
        if key not in data:
            raise UserError(f"{origin}: key '{key}' is missing; a skeleton needs {' and '.join(_NEEDED)}.")
    for key in data:
        if key not in _KNOWN:
            raise UserError(f"{origin}: unknown key '{key}'{near_match(str(key), _KNOWN)}.")


def _names(given: Any, origin: str) -> tuple[str, ...]:  # noqa: ANN401 - YAML holds anything
    names = tuple(str(k) for k in given) if isinstance(given, list | tuple) else ()
    if len(set(names)) != len(names) or not names:
        raise UserError(f"{origin}: 'keypoints' must be a list of different names.")
    odd = next((name for name in names if not name.isprintable()), None)
    if odd is not None:
        raise UserError(f"{origin}: 'keypoints' has the name {odd!r}; use letters that can be printed.")
    return names


def _mapping(data: Mapping[str, Any], key: str, origin: str) -> Mapping[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise UserError(f"{origin}: '{key}' must be a mapping, got {str(value)[:60]}.")
    return value


def _sigmas(given: Mapping[str, Any], names: Sequence[str], origin: str) -> tuple[float, ...]:
    for name, value in given.items():
        if name not in names:
            raise UserError(f"{origin}: 'sigmas' names '{name}', which is no keypoint{near_match(str(name), names)}.")
        if not isinstance(value, int | float) or not value > 0:
            raise UserError(f"{origin}: 'sigmas' of '{name}' must be a number above 0, got {value}.")
    return tuple(float(given.get(n, _SIGMA_DEFAULT)) for n in names)


_LEFT, _RIGHT, _MIDDLE = (60, 160, 255), (255, 140, 0), (255, 225, 60)


def _colors(
    colors: Sequence[Sequence[int]] | None, limbs: Sequence[tuple[int, int]], names: Sequence[str], origin: str
) -> tuple[Color, ...]:
    """Colours per limb as given; else blue for left, orange for right, yellow between."""
    if colors is not None:
        if len(colors) != len(limbs):
            raise UserError(f"{origin}: 'colors' has {len(colors)} entries for {len(limbs)} limbs.")
        if not all(len(c) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in c) for c in colors):
            raise UserError(f"{origin}: every entry of 'colors' must be three whole numbers from 0 to 255.")
        return tuple((c[0], c[1], c[2]) for c in colors)
    sides = [{side_of(names[i]) for i in limb} for limb in limbs]
    return tuple(_LEFT if "left" in s else _RIGHT if "right" in s else _MIDDLE for s in sides)


def available_skeletons() -> list[str]:
    """Names of the built-in skeletons."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.yaml"))


def load_skeleton(name: str | Path) -> Skeleton:
    """Load a built-in skeleton by name, or a user's from a file.

    Args:
        name: ``body16``, ``lsp14``, ``coco17``, ``hand21``, or a path: a skeleton YAML, a COCO JSON with
            ``categories``, a DeepLabCut project or its ``config.yaml``, a SLEAP ``.slp``, or an mmpose metainfo
            ``.py``.

    Raises:
        UserError: when there is no such skeleton, or its file is not a skeleton.
    """
    built_in = Path(__file__).parent / f"{name}.yaml"
    path = built_in if built_in.is_file() else Path(name)
    if not path.exists():
        known = available_skeletons()
        raise UserError(
            f"skeleton '{name}' is neither built in ({', '.join(known)}) nor a file{near_match(str(name), known)}."
        )
    from actupose.skeletons.formats import skeleton_data

    data, origin = skeleton_data(path)
    return Skeleton.from_dict(data, origin)


def write_skeleton(skeleton: Skeleton, path: Path) -> None:
    """Write a skeleton as YAML that `load_skeleton` reads back; an existing file stays.

    Raises:
        UserError: the file exists already or cannot be written.
    """
    text = yaml.safe_dump(skeleton.to_dict(), sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{path}: exists already; name another file.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot write ({error.strerror or error}); name another file.") from error


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Args:
        path: the file.
        what: what it should be, for messages.

    Raises:
        UserError: it cannot be read or holds something else.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise UserError(f"{path}: not a readable YAML file ({' '.join(str(error).split())[:120]}).") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: {what} is a YAML mapping, this is none.")
    return data

"""From one skeleton to another: by keypoint name, with a user's own pairs first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actupose.errors import UserError
from actupose.skeletons.skeleton import Skeleton, near_match, read_yaml

Renames = Mapping[str, str]


def keypoint_map(source: Skeleton, target: Skeleton, renames: Renames | None = None) -> tuple[int, ...]:
    """For each keypoint of ``target`` its index in ``source``; -1 where ``source`` has none.

    Args:
        source: skeleton of the data.
        target: skeleton of the model.
        renames: source name -> target name, from `read_renames`; it goes before equal names, and a source keypoint
            that it names is used there alone. Names that ``source`` lacks are of another store and left alone.

    Raises:
        UserError: the two share no keypoint, or ``renames`` names a target that is none.
    """
    renames = dict(renames or {})
    for old, new in renames.items():
        if new not in target.keypoints:
            hint = near_match(new, target.keypoints)
            raise UserError(f"the map sends '{old}' to '{new}', no keypoint of '{target.name}'{hint}.")
    place = {renames[n]: i for i, n in enumerate(source.keypoints) if n in renames}
    place = {n: i for i, n in enumerate(source.keypoints) if n not in renames} | place
    mapping = tuple(place.get(n, -1) for n in target.keypoints)
    if all(i < 0 for i in mapping):
        raise UserError(
            f"skeletons '{source.name}' and '{target.name}' share no keypoint name; rename the keypoints of one, or "
            "give a map file with the pairs (map: {source_name: target_name})."
        )
    return mapping


def read_renames(path: Path) -> dict[str, str]:
    """Read a map file: YAML with ``map: {source_name: target_name}``.

    Raises:
        UserError: it is missing, of another form, or sends two names to one.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such map file.")
    data = read_yaml(path, "a keypoint map")
    pairs = data.get("map")
    if set(data) != {"map"} or not isinstance(pairs, dict) or not pairs:
        raise UserError(f"{path}: a keypoint map is one key, map: {{source_name: target_name}}.")
    renames = {str(old): str(new) for old, new in pairs.items()}
    twice = sorted(n for n in set(renames.values()) if list(renames.values()).count(n) > 1)
    if twice:
        raise UserError(f"{path}: sends two keypoints to '{twice[0]}'; name each target once.")
    return renames


def check_renames(renames: Renames, sources: tuple[Skeleton, ...]) -> None:
    """Refuse a map that names a source keypoint which no skeleton has.

    Raises:
        UserError: the first such name, with its near match.
    """
    known = {n: None for s in sources for n in s.keypoints}
    for old in renames:
        if old not in known:
            raise UserError(f"the map names '{old}', no keypoint of the data{near_match(old, known)}.")


def mapping_text(source: Skeleton, target: Skeleton, mapping: tuple[int, ...]) -> str:
    """What goes where, for the terminal: two lines, and one for each side's keypoints that the other lacks."""
    pairs = [(source.keypoints[i], n) for i, n in zip(mapping, target.keypoints, strict=True) if i >= 0]
    lines = [f"keypoints {source.name} -> {target.name}: {len(pairs)} of {target.num_keypoints}"]
    lines.append("  " + ", ".join(a if a == b else f"{a} -> {b}" for a, b in pairs))
    absent = [n for i, n in zip(mapping, target.keypoints, strict=True) if i < 0]
    unused = [n for i, n in enumerate(source.keypoints) if i not in mapping]
    lines += [f"  not in {source.name}, masked: {', '.join(absent)}"] if absent else []
    lines += [f"  only in {source.name}, left out: {', '.join(unused)}"] if unused else []
    return "\n".join(lines)


def describe(skeleton: Skeleton) -> str:
    """A skeleton for the terminal: its parts, and which of them were derived."""
    names = skeleton.keypoints
    groups = {g: len(m) for g, m in skeleton.groups.items()}
    lines = [
        f"{skeleton.name}: {len(names)} keypoints: {', '.join(names)}",
        f"  limbs: {', '.join(f'{names[a]}-{names[b]}' for a, b in skeleton.limbs)}",
        f"  flip pairs: {', '.join(f'{names[a]}/{names[b]}' for a, b in skeleton.flip_pairs) or 'none'}",
        f"  angle triplets: {len(skeleton.triplets)}; groups: {', '.join(f'{g} ({n})' for g, n in groups.items())}",
    ]
    return "\n".join([*lines, *(f"  derived {line}" for line in skeleton.derived)])

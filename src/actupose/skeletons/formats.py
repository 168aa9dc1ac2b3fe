"""Skeletons in other tools' files: COCO categories, DeepLabCut projects, SLEAP files, mmpose metainfo.

Each function returns the plain mapping of a skeleton YAML. Nothing in a file is executed.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actupose.errors import UserError
from actupose.skeletons.skeleton import read_yaml

_KINDS = "a skeleton YAML, a COCO JSON, a DeepLabCut project, a SLEAP .slp or an mmpose metainfo .py"


def skeleton_data(path: Path) -> tuple[dict[str, Any], str]:
    """The skeleton that a file or project folder names, as plain data, and what it is called in messages.

    Raises:
        UserError: it is no file of a known kind, or holds no skeleton.
    """
    if path.is_dir():
        if not (path / "config.yaml").is_file():
            raise UserError(f"{path}: is a folder without config.yaml, so no DeepLabCut project; name {_KINDS}.")
        path = path / "config.yaml"
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        data = read_yaml(path, "a skeleton or DeepLabCut config")
        found = deeplabcut_data(data, path) if is_deeplabcut(data) else data
    elif suffix == ".json":
        found = coco_data(path)
    elif suffix == ".slp":
        found = sleap_data(path)
    elif suffix == ".py":
        found = mmpose_data(path)
    else:
        raise UserError(f"{path}: is no skeleton file; name {_KINDS}.")
    return found, str(path)


def category_data(category: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The skeleton of one entry of COCO ``categories``; its ``skeleton`` counts keypoints from 1.

    Raises:
        UserError: it has no keypoints, or a limb names a number that is none.
    """
    names = category.get("keypoints")
    if not isinstance(names, list) or not names:
        raise UserError(f"{origin}: the category has no list 'keypoints'; name a COCO keypoints JSON.")
    data: dict[str, Any] = {"name": f"{category.get('name', 'coco')}{len(names)}", "keypoints": [str(n) for n in names]}
    if category.get("skeleton"):
        data["limbs"] = _limbs(category["skeleton"], data["keypoints"], 1, f"{origin}: 'skeleton'")
    return data


def coco_data(path: Path) -> dict[str, Any]:
    """The skeleton of a JSON file: a whole COCO file, its list of categories, or one category."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise UserError(f"{path}: is not readable JSON ({error}); copy it again.") from error
    if isinstance(data, dict):
        data = data.get("categories", [data])
    entries = [c for c in data if isinstance(c, dict)] if isinstance(data, list) else []
    posed = [c for c in entries if c.get("keypoints")]
    if not posed:
        raise UserError(f"{path}: no entry of 'categories' has 'keypoints'; name a COCO keypoints JSON.")
    return category_data(posed[0], str(path))


def is_deeplabcut(data: Mapping[str, Any]) -> bool:
    """Whether a YAML mapping is a DeepLabCut project's config."""
    return "bodyparts" in data and "keypoints" not in data


def deeplabcut_data(data: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The skeleton of a DeepLabCut ``config.yaml``; of a multi-animal project that of its individuals.

    Body parts of the project that belong to no individual (``uniquebodyparts``) are left out.
    """
    key = "multianimalbodyparts" if data.get("multianimalproject") else "bodyparts"
    names = data.get(key)
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: '{key}' is no list of names; set it in the DeepLabCut project.")
    names = [str(n) for n in names]
    found: dict[str, Any] = {"name": f"{data.get('Task') or 'deeplabcut'}{len(names)}", "keypoints": names}
    rows = [[str(n) for n in row] for row in _rows(data.get("skeleton") or [], f"{path}: 'skeleton'")]
    limbs = [row for row in rows if set(row) <= set(names)]  # a new project's has placeholders
    return found | ({"limbs": limbs} if limbs else {})


def sleap_data(path: Path) -> dict[str, Any]:
    """The skeleton of a SLEAP file, with its edges and symmetries."""
    return sleap_skeleton(load_sleap(path), path)


def load_sleap(path: Path) -> Any:  # noqa: ANN401 - sleap-io has no types
    """The `sleap_io.Labels` of a file; no video is opened.

    Raises:
        UserError: sleap-io is missing, or the file is none of SLEAP's or cut short.
    """
    try:
        import sleap_io
    except ImportError as error:
        raise UserError(f"{path}: SLEAP files need sleap-io; pip install 'actupose[sleap]'.") from error
    try:
        return sleap_io.load_slp(str(path), open_videos=False)
    except Exception as error:  # h5py and sleap-io raise anything from OSError to KeyError on a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"{path}: is not a readable SLEAP file ({reason}); save it again in SLEAP.") from error


def sleap_skeleton(labels: Any, path: Path) -> dict[str, Any]:  # noqa: ANN401 - sleap-io has no types
    """The skeleton of opened SLEAP labels.

    Raises:
        UserError: there is none, or there are several with different nodes.
    """
    found = {tuple(s.node_names): s for s in labels.skeletons if s.node_names}
    if len(found) != 1:
        what = "holds no skeleton" if not found else f"holds {len(found)} different skeletons"
        raise UserError(f"{path}: {what}; save a project with one skeleton.")
    names, skeleton = next(iter(found.items()))
    data: dict[str, Any] = {"name": f"{Path(str(skeleton.name or 'sleap')).name}", "keypoints": list(names)}
    if skeleton.edges:
        data["limbs"] = [[a.name, b.name] for a, b in skeleton.edges]
    if skeleton.symmetries:
        data["flip_pairs"] = [sorted(n.name for n in pair.nodes) for pair in skeleton.symmetries]
    return data


def mmpose_data(path: Path) -> dict[str, Any]:
    """The skeleton of an mmpose metainfo file: its ``dataset_info``, read as literals, never run.

    Raises:
        UserError: it is no Python that can be read, has no ``dataset_info``, or that holds more than literals.
    """
    info = _dataset_info(path)
    points, wanted = info.get("keypoint_info"), "a mapping of numbers to dict(name=..., swap=...)"
    numbered = isinstance(points, Mapping) and all(isinstance(i, int) for i in points)
    entries = [points[i] for i in sorted(points)] if isinstance(points, Mapping) and numbered else []
    if not entries or not all(isinstance(e, Mapping) and "name" in e for e in entries):
        raise UserError(f"{path}: 'keypoint_info' of dataset_info must be {wanted}.")
    names = [str(e["name"]) for e in entries]
    data: dict[str, Any] = {"name": str(info.get("dataset_name", path.stem)), "keypoints": names}
    swaps = {frozenset((n, str(e["swap"]))) for n, e in zip(names, entries, strict=True) if e.get("swap")}
    data["flip_pairs"] = sorted(
        sorted(pair, key=names.index) for pair in swaps if len(pair) == 2 and pair <= set(names)
    )
    links = [e for e in (info.get("skeleton_info") or {}).values() if isinstance(e, Mapping) and "link" in e]
    if links:
        data["limbs"] = [[str(n) for n in e["link"]] for e in links]
    sigmas = info.get("sigmas")
    if isinstance(sigmas, list) and len(sigmas) == len(names):
        data["sigmas"] = dict(zip(names, sigmas, strict=True))
    return data


def _dataset_info(path: Path) -> dict[str, Any]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        raise UserError(f"{path}: is not readable Python ({error}).") from error
    for node in tree.body:
        targets = [t.id for t in node.targets if isinstance(t, ast.Name)] if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Assign) and "dataset_info" in targets:
            value = _DictCalls().visit(node.value)
            pairs = zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ()
            return {str(_literal(k, path)): _literal(v, path) for k, v in pairs if k is not None}
    raise UserError(f"{path}: assigns no 'dataset_info'; name an mmpose metainfo file.")


def _literal(node: ast.expr, path: Path) -> Any:  # noqa: ANN401 - any literal
    """The value of a literal; a list times a number, as metainfo files write weights, is a literal too."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return None  # e.g. [1.0] * 68: weights, not used here
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(f"{path}: line {node.lineno} of dataset_info is no literal; write plain values.") from error


class _DictCalls(ast.NodeTransformer):
    """Turns ``dict(a=1)`` into ``{"a": 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a call of ``dict`` with keywords; any other call stays and is refused later."""
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args):
            return node
        keys: list[ast.expr | None] = [ast.copy_location(ast.Constant(k.arg), node) for k in node.keywords if k.arg]
        if len(keys) != len(node.keywords):
            return node
        return ast.copy_location(ast.Dict(keys, [k.value for k in node.keywords]), node)


def _rows(rows: Any, origin: str) -> list[Any]:  # noqa: ANN401 - JSON and YAML hold anything
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise UserError(f"{origin} must be a list of pairs, got {str(rows)[:60]}.")
    return rows


def _limbs(rows: Any, names: Sequence[str], first: int, origin: str) -> list[list[str]]:  # noqa: ANN401 - JSON
    """Pairs of names from pairs of numbers that count from ``first``."""
    for row in _rows(rows, origin):
        if not all(isinstance(i, int) and first <= i < first + len(names) for i in row):
            raise UserError(f"{origin} has the limb {row}; it must be two keypoint numbers from {first} on.")
    return [[names[i - first] for i in row] for row in rows]

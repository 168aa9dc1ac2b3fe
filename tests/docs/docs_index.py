"""What the pages name, and what the sources define; read from text alone, nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "actupose"
DOCS = ROOT / "docs"

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Source:
    """One module: its classes with their members and bases, its other names, every identifier in it."""

    names: set[str] = field(default_factory=set)
    classes: dict[str, tuple[set[str], list[str]]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)


@cache
def sources() -> dict[str, Source]:
    """Path below `src/actupose` -> what stands in it."""
    return {f.relative_to(SRC).as_posix(): read_source(f.read_text("utf-8")) for f in sorted(SRC.rglob("*.py"))}


def read_source(text: str) -> Source:
    tree, found = ast.parse(text), Source()
    for node in tree.body:
        found.names |= set(defined(node))
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base).split("[")[0].rsplit(".", 1)[-1] for base in node.bases]
            found.classes[node.name] = (members(node), bases)
    found.words = set(words(tree))
    return found


def defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (t.id for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def members(node: ast.ClassDef) -> set[str]:
    found = {name for inner in node.body for name in defined(inner)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            found.add(inner.attr)
    return found


def words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for name in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                yield value
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60:
            yield node.value


def has_member(cls: str, name: str) -> bool:
    """Whether a class of that name, or a base of it in the package, has the member."""
    for source in sources().values():
        if cls in source.classes:
            own, bases = source.classes[cls]
            if name in own or any(has_member(base, name) for base in bases):
                return True
    return False


def defines(path: str, dotted: str) -> bool:
    """Whether a file defines ``function``, ``Class`` or ``Class.member``."""
    head, _, rest = dotted.partition(".")
    source = sources()[path]
    return head in source.names and (not rest or (head in source.classes and has_member(head, rest)))


def is_code(dotted: str) -> bool:
    """Whether ``room.module.name.member``, with or without ``actupose.``, or ``Class.member`` exists."""
    parts = dotted.removeprefix("actupose.").split(".")
    for cut in range(len(parts), 0, -1):
        base, rest = "/".join(parts[:cut]), ".".join(parts[cut:])
        for path in (f"{base}.py", f"{base}/__init__.py"):
            if path in sources() and (not rest or defines(path, rest) or rest in sources()[path].words):
                return True
    return len(parts) == 2 and has_member(*parts)


def is_word(name: str) -> bool:
    """Whether an identifier stands anywhere in the package, its YAML files or the configs, or names a room."""
    if (SRC / name).is_dir() or any(name in source.words for source in sources().values()):
        return True
    return name in yaml_words()


@cache
def yaml_words() -> frozenset[str]:
    files = [*SRC.rglob("*.yaml"), *(ROOT / "configs").rglob("*.yaml")]
    return frozenset(w for f in files for w in re.findall(r"[A-Za-z_]\w*", f.read_text("utf-8")))


@cache
def source_text() -> str:
    return "\n".join(f.read_text("utf-8") for f in sorted(SRC.rglob("*.py")))


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks, on one line."""
    return " ".join(FENCE.sub(" ", text).split())


def ticked(text: str) -> list[str]:
    """What stands in backticks, outside fenced blocks, each once."""
    return list(dict.fromkeys(re.findall(r"`([^`]+)`", prose(text))))


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text) if kind == language]


def commands(text: str) -> list[str]:
    """Lines of shell blocks, comments cut off."""
    lines = "\n".join(blocks(text, "bash")).replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"\s+#.*$", "", raw).strip() for raw in lines) if line and line[0] != "#"]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as Markdown's toc makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", h.encode("ascii", "ignore").decode()).strip().lower() for h in headings)
    return {re.sub(r"[\s-]+", "-", h) for h in plain}

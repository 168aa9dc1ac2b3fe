"""The house rules that no tool checks: which room may import which, who may import Lightning, and no work on import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import actupose

ROOT = Path(actupose.__file__).parent

# A room imports itself and the rooms before it. One file stands apart from its room: the datamodule is where the
# curriculum meets the data, so `data/datamodule.py` comes after both, and after the methods, which must not know it.
ORDER = (
    "skeletons",
    "geometry",
    "codecs",
    "views",
    "data",
    "synth",
    "curriculum",
    "models",
    "losses",
    "metrics",
    "methods",
    "data.datamodule",
    "engine",
    "deploy",
    "report",
    "app",
    "commands",
    "cli",
    "__main__",
)
FREE = {"errors", "files", "progress", ""}  # "" is the package itself: its version
LIGHTNING = {"methods", "data.datamodule", "engine", "commands"}
GRADIO = {"app"}  # and there in functions alone
LIGHTNING_NAMES = {"lightning", "pytorch_lightning", "lightning_fabric"}
QUIET = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign)


def room_of(module: str) -> str:
    """``actupose.losses.heatmap`` -> ``losses``; a file with a place of its own keeps it."""
    inner = module.removeprefix("actupose").removeprefix(".")
    places = [place for place in ORDER if inner == place or inner.startswith(f"{place}.")]
    return max(places, key=len) if places else inner.split(".", 1)[0]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Modules that a source imports anywhere, in functions and for types too, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            base = node.module or ""
            modules = {base, *(f"{base}.{a.name}" for a in node.names)} if is_package(base) else {base}
            yield from ((module, node.lineno) for module in modules)


def is_package(module: str) -> bool:
    return (ROOT.parent / module.replace(".", "/")).is_dir() and module.startswith("actupose")


def complaints(module: str, source: str) -> list[str]:
    """What a module's imports break."""
    room, found = room_of(module), []
    for name, line in imported(ast.parse(source)):
        if name.split(".")[0] in LIGHTNING_NAMES and room not in LIGHTNING:
            found.append(f"{module}:{line} imports {name}: only {', '.join(sorted(LIGHTNING))} may")
        if name.split(".")[0] == "gradio" and room not in GRADIO:
            found.append(f"{module}:{line} imports {name}: only {', '.join(GRADIO)} may")
        if name.split(".")[0] != "actupose":
            continue
        other = room_of(name)
        if other in FREE or other == room or other not in ORDER:
            continue
        alone = other == "cli" and room != "__main__"
        if alone or room in FREE or ORDER.index(other) > ORDER.index(room):
            found.append(f"{module}:{line} imports {name}: '{other}' does not stand before '{room or 'actupose'}'")
    return found


def sources() -> dict[str, str]:
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 80
    return {".".join(["actupose", *f.relative_to(ROOT).with_suffix("").parts]): f.read_text("utf-8") for f in files}


def test_every_room_imports_only_rooms_before_it() -> None:
    found = [
        line for module, source in sources().items() for line in complaints(module.removesuffix(".__init__"), source)
    ]
    assert not found, "\n".join(found)


def test_every_room_has_a_place() -> None:
    rooms = {room_of(module.removesuffix(".__init__")) for module in sources()} - FREE - {"__init__"}
    assert rooms <= set(ORDER), rooms - set(ORDER)


def test_the_datamodule_knows_data_and_curriculum_alone() -> None:
    source = (ROOT / "data" / "datamodule.py").read_text("utf-8")
    rooms = {room_of(name) for name, _ in imported(ast.parse(source)) if name.startswith("actupose")}
    assert rooms - FREE == {"skeletons", "data", "curriculum"}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("actupose.losses.x", "from actupose.methods import UDAPE", True),
        ("actupose.losses.x", "def f():\n    import actupose.engine.training", True),
        ("actupose.losses.x", "from actupose import engine", True),
        ("actupose.commands.x", "def f():\n    import gradio", True),
        ("actupose.models.x", "import lightning as L", True),
        ("actupose.curriculum.x", "from lightning.pytorch import Trainer", True),
        ("actupose.methods.x", "from actupose.data.datamodule import PoseDataModule", True),
        ("actupose.report.x", "from actupose.cli import main", True),
        ("actupose.errors", "from actupose.skeletons import Skeleton", True),
        ("actupose.methods.x", "import lightning as L\nfrom actupose.data.batch import LabeledBatch", False),
        ("actupose.engine.x", "from actupose.data.datamodule import PoseDataModule", False),
        ("actupose.losses.x", "from actupose.codecs import argmax\nfrom actupose.errors import UserError", False),
    ],
)
def test_the_rules_themselves(module: str, source: str, wrong: bool) -> None:
    assert bool(complaints(module, source)) is wrong


def test_modules_only_define_at_import() -> None:
    loud = []
    for module, source in sources().items():
        for node in ast.parse(source).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for_types = isinstance(node, ast.If) and ast.unparse(node.test) in (
                "TYPE_CHECKING",
                "__name__ == '__main__'",
            )
            if not (docstring or for_types or isinstance(node, QUIET)):
                loud.append(f"{module}:{node.lineno} {ast.unparse(node)[:60]}")
    assert not loud, "\n".join(loud)


def test_the_page_loads_gradio_only_when_it_is_served() -> None:
    code = "import sys, actupose.app.serve, actupose.commands.app; print('gradio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


def test_importing_the_package_takes_nothing_heavy() -> None:
    code = "import sys, actupose, actupose.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    heavy = {"torch", "numpy", "lightning", "timm", "jsonargparse", "datasets", "pyarrow", "PIL"}
    assert not heavy & set(done.stdout.split())

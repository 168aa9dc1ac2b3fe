"""The pages name only what exists: files, functions, options, keys, links."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
import shlex
import typing
from pathlib import Path
from typing import Any

import docs_index as index
import pytest
import yaml
from docs_index import DOCS, ROOT, SRC
from docs_tools import tool

from actupose.cli import VERBS
from actupose.commands.suite import plan, read_suite
from actupose.methods import METHODS
from actupose.skeletons import Skeleton
from actupose.skeletons.mapping import read_renames
from actupose.synth.look import Look
from actupose.synth.schema import build

PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
PRECISE = ("architecture.md", "method.md")  # every name in backticks is looked up
TRAINING = ("fit", "validate", "test")
LIGHT = [name for name in VERBS if name not in TRAINING]
_FILE = re.compile(r"^[\w.\-]+(/[\w.\-]+)*\.(py|yaml|json|jsonl|csv|npz|ckpt|md|toml|arrow|mat|cff|lock)$")
_FOLDER = re.compile(r"^[\w.\-]+(/[\w.\-]+)*/$")
_CODE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\([\w, ]*\))?$")


# -- files and names


def file_exists(token: str) -> bool:
    """In the repository, in the package, or written by the package under that name."""
    return (ROOT / token).exists() or (SRC / token).exists() or Path(token).name in index.source_text()


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_names_exists(name: str) -> None:
    own = {
        "my_skeleton.yaml",
        "pairs.yaml",
        "my_look.yaml",
        "boxes.json",
        "labels.json",
        "mouse.yaml",
        "seats.json",
    }  # a reader's own
    tokens = [t for t in index.ticked(index.page(name)) if _FILE.match(t) or _FOLDER.match(t)]
    missing = [t for t in tokens if t not in own and "SPLIT" not in t and not file_exists(t)]
    assert not missing


@pytest.mark.parametrize("name", PRECISE)
def test_every_name_on_the_precise_pages_exists(name: str) -> None:
    unknown = []
    for token in index.ticked(index.page(name)):
        if _FILE.match(token) or _FOLDER.match(token) or not _CODE.match(token):
            continue
        plain = token.split("(")[0]
        known = index.is_code(plain) or is_key(plain) if "." in plain else index.is_word(plain)
        if not known and not (ROOT / plain).is_dir():
            unknown.append(token)
    assert not unknown


@pytest.mark.parametrize("name", PRECISE)
def test_names_are_defined_in_the_file_that_the_page_gives(name: str) -> None:
    text = index.prose(index.page(name))
    found = re.findall(r"((?:`[\w.]+`(?:, | and )?)+) (?:in |\()`([\w/]+\.py)`", text)
    found += [(name, path) for name, path in re.findall(r"(`[\w.]+`): [^`|]*`([\w/]+\.py)`", text)]
    pairs = [(token, path) for names, path in found for token in re.findall(r"`([\w.]+)`", names)]
    assert len(pairs) >= 25
    wrong = [(t, p) for t, p in pairs if p in index.sources() and not index.defines(p, t)]
    assert not wrong


def test_the_rooms_are_those_of_the_layer_test() -> None:
    tree = ast.parse((ROOT / "tests" / "test_layers.py").read_text("utf-8"))
    values = {
        t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }
    table = re.findall(r"^\| `([\w.]+)` \| .* \| (yes|no) \|$", index.page("architecture.md"), re.MULTILINE)
    assert [room for room, _ in table] == list(ast.literal_eval(values["ORDER"]))
    assert {room for room, lightning in table if lightning == "yes"} == ast.literal_eval(values["LIGHTNING"])


# -- configuration keys


def field_types(cls: type) -> dict[str, Any]:
    """Arguments of a class and its bases -> their types."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        if "__init__" in vars(base):
            found |= typing.get_type_hints(vars(base)["__init__"])
    return {k: v for k, v in found.items() if k not in ("return", "shared")}


def lookup(key: str, method: str = "actupose") -> tuple[bool, Any]:
    """Whether a training's key exists for a method, and its default where it has a plain one."""
    import lightning as L

    from actupose.data.datamodule import PoseDataModule
    from actupose.engine.validators import LabelFreeConfig

    head, *rest = key.replace("model.init_args.", "model.").split(".")
    if head == "trainer" and len(rest) == 1:
        return rest[0] in inspect.signature(L.Trainer.__init__).parameters, None
    roots = {"data": PoseDataModule, "model": METHODS[method], "label_free": LabelFreeConfig}
    if head not in roots or not rest:
        return False, None
    cls: type = roots[head]
    default: Any = None
    for part in rest:
        hints = field_types(cls)
        if part not in hints:
            return False, None
        default = default_of(cls, part)
        groups = [t for t in (hints[part], *typing.get_args(hints[part])) if dataclasses.is_dataclass(t)]
        cls = typing.cast(type, groups[0]) if groups else object
    return True, default


def default_of(cls: type, name: str) -> Any:
    for base in cls.__mro__[:-1]:
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            if name in parameters:
                return parameters[name].default
    return None


def is_key(dotted: str) -> bool:
    return lookup(dotted)[0]


def parse_training(args: list[str]) -> None:
    """Parse as `actupose fit` does, without making data, network and trainer."""
    from actupose.commands.training import ParsedTraining, split_dry_run

    ParsedTraining(split_dry_run(args)[0])


WHOLE = ["--config", "configs/tasks/synth_lspet.yaml", "--config", "configs/methods/actupose.yaml"]


@pytest.fixture
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_repository")
@pytest.mark.parametrize("name", PAGES)
def test_every_yaml_block_is_accepted(name: str, tmp_path: Path) -> None:
    for text in index.blocks(index.page(name), "yaml"):
        data = yaml.safe_load(text)
        keys = set(data)
        if keys <= {"seed_everything", "out", "trainer", "data", "model", "label_free", "ckpt_path"}:
            file = tmp_path / "block.yaml"
            file.write_text(text, encoding="utf-8")
            parse_training([*WHOLE, "--config", str(file)])
        elif "methods" in keys:
            file = tmp_path / "suite.yaml"
            file.write_text(text, encoding="utf-8")
            assert plan(read_suite(file)[0], ROOT / "configs", file)
        elif "keypoints" in keys:
            Skeleton.from_dict(data, name)
        elif keys == {"map"}:
            file = tmp_path / "pairs.yaml"
            file.write_text(text, encoding="utf-8")
            assert read_renames(file)
        else:
            build(Look, data, name)


def test_a_wrong_key_would_be_found(in_repository: None) -> None:  # noqa: ARG001 - a fixture
    from actupose.errors import UserError

    with pytest.raises(UserError, match="iteration"):
        parse_training([*WHOLE, "--data.loader.iteration", "3"])
    assert not is_key("data.loader.iteration")
    assert is_key("model.init_args.teacher.bn")
    assert not index.is_code("PoseMethod.nothing")
    assert not index.defines("losses/heatmap.py", "rectify")
    assert not file_exists("losses/nothing.py")


# -- the command line


def option_rows(verb: str) -> dict[str, str]:
    """Options of a verb's table in cli.md -> the default that the table gives."""
    rows = re.findall(r"^\| `--([\w.]+)` \|.*\| ([^|]*) \|$", section_of(verb), re.MULTILINE)
    return {name: default.strip("` ") for name, default in rows}


def section_of(verb: str) -> str:
    section = re.search(rf"^## {verb}$(.*?)(?=^## |\Z)", index.page("cli.md"), re.MULTILINE | re.DOTALL)
    assert section, f"cli.md has no section {verb}"
    return section[1]


def same_default(told: str, real: object) -> bool:
    """Numbers and truth values must agree; words describe what None stands for."""
    value = yaml.safe_load(told.replace("\u2212", "-")) if told else None
    return value == real if isinstance(value, int | float) and isinstance(real, int | float) else True


def test_the_reference_is_what_the_parsers_say() -> None:
    assert index.page("cli.md") == tool("cli_reference").reference(), "run: python tools/cli_reference.py"


def test_every_verb_has_a_section() -> None:
    assert set(re.findall(r"^## (\w+)$", index.page("cli.md"), re.MULTILINE)) == set(VERBS)


@pytest.mark.parametrize("verb", LIGHT)
def test_a_light_verbs_table_is_its_parser(verb: str) -> None:
    parser = tool("cli_reference").parser_of(verb)
    told, defaults = option_rows(verb), parser.get_defaults()
    arguments = re.findall(r"^\| `([A-Z_]+)` \|", section_of(verb), re.MULTILINE)
    real = {key for key, _ in defaults.items(branches=False)} - {"config"}
    assert {*told, *(name.lower() for name in arguments)} == real
    assert not [name for name, text in told.items() if not same_default(text, defaults.get(name))]


@pytest.mark.parametrize("verb", TRAINING)
def test_a_training_verbs_options_exist(verb: str) -> None:
    own = {"config", "out", "start", "eval_every_epoch", "eval_pseudo_labels", "seed_everything", "model", "ckpt_path"}
    for name, told in option_rows(verb).items():
        found = [lookup(name, method) for method in METHODS]
        assert name in own or any(known and same_default(told, default) for known, default in found), name


@pytest.mark.usefixtures("in_repository")
@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_is_understood(name: str) -> None:
    for line in index.commands(index.page(name)):
        program, *args = shlex.split(line)
        if program == "make":
            assert re.search(rf"^{args[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), line
        if program != "actupose" or args[0].startswith("-") or args[0] == "VERB":
            continue
        assert args[0] in VERBS, line
        if args[0] in TRAINING:
            parse_training(known_configs(args[1:]))
        else:
            options = {a.removeprefix("--") for a in args if a.startswith("--")}
            assert options - {"config", "print_config"} <= set(option_rows(args[0])), line
            if args[0] == "prepare":
                assert args[1] in importlib.import_module("actupose.data.readers").READERS, line


def known_configs(args: list[str]) -> list[str]:
    """The arguments, with a config of the repository for one that a reader would have."""
    standing = ["configs/methods/actupose.yaml" if a.startswith("runs/") and a.endswith(".yaml") else a for a in args]
    return [a for a in standing if a != "--print_config"]


# -- links


@pytest.mark.parametrize("file", [*(DOCS / p for p in PAGES), ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_internal_links_resolve(file: Path) -> None:
    text = file.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", index.FENCE.sub("", text)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (file.parent / path) if path else file
        assert linked.is_file(), f"{file.name}: {target}"
        assert not anchor or anchor in index.anchors(linked.read_text("utf-8")), f"{file.name}: {target}"


def test_the_navigation_is_the_folder() -> None:
    def leaves(node: Any) -> list[str]:
        if isinstance(node, str):
            return [node]
        return [leaf for part in (node.values() if isinstance(node, dict) else node) for leaf in leaves(part)]

    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert sorted(leaves(config["nav"])) == PAGES
    assert config["theme"]["font"] is False

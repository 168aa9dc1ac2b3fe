"""Writes docs/cli.md from the parsers of the verbs: ``python tools/cli_reference.py``.

What stands in the page is the help that the parsers print, so there is one place for it: the code. A test compares the
committed page with what this would write.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jsonargparse import ArgumentParser, capture_parser

from actupose.cli import VERBS
from actupose.commands.training import fit
from actupose.data.datamodule import PoseDataModule
from actupose.engine.validators import LabelFreeConfig
from actupose.methods import METHODS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
TRAINING = ("fit", "validate", "test")
TRAINER = ("max_epochs", "accelerator", "devices", "strategy", "precision")  # the rest is Lightning's own page
MORE = {
    "synth": "[Rendered source](synth.md)",
    "prepare": "[Data](data.md#readers) and [Published datasets](datasets.md)",
    "skeleton": "[Data](data.md#skeletons)",
    "inspect": "[Data](data.md#looking-at-a-store)",
    "score": "[Method](method.md#1-pose-complexity)",
    "style": "[Style transfer](methods/style_transfer.md)",
    "fit": "[Training](training.md) and [Without target labels](label_free.md)",
    "predict": "[Predicting](predict.md)",
    "app": "[In the browser](app.md)",
    "export": "[Exporting](export.md)",
    "benchmark": "[Benchmark](benchmark.md)",
    "report": "[Report](report.md)",
}
HEAD = """# Command line

```text
actupose VERB [options]
actupose --help
actupose --version
```

This page is written by `tools/cli_reference.py` from the parsers; `actupose VERB --help` tells the same. Every verb
takes `--config FILE.yaml` with any of its options, and `--print_config` prints what would be used. Options are written
`--name value`, flags as `--overlay true`. A name that does not exist is an error that names the nearest one.

Some options stand alone and in no file. `--trust` of `fit`, `validate`, `test` and `benchmark` lets a config
[name code](training.md#a-config-from-somebody-else) of any package. `fit --dry-run`, with `--json` or without,
[tells what a training takes](training.md#before-a-long-run) and writes nothing.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 2 | bad input; one line on standard error says what, which file or key, and what to do |
| 3 | a suite went to its end, and some of its runs failed |
| 4 | another command is writing to that folder; nothing is changed, wait or name another |
| 130 | interrupted; the same command continues |

Any other code comes with a traceback and is a defect: please report it.
"""
_OPTION = re.compile(r"^  (-\S.*?|\{\S+\}|\w+)(?:  +|\n +)(\S.*)$", re.MULTILINE)
_FACTS = re.compile(r" ?\((?:required, )?type: (.*?)(?:, default: (.*?))?(?:, known subclasses: .*)?\)$")
_TYPES = {"<class 'Path'>": "path", "Path": "path", "str": "text", "bool": "`true`, `false`", "int": "whole number"}
_TYPES |= {"float": "number", "Union[bool, int]": "whole number"}
_OWN_WORDS = {"--seed_everything": "seed of data and method"}  # where Lightning's help is no sentence


@dataclass(frozen=True)
class Row:
    """One option or argument of a parser.

    Attributes:
        name: with its dashes; an argument in capitals.
        meaning: the help.
        values: what may be given.
        default: ``required`` where there is none.
    """

    name: str
    meaning: str
    values: str
    default: str

    def line(self) -> str:
        """The row of a table."""
        return f"| `{self.name}` | {_cell(self.meaning)} | {_cell(self.values)} | {_cell(self.default)} |"


def rows_of(parser: ArgumentParser) -> list[Row]:
    """Options and arguments of a parser, read from its help.

    Args:
        parser: of a verb, or of a class' arguments.
    """
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100000"  # no line is broken
    try:
        text = parser.format_help()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    rows = []
    for invocation, described in _OPTION.findall(text):
        facts = _FACTS.search(described)
        if facts is not None:
            rows.append(_row(invocation, described, facts))
    return rows


def _row(invocation: str, described: str, facts: re.Match[str]) -> Row:
    option = invocation.startswith("-")
    name = invocation.split(",")[0].split()[0] if option else re.sub(r"^\{.*", "ACTION", invocation).upper()
    meaning = described[: facts.start()].strip().rstrip(".").replace("``", "`")
    default = facts[2]
    if default is None:
        shown = "required"
    elif default in ("null", "", "[]"):
        shown = "none"
    else:
        shown = default.lower() if default in ("True", "False") else f"`{default}`"
    return Row(name, _OWN_WORDS.get(name, meaning), _values(facts[1]), shown)


def _values(kind: str) -> str:
    """A type as a reader understands it."""
    kind = re.sub(r"^Optional\[(.*)\]$", r"\1", kind.removesuffix(" | null"))
    choices = re.fullmatch(r"Literal\[(.*)\]", kind)
    if choices:
        return ", ".join(f"`{value}`" for value in re.findall(r"'([^']*)'", choices[1]))
    return _TYPES.get(kind, "text" if kind.startswith("Union[") else f"`{kind}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def class_rows(cls: type, prefix: str) -> Iterator[Row]:
    """Arguments of a class, those of its option groups in place of the groups.

    Args:
        cls: annotated and documented.
        prefix: of the options, e.g. ``data``.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, prefix)
    groups = dict(_groups(cls))
    for row in rows_of(parser):
        name = row.name.removeprefix(f"--{prefix}.")
        if name in groups:
            yield from class_rows(groups[name], f"{prefix}.{name}")
        elif "." not in name:
            yield row


def _groups(cls: type) -> Iterator[tuple[str, type]]:
    """Arguments of a class and its bases that are option groups: dataclasses."""
    for base in reversed(cls.__mro__[:-1]):
        if "__init__" in vars(base):
            for name, hint in typing.get_type_hints(vars(base)["__init__"]).items():
                for part in (hint, *typing.get_args(hint)):
                    if isinstance(part, type) and dataclasses.is_dataclass(part):
                        yield name, part


def parser_of(verb: str) -> ArgumentParser:
    """The parser of a verb that is no training."""
    module, function = VERBS[verb].target.split(":")
    found: ArgumentParser = capture_parser(getattr(importlib.import_module(module), function), [])
    return found


def training_rows() -> dict[str, list[Row]]:
    """Title -> options of `fit`: its own, data, validators, trainer, and each method's."""
    rows = rows_of(capture_parser(fit, []))
    linked = ("--data.seed",)
    own = Row("--config", "file of options; may be given several times, later ones win", "path", "none")
    tables = {
        "": [own, *(r for r in rows if "." not in r.name and r.name not in ("--model", "--ckpt_path"))],
        "Data": [r for r in class_rows(PoseDataModule, "data") if r.name not in linked],
        "Label-free validators": list(class_rows(LabelFreeConfig, "label_free")),
        "Trainer": [_first_sentence(r) for r in rows if r.name.removeprefix("--trainer.") in TRAINER],
    }
    methods = {cls: [r for r in class_rows(cls, "model") if not _linked(r)] for cls in METHODS.values()}
    shared = [row for row in next(iter(methods.values())) if all(row in rows for rows in methods.values())]
    named = ", ".join(f"`{cls.__name__}`" for cls in methods)
    tables["Every method"] = [Row("--model", "the method", named, "required"), *shared]
    tables |= {cls.__name__: [row for row in rows if row not in shared] for cls, rows in methods.items()}
    return tables


def _linked(row: Row) -> bool:
    """Whether a method takes it from `data` or `seed_everything`."""
    return row.name in ("--model.seed", "--model.skeleton")


def _first_sentence(row: Row) -> Row:
    return dataclasses.replace(row, meaning=row.meaning.split(". ")[0].rstrip("."))


def table(rows: list[Row]) -> str:
    """Rows below a head."""
    head = "argument" if not rows[0].name.startswith("-") else "option"
    return "\n".join([f"| {head} | meaning | values | default |", "|---|---|---|---|", *(r.line() for r in rows)])


def _light_section(verb: str) -> list[str]:
    parser = parser_of(verb)
    rows = rows_of(parser)
    given = [r for r in rows if not r.name.startswith("-")]
    names = "".join(f" {r.name}" for r in given)
    text = f"`actupose {verb}{names}`: {parser.description}"
    parts = [f"## {verb}", f"{text} See {MORE[verb]}." if verb in MORE else text]
    return [*parts, *(table(part) for part in (given, [r for r in rows if r not in given]) if part)]


def _training_section() -> list[str]:
    tables = training_rows()
    intro = f"`actupose fit --config CONFIG`: {VERBS['fit'].help}. See {MORE['fit']}."
    parts = ["## fit", intro, table(tables.pop(""))]
    for title in ("Data", "Label-free validators", "Trainer"):
        parts += [f"### {title}", table(tables.pop(title))]
    parts[-1] += "\n\nEvery other argument of Lightning's Trainer can be set too; `actupose fit --help` lists them."
    chosen = "In a config a method's options stand under `model.init_args`; on the command line `--model.` is enough."
    parts += ["### Method", chosen, table(tables.pop("Every method"))]
    for title, rows in tables.items():
        parts += [f"#### {title}", table(rows) if rows else "No more options."]
    checkpoint = Row("--ckpt_path", "checkpoint to score", "path", "the run folder's last")
    for verb in TRAINING[1:]:
        intro = f"`actupose {verb} --config RUN/config.yaml`: {VERBS[verb].help}. The options of `fit`, and"
        parts += [f"## {verb}", intro, table([checkpoint])]
    return parts


def reference() -> str:
    """The whole page."""
    parts = [HEAD.strip()]
    for verb in VERBS:
        if verb == TRAINING[0]:
            parts += _training_section()
        elif verb not in TRAINING:
            parts += _light_section(verb)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")

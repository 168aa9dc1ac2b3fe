"""A suite: methods x seeds x tasks from one YAML file, resolved to trainings before any of them starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from actupose.commands.parsing import broken_config, existing, explain, known_keys
from actupose.commands.trust import OPTION
from actupose.engine.trials import SuiteFolder, Trial, mark_of
from actupose.errors import UserError
from actupose.report.suite import Cell
from actupose.skeletons.skeleton import near_match

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A line of the suite's table.

    Attributes:
        method: a config of ``methods/`` by its name, or a YAML file.
        name: in the table; without it the method's, and what ``vary`` changes.
        tasks: the tasks it runs on; all without it.
        profiles: on top of the suite's.
        settings: key -> value, over everything else.
        vary: key -> values; one line for each value of each key, in place of this one.
    """

    method: str
    name: str | None = None
    tasks: list[str] | None = None
    profiles: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    vary: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the line is called in the table."""
        return self.name or Path(self.method).stem

    def expanded(self) -> Iterator[Row]:
        """This line, or one for each value that is varied."""
        if not self.vary:
            yield self
        for key, values in self.vary.items():
            for value in values:
                title = f"{self.title} {key.rsplit('.', 1)[-1]}={value}"
                yield replace(self, name=title, vary={}, settings={**self.settings, key: value})


@dataclass(frozen=True)
class Suite:
    """What is compared on what.

    Attributes:
        tasks: configs of ``tasks/`` by their names, or YAML files.
        methods: lines of the table; in the file a name may stand for a line.
        profiles: configs of ``profiles/`` by their names, or YAML files; later ones win.
        seeds: of data and method.
        settings: key -> value, for all trainings.
        configs: folder of ``tasks/``, ``methods/`` and ``profiles/``; without it the one above the suite's.
        eval_every_epoch: score the target test set after every epoch, for the columns of chosen epochs.
        against: the line that each run is compared with photograph by photograph; no such table without it.
    """

    tasks: list[str]
    methods: list[Row] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    settings: dict[str, Any] = field(default_factory=dict)
    configs: str | None = None
    eval_every_epoch: bool = True
    against: str | None = None


def read_suite(file: Path) -> tuple[Suite, Path]:
    """Read a suite.

    Args:
        file: its YAML file.

    Returns:
        The suite and the folder of its configs.

    Raises:
        UserError: the file is missing, broken, or has an unknown key (the near match is named) or a wrong value.
    """
    broken = broken_config(["--config", str(existing(file, "suite"))])
    if broken:
        raise UserError(broken)
    data = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    lines = data.pop("methods", [])
    if not isinstance(lines, list):
        raise UserError(f"{file}: methods: expected a list, got {lines!r}.")
    named = [{"method": line} if isinstance(line, str) else line for line in lines]
    rows = [_read(Row, line, f"{file}: methods: ") for line in named]
    suite = replace(_read(Suite, data, f"{file}: ", skip={"methods"}), methods=rows)
    for name in ("tasks", "methods", "seeds"):
        values = getattr(suite, name)
        if not values or len(set(map(str, values))) < len(values):
            raise UserError(f"{file}: {name} {'holds one twice' if values else 'is empty'}; name each once.")
    return suite, file.parent / (suite.configs or "..")


def _read(cls: type[T], data: object, where: str, skip: Set[str] = frozenset()) -> T:
    """A dataclass from plain data, with one clear line for what is wrong."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, None, skip=set(skip))
    names = known_keys(parser)
    if not isinstance(data, dict):
        raise UserError(f"{where}expected keys and values, got {data!r}.")
    unknown = next((str(key) for key in data if key not in names), None)
    if unknown is not None:  # the parser lets one through whose value is empty
        raise UserError(f"{where}there is no key '{unknown}'{near_match(unknown, names) or '; see docs/benchmark.md'}.")
    try:
        return cls(**dict(parser.parse_object(data)))
    except (ArgumentError, TypeError, ValueError) as error:
        raise UserError(where + explain(str(error), names)) from error


def plan(suite: Suite, configs: Path, origin: Path, *, trusted: bool = False) -> list[Cell]:
    """All trainings of a suite, each configuration resolved.

    Args:
        suite: from `read_suite`.
        configs: folder of its configs.
        origin: the suite's file, for messages.
        trusted: configurations may name classes of any package, here and where the trials are trained.

    Returns:
        One cell a task and line of the table, with the trial of each seed.

    Raises:
        UserError: a task, method, profile or key does not exist (the near match is named), or a line stands twice.
    """
    finder = _Configs(configs, origin, trusted)
    cells = []
    for task in suite.tasks:
        for row in (line for given in suite.methods for line in given.expanded()):
            unknown = [name for name in row.tasks or [] if name not in suite.tasks]
            if unknown:
                hint = near_match(unknown[0], suite.tasks)
                raise UserError(
                    f"{origin}: '{row.title}' is for task '{unknown[0]}'{hint}, which the suite does not have."
                )
            if row.tasks is None or task in row.tasks:
                cells.append(_cell(suite, finder, task, row))
    seen = [(cell.task, cell.row) for cell in cells]
    twice = next((key for key in seen if seen.count(key) > 1), None)
    if twice:
        raise UserError(f"{origin}: '{twice[1]}' stands twice on task {twice[0]}; give one of the two another `name`.")
    titles = list(dict.fromkeys(row for _, row in seen))
    if suite.against is not None and suite.against not in titles:
        hint = near_match(suite.against, titles) or f"; the lines are {', '.join(titles)}"
        raise UserError(f"{origin}: against: there is no line '{suite.against}'{hint}.")
    return cells


def with_older_names(cells: Sequence[Cell], folder: SuiteFolder, *, trusted: bool = False) -> list[Cell]:
    """Give trials that an older version has begun its names: they end in hashes of configurations with fewer keys.

    Args:
        cells: from `plan`.
        folder: where the suite is run.
        trusted: as `plan`.

    Returns:
        The cells; a trial is renamed where the keys that its older configuration lacks are at their defaults.
    """
    new = {t.name for cell in cells for t in cell.trials.values() if not folder.config(t.name).is_file()}
    starts = {name.rsplit("-", 1)[0] for name in new}
    older: dict[str, str] = {}
    for file in sorted(folder.path.glob("configs/*/*.yaml")):
        held = f"{file.parent.name}/{file.stem}"
        start = held.rsplit("-", 1)[0]
        if start not in starts:
            continue
        try:
            text = _parsed(["--config", str(file), *([OPTION] if trusted else [])], (start, held), file).config_text
        except UserError:  # of keys that are no more: another training
            continue
        older.setdefault(f"{start}-{mark_of(text)}", held)
    found = {name: older[name] for name in new & set(older)}

    def renamed(trial: Trial) -> Trial:
        """A trial under the name that it was begun with."""
        return replace(trial, name=found.get(trial.name, trial.name))

    return [replace(cell, trials={seed: renamed(t) for seed, t in cell.trials.items()}) for cell in cells]


@dataclass(frozen=True)
class _Configs:
    """Finds config files by their names."""

    folder: Path
    origin: Path
    trusted: bool

    def file(self, kind: str, name: str) -> Path:
        """``FOLDER/KIND/NAME.yaml``, or the file that is named, from the suite's own folder."""
        if name.endswith((".yaml", ".yml")):
            if not (self.origin.parent / name).is_file():
                raise UserError(f"{self.origin}: there is no file {self.origin.parent / name}.")
            return self.origin.parent / name
        known = sorted(f.stem for f in (self.folder / kind).glob("*.yaml"))
        if name not in known:
            hint = near_match(name, known) or f"; {self.folder / kind} has {', '.join(known) or 'none'}"
            raise UserError(f"{self.origin}: there is no {kind.removesuffix('s')} '{name}'{hint}.")
        return self.folder / kind / f"{name}.yaml"


def _cell(suite: Suite, finder: _Configs, task: str, row: Row) -> Cell:
    files = [finder.file("tasks", task), finder.file("methods", row.method)]
    files += [finder.file("profiles", name) for name in (*suite.profiles, *row.profiles)]
    settings = {"eval_every_epoch": suite.eval_every_epoch, **suite.settings, **row.settings}
    args = [part for file in files for part in ("--config", str(file))]
    args += [f"--{key}={_as_text(value)}" for key, value in settings.items()]
    names = Path(task).stem, row.title
    cli = _parsed([*args, OPTION] if finder.trusted else args, names, finder.origin)
    method, config = Path(row.method).stem, cli.config
    if config.data.target_test is None:
        raise UserError(f"{finder.origin}: task {names[0]} has no data.target_test; a table needs a labelled test set.")
    gpu = {"cpu": False, "gpu": True, "cuda": True}.get(str(config.trainer.accelerator))
    trials = {}
    for seed in suite.seeds:
        config.seed_everything = seed  # all that a seed changes in a configuration: the others are linked to it
        trials[seed] = Trial.of(names[0], method, seed, cli.config_text, gpu=gpu, trusted=finder.trusted)
    plain = row.title == method and not row.settings
    return Cell(*names, method if plain else None, str(config.data.skeleton), trials)


def _parsed(args: Sequence[str], names: tuple[str, str], origin: Path) -> Any:  # noqa: ANN401 - imports torch, so its type is not known here
    from actupose.commands.training import ParsedTraining

    try:
        return ParsedTraining(list(args))
    except UserError as error:
        raise UserError(f"{origin}: '{names[1]}' on {names[0]}: {error}") from error


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

"""`actupose fit`, `validate` and `test`: a method from a config, through Lightning's command line."""

from __future__ import annotations

import argparse
import json
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins import CheckpointIO

from actupose.commands.parsing import broken_config, check_sections, explain, known_keys, signature_keys
from actupose.commands.trust import HELP, OPTION, refuse_foreign_code, split_trust
from actupose.data.datamodule import PoseDataModule
from actupose.engine.callbacks import run_callbacks
from actupose.engine.checkpoints import last_whole
from actupose.engine.dry_run import dry_run
from actupose.engine.keep_checkpoints import WholeCheckpoints
from actupose.engine.run_folder import RunFolder
from actupose.engine.scoring import EpochScores, PseudoLabelScores
from actupose.engine.start import Start
from actupose.engine.training import (
    DEFAULTS,
    check_inputs,
    check_steps,
    evaluate,
    load_weights,
    quiet,
    train,
    trainer_parts,
)
from actupose.engine.validators import LabelFreeConfig
from actupose.errors import UserError
from actupose.files import held
from actupose.methods import METHODS, PoseMethod
from actupose.report.dry_run import dry_run_text
from actupose.report.table import scores_table

DRY_RUN, AS_JSON = "--dry-run", "--json"
DRY_RUN_HELP = f"{DRY_RUN} [{AS_JSON}]: train a few steps, tell what the whole takes, and write nothing"
_EVERY_EPOCH = "score the target test set after every epoch too, into scores.jsonl; for tables, nothing is chosen by it"
_START = "run folder or checkpoint whose network a fresh training begins with, in place of the backbone's weights"
_PSEUDO_LABELS = (
    "compare predictions on target training images with their labels after every epoch, into pseudo_labels.jsonl; for "
    "reports, nothing is trained or chosen by it"
)


class PoseCLI(LightningCLI):
    """Parses a config and makes method, data and trainer; the verbs run them.

    Args:
        verb: named in the help.
        args: the verb's arguments.
    """

    def __init__(self, verb: str, args: list[str]) -> None:
        args, trusted = split_trust(args)
        if not trusted:
            refuse_foreign_code()
        with warnings.catch_warnings(), quiet():
            warnings.filterwarnings("ignore", message=".*LightningCLI's args parameter.*")
            super().__init__(
                PoseMethod,
                PoseDataModule,
                subclass_mode_model=True,
                run=False,
                args=args,
                save_config_callback=None,
                seed_everything_default=0,
                auto_configure_optimizers=False,
                trainer_defaults=dict(DEFAULTS),
                parser_kwargs={
                    "prog": f"actupose {verb}",
                    # no arguments: what is in a configuration trusts nobody
                    "epilog": f"{OPTION}: {HELP}{f'. {DRY_RUN_HELP}' if verb == 'fit' else ''}",
                    "exit_on_error": False,
                    "allow_abbrev": False,
                },
            )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options beside Lightning's: the run folder, a checkpoint, one seed and one skeleton."""
        parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="the run folder")
        parser.add_argument("--ckpt_path", type=Path | None, default=None, help="checkpoint to score (validate, test)")
        parser.add_argument("--start", type=Path | None, default=None, help=_START)
        parser.add_class_arguments(LabelFreeConfig, "label_free")
        parser.add_argument("--eval_every_epoch", type=bool, default=False, help=_EVERY_EPOCH)
        parser.add_argument("--eval_pseudo_labels", type=bool, default=False, help=_PSEUDO_LABELS)
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("seed_everything", "model.init_args.seed")
        parser.link_arguments("data.skeleton", "model.init_args.skeleton")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Parse, with one clear line for a key that does not exist.

        Raises:
            UserError: an unknown key or a value of the wrong type.
        """
        try:
            super().parse_arguments(parser, args)
        except (argparse.ArgumentError, UnicodeDecodeError) as error:
            raise UserError(broken_config(args) or explain(str(error), _known_names(parser))) from error
        check_sections(args, _known_names(parser))

    def instantiate_classes(self) -> None:
        """Make data, method and trainer.

        Raises:
            UserError: a value is out of its range; jsonargparse wraps what a constructor raises.
        """
        try:
            super().instantiate_classes()
        except ValueError as error:
            if not str(error).startswith("Does not validate"):
                raise
            raise UserError(explain(str(error), ())) from error

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:  # noqa: ANN401 - Trainer's own arguments
        """Trainer of the run folder, over whose parts the config's own stand.

        Raises:
            UserError: a trainer option cannot be had, e.g. an accelerator.
        """
        run, given = RunFolder(self.config.out), self.config_init.trainer
        parts = {key: value for key, value in trainer_parts(run).items() if given[key] is None}
        ours = [*run_callbacks(run, self.config_init.label_free), *self._scoring(run)]
        parts["callbacks"] = [*(given.callbacks or []), *ours]
        plugins = given.plugins if isinstance(given.plugins, list) else [given.plugins] if given.plugins else []
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            parts["plugins"] = [*plugins, WholeCheckpoints()]
        try:
            trainer: L.Trainer = super().instantiate_trainer(**{**parts, **kwargs})
        except (ValueError, MisconfigurationException) as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        return trainer

    def _scoring(self, run: RunFolder) -> list[Callback]:
        callbacks: list[Callback] = []
        if self.config.eval_every_epoch:
            if self.config.data.target_test is None:
                raise UserError("eval_every_epoch needs a labelled test set; set data.target_test.")
            callbacks.append(EpochScores(run))
        if self.config.eval_pseudo_labels:
            callbacks.append(PseudoLabelScores(run, self.datamodule))
        return callbacks

    @property
    def config_text(self) -> str:
        """The whole configuration as YAML."""
        return self._text(self.config)

    def completed(self, config: str) -> str:
        """A configuration with the keys that it lacks at their defaults: an older version's has fewer.

        Args:
            config: as YAML text.

        Raises:
            UserError: it has a key that is no more, or a value that is refused.
        """
        try:
            return self._text(self.parser.parse_string(config))
        except argparse.ArgumentError as error:
            raise UserError(explain(str(error), _known_names(self.parser))) from error

    def _text(self, config: Namespace) -> str:
        text: str = self.parser.dump(config, skip_unset=False)
        return text


class ParsedTraining(PoseCLI):
    """A training's configuration alone: neither data, method nor trainer is made."""

    def __init__(self, args: list[str]) -> None:
        super().__init__("fit", args)

    def instantiate_classes(self) -> None:
        """Nothing is made."""


def _known_names(parser: LightningArgumentParser) -> list[str]:
    """All option names, those of every method and of their option groups among them, and the methods' names."""
    classes: list[type] = [PoseDataModule, LabelFreeConfig, *METHODS.values()]
    keys = set(known_keys(parser)).union(*map(signature_keys, classes))
    return sorted(keys | {cls.__name__ for cls in METHODS.values()})


def fit(args: list[str]) -> dict[str, float]:
    """Train; a killed run continues when the same command is given again.

    Args:
        args: the verb's arguments.

    Returns:
        Scores on the target test set, empty without one.
    """
    args, dry, as_json = split_dry_run(args)
    cli = PoseCLI("fit", args)
    if cli.config.ckpt_path is not None:
        raise UserError("fit continues from its own `out` by itself; --ckpt_path is for validate and test.")
    cli.model.check_trainer(cli.trainer)
    run = RunFolder(cli.config.out)
    fresh = run.check(cli.config_text, cli.completed) is None
    cli.datamodule.use_trainer(cli.trainer)
    check_inputs(cli.model, cli.datamodule, cli.trainer.max_epochs or 1 if fresh else None)
    check_steps(cli.datamodule, cli.trainer)
    start = None if cli.config.start is None else Start(cli.config.start)
    if start is not None and fresh:
        start.load_into(cli.model)
    if dry:
        _dry_run(cli, run, as_json=as_json)
        return {}
    # The processes of one training share its folder: the first holds it for all of them.
    with held(run.path, "fit") if cli.trainer.is_global_zero else nullcontext():
        scores = _train(cli, run, start)
    _print_scores(cli, scores)
    return scores


def _train(cli: PoseCLI, run: RunFolder, start: Start | None) -> dict[str, float]:
    """Claim the run folder, tell where the training begins, and train."""
    checkpoint = run.claim(cli.config_text, cli.completed, first=cli.trainer.is_global_zero)
    mapped = cli.datamodule.mapping_text()
    if mapped and cli.trainer.is_global_zero:
        print(mapped, flush=True)
    if checkpoint is not None:
        checkpoint, damage = last_whole(run)
        if cli.trainer.is_global_zero:
            print(damage or f"{run.path}: continues from {checkpoint}", flush=True)
    return train(cli.model, cli.datamodule, cli.trainer, run, checkpoint, start)


def split_dry_run(args: list[str]) -> tuple[list[str], bool, bool]:
    """Arguments without ``--dry-run`` and ``--json``, and whether each was there; no file can say them.

    Raises:
        UserError: ``--json`` alone.
    """
    dry, as_json = DRY_RUN in args, AS_JSON in args
    if as_json and not dry:
        raise UserError(f"{AS_JSON} is the form in which {DRY_RUN} tells what it found; add {DRY_RUN}.")
    return [arg for arg in args if arg not in (DRY_RUN, AS_JSON)], dry, as_json


def _dry_run(cli: PoseCLI, run: RunFolder, *, as_json: bool) -> None:
    label_free = cli.config_init.label_free
    found = dry_run(cli.model, cli.datamodule, cli.trainer, cli.instantiate_trainer, run, label_free)
    if found is not None:
        print(json.dumps(found.to_dict(), indent=2) if as_json else dry_run_text(found, str(run.path)), flush=True)


def validate(args: list[str]) -> dict[str, float]:
    """Score a checkpoint on the held-out source samples.

    Args:
        args: the verb's arguments.
    """
    cli = PoseCLI("validate", args)
    load_weights(cli.model, _checkpoint(cli))
    with quiet():
        cli.trainer.validate(cli.model, datamodule=cli.datamodule, verbose=False)
    scores: dict[str, float] = cli.model.scores()
    _print_scores(cli, scores)
    return scores


def test(args: list[str]) -> dict[str, float]:
    """Score a checkpoint on the labelled target test set.

    Args:
        args: the verb's arguments.
    """
    cli = PoseCLI("test", args)
    checkpoint = _checkpoint(cli)
    load_weights(cli.model, checkpoint)
    scores = evaluate(cli.model, cli.datamodule, cli.trainer, RunFolder(cli.config.out), checkpoint=checkpoint)
    _print_scores(cli, scores)
    return scores


def _checkpoint(cli: PoseCLI) -> Path:
    given: Path | None = cli.config.ckpt_path
    return given if given is not None else RunFolder(cli.config.out).checkpoint


def _print_scores(cli: PoseCLI, scores: dict[str, float]) -> None:
    if scores and cli.trainer.is_global_zero:
        name = type(cli.model).__name__
        nets = list(cli.model.nets())
        rows = {f"{name} ({net})" if len(nets) > 1 else name: scores for net in nets}
        print(scores_table(rows, list(cli.datamodule.skeleton.groups), dict(zip(rows, nets, strict=True))))

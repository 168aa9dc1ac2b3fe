"""The command line: verbs, nothing else. Heavy imports wait until a verb runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actupose import __version__
from actupose.errors import UserError
from actupose.files import is_full


@dataclass(frozen=True)
class Verb:
    """One verb: where its function is, and its line in the help."""

    target: str
    help: str


_COMMANDS = "actupose.commands"
VERBS: dict[str, Verb] = {
    "demo": Verb(f"{_COMMANDS}.demo:run", "the whole road in minutes: render, train, adapt, compare, look"),
    "synth": Verb(f"{_COMMANDS}.synth:run", "render a labelled source domain of synthetic people or hands"),
    "prepare": Verb(f"{_COMMANDS}.prepare:run", "turn a dataset or a folder of images into a store"),
    "skeleton": Verb(f"{_COMMANDS}.skeleton:run", "show a skeleton, map it to another, write its YAML"),
    "inspect": Verb(f"{_COMMANDS}.inspect:run", "counts, visibility and a contact sheet of a store"),
    "score": Verb(f"{_COMMANDS}.score:run", "pose complexity of a store's poses, with its health check"),
    "style": Verb(f"{_COMMANDS}.style:run", "train and look at the style transfer between two stores"),
    "fit": Verb(f"{_COMMANDS}.training:fit", "train a method from a config"),
    "validate": Verb(f"{_COMMANDS}.training:validate", "score a checkpoint on held-out source samples"),
    "test": Verb(f"{_COMMANDS}.training:test", "score a checkpoint on the labelled target test set"),
    "predict": Verb(f"{_COMMANDS}.predict:run", "keypoints of your own images from a checkpoint"),
    "app": Verb(f"{_COMMANDS}.app:run", "a page in the browser to try a checkpoint and look at its curriculum"),
    "export": Verb(f"{_COMMANDS}.export:run", "a checkpoint as ONNX, torch.export or safetensors, with a model card"),
    "benchmark": Verb(f"{_COMMANDS}.benchmark:run", "methods x seeds x tasks in one table"),
    "report": Verb(f"{_COMMANDS}.report:run", "one table of finished runs"),
}


def _usage() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.help}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: actupose VERB [options]",
            "",
            "From labelled rendered poses to a model for unlabelled real pictures.",
            "",
            *lines,
            "",
            "`actupose VERB --help` tells a verb's options; `actupose --version` the version.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: arguments after the program's name; None = those of the process.

    Returns:
        Exit code: 0 done, 2 bad input, 3 a suite is done but some of its runs failed, 4 another command
        is writing to that folder, 130 interrupted (run the same command to continue).
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if args[0] in ("-V", "--version"):
        print(f"actupose {__version__}")
        return 0
    try:
        _verb(args[0])(args[1:])
    except UserError as error:
        print(f"actupose {args[0]}: {_message(error)}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if not is_full(error):
            raise
        said = f"the disk is full ({error.strerror}); free some space and run the same command again"
        print(f"actupose {args[0]}: {said}: what is finished is kept.", file=sys.stderr)
        return UserError.exit_code
    except KeyboardInterrupt:
        print(f"\nactupose {args[0]}: interrupted; run the same command to continue.", file=sys.stderr)
        return 130
    return 0


def _message(error: UserError) -> str:
    """The error's line; an error of a data loader's process comes with that process's traceback before it."""
    last = str(error).strip().splitlines()[-1]
    return last.removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")


def _verb(name: str) -> Callable[[list[str]], object]:
    from actupose.skeletons.skeleton import near_match

    if name not in VERBS:
        raise UserError(f"no such verb{near_match(name, VERBS)}; `actupose --help` lists them.")
    module, function = VERBS[name].target.split(":")
    command: Callable[[list[str]], object] = getattr(importlib.import_module(module), function)
    return command


def entry() -> None:
    """Console script; ends in silence when the reader of its output, `head` for one, has gone."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not written at exit either
        code = 141
    sys.exit(code)

"""What a configuration may name: a file from somebody else must not decide what code is run."""

from __future__ import annotations

import re

from jsonargparse import set_parsing_settings

# Lightning's plugins are defined in its package `fabric`; an optimiser is what a learning rate finder may be given.
TRUSTED = (
    "actupose",
    "lightning.fabric.plugins",
    "lightning.pytorch.accelerators",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.plugins",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
    "torch.optim",
)
OPTION = "--trust"
HELP = "import classes that the config names from any package; for configs that you have read"


def refuse_foreign_code() -> None:
    """From now on values name classes and functions of `TRUSTED` alone; others are refused before they are imported.

    The rule is of the process and is not taken back.
    """
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=list(TRUSTED))


def split_trust(args: list[str]) -> tuple[list[str], bool]:
    """Arguments without ``--trust``, and whether it was there; no file can say it."""
    return [arg for arg in args if arg != OPTION], OPTION in args


def refusal(text: str) -> str | None:
    """What a parser's complaint about a foreign name comes to in one line; None where it is about something else."""
    found = re.search(r"Importing '([\w.]+)' is not allowed", text)
    if found is None:
        return None
    keys = re.findall(r'Parser key "([\w.\-]+)"', text[: found.start()])
    where = f"{'.'.join(keys)}: " if keys else ""
    return f"{where}'{found[1]}' is of a package that configs may not name; if you trust this one, add {OPTION}."

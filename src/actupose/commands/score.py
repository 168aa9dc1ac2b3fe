"""`actupose score`: pose complexity of a store, and whether the ranking can be trusted."""

from __future__ import annotations

from pathlib import Path

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError


def run(args: list[str]) -> None:
    """Fit two Pose-VAEs, print the health check, write the scores.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("score", "Pose complexity (Eq. 1 and 2) of a store's poses, with the ranking's health check.")
    parser.add_argument("store", type=Path, help="folder of the store; it must have labels")
    parser.add_argument("--n_bins", type=int, default=25, help="number of complexity bins")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first Pose-VAE; the second takes seed + 1")
    parser.add_argument("--out", type=Path | None, default=None, help="write name,score,bin as CSV here")
    parsed = parse(parser, args)
    if parsed.out is not None and parsed.out.exists():
        raise UserError(f"{parsed.out}: exists already; name another file.")

    from actupose.report.complexity import score_store

    print(score_store(parsed.store, parsed.n_bins, parsed.seed, parsed.out))

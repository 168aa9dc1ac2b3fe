"""`actupose inspect`: what a store holds."""

from __future__ import annotations

from pathlib import Path

from actupose.commands.parsing import parse, verb_parser


def run(args: list[str]) -> None:
    """Print counts and write a contact sheet.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("inspect", "Counts, visibility and a contact sheet of a store.")
    parser.add_argument("store", type=Path, help="folder of the store")
    parser.add_argument("--sheet", type=Path | None, default=None, help="write a contact sheet PNG here")
    parser.add_argument(
        "--diversity", type=Path | None, default=None, help="write a figure of the poses' diversity here"
    )
    parser.add_argument("--bins", type=int, default=0, help="complexity bins to fit with the Pose-VAE; 0 = none")
    parser.add_argument("--images", type=int, default=5000, help="most pictures to decode, evenly spread")
    parsed = parse(parser, args)

    from actupose.report.inspect import inspect_store

    print(
        inspect_store(parsed.store, parsed.sheet, diversity=parsed.diversity, n_bins=parsed.bins, images=parsed.images)
    )

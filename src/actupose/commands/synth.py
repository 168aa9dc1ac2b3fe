"""`actupose synth`: render a labelled source domain."""

from __future__ import annotations

from pathlib import Path

from actupose.commands.parsing import parse, verb_parser


def run(args: list[str]) -> None:
    """Render people into a store.

    Args:
        args: the verb's arguments.
    """
    from actupose.synth.config import SynthConfig

    parser = verb_parser("synth", "Render a labelled source domain of synthetic people into a store.")
    parser.add_argument("out", type=Path, help="folder of the store")
    parser.add_argument("--num", type=int, default=1000, help="number of images")
    parser.add_argument("--seed", type=int, default=0, help="seed; the same seed and options give the same bytes")
    parser.add_argument("--workers", type=int, default=-1, help="processes; -1 = one a core")
    parser.add_class_arguments(SynthConfig, "render", as_group=True)
    parsed = parse(parser, args)
    config = parser.instantiate_classes(parsed).render

    from actupose.synth import synthesize

    report = synthesize(parsed.out, parsed.num, parsed.seed, config, workers=parsed.workers)
    print(report.text())

"""`actupose demo`: the whole road in minutes, with the real parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actupose.commands.parsing import parse, verb_parser


@dataclass(frozen=True)
class DemoConfig:
    """What the demo does.

    Attributes:
        target: your own pictures: a folder of images or an LSP-extended root; None renders a second look.
        num_source: rendered source images.
        num_target: rendered target images for training (without labels); 200 more are the test set.
        size: image side in pixels.
        epochs: epochs of both trainings.
        iterations: steps an epoch.
        seed: of everything.
    """

    target: Path | None = None
    num_source: int = 1500
    num_target: int = 600
    size: int = 96
    epochs: int = 12
    iterations: int = 25
    seed: int = 0


def run(args: list[str]) -> None:
    """Render two domains, train source-only and ACTUPose, compare, draw.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("demo", "Render a source and a target, train source-only and ACTUPose, compare them.")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of everything the demo writes")
    parser.add_class_arguments(DemoConfig, None)
    parsed = parse(parser, args)
    values = {name: parsed[name] for name in DemoConfig.__dataclass_fields__}

    from actupose.report.demo import run_demo

    print(run_demo(parsed.out, DemoConfig(**values)))

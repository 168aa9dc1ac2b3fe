"""`actupose synth`: render a labelled source domain."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from actupose.commands.parsing import parse, verb_parser


def run(args: list[str]) -> None:
    """Render people into a store.

    Args:
        args: the verb's arguments.
    """
    from actupose.data.store import EXTRA_COLUMNS
    from actupose.synth.config import SynthConfig

    parser = verb_parser("synth", "Render a labelled source domain of synthetic people or hands into a store.")
    parser.add_argument("out", type=Path, help="folder of the store")
    parser.add_argument("--num", type=int, default=1000, help="number of images")
    parser.add_argument("--seed", type=int, default=0, help="seed; the same seed and options give the same bytes")
    parser.add_argument("--workers", type=int, default=-1, help="processes; -1 = one a core")
    parser.add_argument("--ray", type=str | None, default=None, help="address of a Ray cluster to render on, or local")
    parser.add_argument(
        "--skeleton", type=str | None, default=None, help="skeleton of the labels: built-in or YAML; body16 or hand21"
    )
    parser.add_argument("--labels", type=str, default="", help=f"more labels, any of {','.join(EXTRA_COLUMNS)}")
    parser.add_argument("--poses", type=str, nargs="+", default=[], help="motion capture: .bvh, .amc, .npz or folders")
    parser.add_argument("--coco", type=Path | None, default=None, help="also export COCO JSON and images here")
    parser.add_class_arguments(SynthConfig, "render", as_group=True, skip={"skeleton", "labels", "poses"})
    parsed = parse(parser, args)
    labels = tuple(label.strip() for label in parsed.labels.split(",") if label.strip())
    if parsed.coco is not None and "box" not in labels:
        labels += ("box",)  # COCO boxes hold the person, not the keypoints alone
    config = parser.instantiate(parsed).render
    config = dataclasses.replace(config, skeleton=parsed.skeleton, labels=labels, poses=tuple(parsed.poses))

    from actupose.synth import synthesize

    report = synthesize(parsed.out, parsed.num, parsed.seed, config, workers=parsed.workers, ray=parsed.ray)
    print(report.text())
    if (pool := config.pose_pool()) is not None:
        print(pool.text())
    if parsed.coco is not None:
        from actupose.data.coco_export import export_coco

        print(export_coco(parsed.out, parsed.coco))

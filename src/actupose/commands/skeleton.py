"""`actupose skeleton`: what a skeleton holds, how it maps to another, and its YAML."""

from __future__ import annotations

from pathlib import Path

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError


def run(args: list[str]) -> None:
    """Describe a skeleton, print a mapping, write a YAML.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("skeleton", "Show a skeleton, how it maps to another, and write it as YAML.")
    parser.add_argument(
        "skeleton", type=str, help="built-in name, or a YAML, COCO JSON, DeepLabCut project, SLEAP or mmpose file"
    )
    parser.add_argument("--map_to", type=str | None, default=None, help="print how its keypoints reach this skeleton")
    parser.add_argument("--map", type=Path | None, default=None, help="YAML of pairs that differ: map: {theirs: ours}")
    parser.add_argument("--out", type=Path | None, default=None, help="write the skeleton as YAML here")
    parsed = parse(parser, args)
    if parsed.map is not None and parsed.map_to is None:
        raise UserError("--map needs --map_to, the skeleton that it leads to.")

    from actupose.skeletons import keypoint_map, load_skeleton
    from actupose.skeletons.mapping import check_renames, describe, mapping_text, read_renames

    skeleton = load_skeleton(parsed.skeleton)
    print(describe(skeleton))
    if parsed.map_to is not None:
        target, renames = load_skeleton(parsed.map_to), read_renames(parsed.map) if parsed.map is not None else {}
        check_renames(renames, (skeleton,))
        print(mapping_text(skeleton, target, keypoint_map(skeleton, target, renames)))
    if parsed.out is not None:
        from actupose.skeletons.skeleton import write_skeleton

        write_skeleton(skeleton, parsed.out)
        print(f"written: {parsed.out}")

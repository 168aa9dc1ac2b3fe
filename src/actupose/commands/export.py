"""`actupose export`: a checkpoint for other programs, compared with what it came from, with a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from actupose.commands.parsing import add_net_option, parse, verb_parser


def run(args: list[str]) -> None:
    """Write an exported folder, print how each file compares, and put it on a hub if asked.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("export", "Export a checkpoint to ONNX, torch.export and safetensors, with a model card.")
    parser.add_argument("checkpoint", type=str, help="RUN/checkpoints/last.ckpt, or a run folder")
    formats = Literal["onnx", "pt2", "safetensors", "all"]
    parser.add_argument("--format", type=formats, default="all", help="what to write beside weights and config.json")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--size", type=int | None, default=None, help="side of the network's images")
    add_net_option(parser)
    parser.add_argument("--push", type=str | None, default=None, help="also put it on a Hugging Face hub: OWNER/NAME")
    parser.add_argument("--private", type=bool, default=False, help="a repository that --push makes is private")
    parsed = parse(parser, args)

    from actupose.deploy.card import find_run
    from actupose.deploy.export import export
    from actupose.deploy.load import load_model

    model = load_model(parsed.checkpoint, parsed.net)
    compared = export(model, parsed.out, parsed.format, size=parsed.size, run=find_run(Path(parsed.checkpoint)))
    for comparison in compared:
        print(comparison.text())
    print(f"{model.name}: {parsed.out}")
    if parsed.push is not None:
        from actupose.deploy.hub import push

        print(f"on the hub: {push(parsed.out, parsed.push, private=parsed.private)}")

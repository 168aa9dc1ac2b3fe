"""`actupose prepare`: a dataset or a folder of images becomes a store."""

from __future__ import annotations

from pathlib import Path

from actupose.commands.parsing import parse, verb_parser


def run(args: list[str]) -> None:
    """Crop a dataset's people into a store.

    Args:
        args: the verb's arguments.
    """
    from actupose.data.detector_config import DetectorConfig
    from actupose.data.readers import READERS, JointMap

    formats = "; ".join(f"{r.name}: {r.help}{_splits(r.splits)}" for r in READERS.values())
    parser = verb_parser("prepare", f"Turn a dataset or a folder of images into a store. Formats: {formats}.")
    parser.add_argument("format", type=str, help=f"one of {', '.join(READERS)}")
    parser.add_argument("root", type=Path, help="folder of the raw data")
    parser.add_argument("out", type=Path, help="folder of the store")
    parser.add_argument("--split", type=str, default="all", help="named part of the data")
    parser.add_argument("--size", type=int, default=256, help="side of the crops in pixels")
    parser.add_argument("--skeleton", type=str | None, default=None, help="map keypoints to this skeleton by name")
    parser.add_argument("--map", type=Path | None, default=None, help="YAML of pairs that differ: map: {theirs: ours}")
    parser.add_argument("--annotations", type=Path | None, default=None, help="annotation file (coco, sleap)")
    parser.add_argument("--boxes", type=Path | None, default=None, help="JSON of person boxes (folder, video)")
    parser.add_argument(
        "--frame_stride", type=int | None, default=None, help="take every n-th frame of a video (video, surreal)"
    )
    parser.add_argument(
        "--num_frames", type=int | None, default=None, help="most frames of each video, evenly spread (video)"
    )
    parser.add_argument(
        "--joint_map",
        type=JointMap | None,
        default=None,
        help="shoulders of surreal and surreal_crops: mpii (default), or regda, the published collar bones",
    )
    parser.add_argument("--detector", type=DetectorConfig, help="find people with a torchvision model (folder, video)")
    parser.add_argument("--workers", type=int, default=-1, help="processes; -1 = one a core")
    parsed = parse(parser, args)

    from actupose.data.prepare import prepare
    from actupose.data.readers import read
    from actupose.skeletons import load_skeleton
    from actupose.skeletons.mapping import read_renames

    found = read(
        parsed.format,
        parsed.root,
        parsed.split,
        skeleton=None if parsed.skeleton is None else load_skeleton(parsed.skeleton),
        renames=None if parsed.map is None else read_renames(parsed.map),
        annotations=parsed.annotations,
        boxes=parsed.boxes,
        frame_stride=parsed.frame_stride,
        num_frames=parsed.num_frames,
        joint_map=parsed.joint_map,
    )
    detector = DetectorConfig(**vars(parsed.detector))
    if detector.name:
        from actupose.data.detect import detect_people

        found = detect_people(found, detector, parsed.out.with_name(f"{parsed.out.name}.boxes.json"))
    print(*found.notes, sep="\n", end="\n" if found.notes else "")
    print(prepare(found, parsed.out, size=parsed.size, workers=parsed.workers).text())


def _splits(splits: tuple[str, ...]) -> str:
    return f" ({', '.join(splits)})" if splits else ""

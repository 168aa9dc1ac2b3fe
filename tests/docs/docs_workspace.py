"""A folder in which the commands of the pages run: tiny data sets, and a finished run under each name they use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import sleap_io
import yaml

from actupose.data.prepare import prepare
from actupose.data.readers import read
from actupose.skeletons import load_skeleton
from commands.conftest import TinyRun
from data.fakes import picture, write_coco, write_folder, write_lsp, write_lspet
from data.fakes.deeplabcut import write_deeplabcut
from data.fakes.h36m import write_h36m
from data.fakes.hands import write_freihand, write_h3d, write_rhd
from data.fakes.mpii import write_mpii
from data.fakes.surreal import write_surreal, write_surreal_crops
from data.fakes.video import write_video
from synth.mocap_files import write_bvh
from tiny_stores import Stores

RUNS = ("mine", "actupose", "source_only", "udape", "synth_lspet/actupose", "synth_lspet/source_only")
SHARED = ("configs", "examples", "benchmarks")


def write_template(root: Path, stores: Stores, run: TinyRun) -> None:
    """Everything that a page may take for granted."""
    _write_raw(root / "path" / "to")
    for name, store in (("synth", stores.source), ("my_target", stores.target)):
        shutil.copytree(store, root / "data" / name)
    for split in ("train", "test"):
        prepare(read("lspet", root / "path" / "to" / "lspet", split), root / "data" / f"lspet_{split}", size=64)
    for name in RUNS:
        copy_run(run, root / "runs" / name, Path("runs") / name)
    for name in ("a.jpg", "b.jpg", "picture.jpg"):
        picture(220, 420, len(name)).save(root / name)
    write_folder(root / "my_pictures")
    write_video(root / "clip.mp4", 5)
    (root / "my_skeleton.yaml").write_text(
        yaml.safe_dump(load_skeleton("lsp14").to_dict(), sort_keys=False), encoding="utf-8"
    )
    boxes = {name: [5, 5, 70, 70] for name in ("photo 0.jpeg", "deep/er/photo 1.PNG")}
    (root / "boxes.json").write_text(json.dumps(boxes), encoding="utf-8")
    seats = {f"clip.mp4#{i:06d}": [2, 2, 40, 44] for i in (0, 50)}
    (root / "seats.json").write_text(json.dumps(seats), encoding="utf-8")
    (root / "my_look.yaml").write_text("camera: {truncated: 0.5}\n", encoding="utf-8")


def copy_run(run: TinyRun, to: Path, out: Path) -> None:
    """A run of its own: what is scored anew is written into the copy. Its scores of an epoch are those of its end."""
    shutil.copytree(run.folder, to)
    config = yaml.safe_load((to / "config.yaml").read_text(encoding="utf-8"))
    (to / "config.yaml").write_text(yaml.safe_dump({**config, "out": str(out)}), encoding="utf-8")
    scores = json.loads((to / "scores.json").read_text(encoding="utf-8"))["scores"]
    lines = [json.dumps({"epoch": epoch, **scores}) for epoch in range(2)]
    (to / "scores.jsonl").write_text("\n".join(lines), encoding="utf-8")


def _write_raw(root: Path) -> None:
    """``path/to``: each published format, and what a user has."""
    write_lspet(root / "lspet", 24)
    write_lsp(root / "lsp")
    write_coco(root / "coco")
    data = write_coco(root / "export")
    (root / "labels.json").write_text(json.dumps(data), encoding="utf-8")
    for i, image in enumerate((root / "export" / "val2017").iterdir()):
        picture(160, 120, i).save(root / "export" / image.name)
    write_deeplabcut(root / "project")
    write_surreal(root / "SURREAL" / "data" / "cmu", 21)
    write_surreal_crops(root / "crops")
    write_h36m(root / "h36m")
    write_mpii(root / "mpii")
    write_rhd(root / "RHD_published_v2")
    write_h3d(root / "H3D_crop")
    write_freihand(root / "freihand")
    (root / "videos").mkdir()
    write_video(root / "videos" / "clip.mp4", 60)
    write_folder(root / "pictures")
    write_folder(root / "folder", 24)
    write_folder(root / "photos")
    (root / "motions").mkdir()
    write_bvh(root / "motions" / "still.bvh", [{}, {}])
    _write_sleap(root / "labels.pkg.slp")


def _write_sleap(file: Path) -> None:
    skeleton = sleap_io.Skeleton(["head", "thorax", "tail"], [("head", "thorax"), ("thorax", "tail")])
    folder = file.parent / "fly"
    folder.mkdir()
    picture(64, 64).save(folder / "1.png")
    picture(64, 64, 1).save(folder / "2.png")
    video = sleap_io.Video.from_filename([str(folder / "1.png"), str(folder / "2.png")])
    points = np.array([[10.0, 10.0], [30.0, 30.0], [50.0, 40.0]])
    frames = [
        sleap_io.LabeledFrame(
            video=video, frame_idx=i, instances=[sleap_io.Instance.from_numpy(points + i, skeleton=skeleton)]
        )
        for i in range(2)
    ]
    sleap_io.Labels(frames).save(str(file), embed=True, verbose=False)

"""What is fuzzed: each target is one file that a user may have from anywhere, and the code that reads it.

Whatever the file holds, the answer is what it says or a `UserError` (an `ItemError` for a single picture) of one line.
`test_fuzz.py` tries a few damaged files of each in every test run; `run.py` runs atheris on one for minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from actupose.commands.suite import plan, read_suite
from actupose.commands.training import ParsedTraining
from actupose.data.build import build_store
from actupose.data.crop import ItemError, decode_image
from actupose.data.frames import FrameReader, VideoFrame
from actupose.data.readers import read
from actupose.data.readers.boxes import read_boxes
from actupose.data.store import StoreMeta, open_store
from actupose.deploy.checkpoint import load_checkpoint
from actupose.deploy.folder import load_folder, write_folder
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.skeletons.mapping import read_renames
from actupose.skeletons.skeleton import write_skeleton
from actupose.synth.look import LOOKS, load_look
from actupose.synth.mocap.acclaim import read_amc
from actupose.synth.mocap.arrays import read_npz
from actupose.synth.mocap.bvh import read_bvh
from data.fakes import Rows, jpeg, write_coco, write_lspet
from data.fakes.deeplabcut import write_deeplabcut
from data.fakes.h36m import write_h36m
from data.fakes.hands import write_freihand, write_rhd
from data.fakes.mpii import write_mpii, write_mpii_json
from data.fakes.surreal import write_surreal
from data.fakes.video import write_video
from deploy.test_checkpoint import method, save
from skeletons.files import write_mmpose, write_sleap
from synth.mocap_files import write_acclaim, write_amass, write_bvh
from tiny_stores import REPO_ROOT

CONFIGS = REPO_ROOT / "configs"


@dataclass(frozen=True)
class Target:
    """A file and its reader.

    Attributes:
        make: writes a whole example below an existing folder and gives the file that is damaged.
        read: reads that file.
        slow: more than some milliseconds a try, so that fewer are made.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    slow: bool = False

    def attempt(self, file: Path, content: bytes) -> bool:
        """Read a file of the given content; whether it was taken. Anything but one clear line is an error."""
        file.write_bytes(content)
        said = ""
        try:
            self.read(file)
        except (UserError, ItemError) as error:
            said = str(error).strip() or "\n"
        assert "\n" not in said, f"not one line: {said}"
        return not said


def _turns() -> list[dict[str, Rotation]]:
    return [{"left_elbow": Rotation.from_euler("x", 10.0 * i, degrees=True)} for i in range(3)]


def _write(file: Path, content: str | bytes) -> Path:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def _dataset(writer: Callable[[Path], object], name: str, mark: str, split: str = "all") -> Target:
    """A published format: `mark` finds the file below its root."""

    def make(folder: Path) -> Path:
        writer(folder / "root")
        return sorted((folder / "root").rglob(mark))[0]

    def root_of(file: Path) -> Path:
        return next(parent for parent in file.parents if parent.name == "root")

    return Target(make, lambda file: read(name, root_of(file), split))


def _video(folder: Path) -> Path:
    write_video(folder / "a.mp4", 4)
    return folder / "a.mp4"


def _frame(file: Path) -> object:
    with FrameReader() as frames:
        return decode_image(VideoFrame(file, 2), "a.mp4#2", frames=frames)


def _store(folder: Path) -> Path:
    build_store(folder / "store", StoreMeta(load_skeleton("lsp14"), 32, "fake"), 3, Rows())
    return folder / "store"


def _rows(file: Path) -> object:
    store = open_store(file.parent if file.name == "store.json" else file.parents[1])
    return [store.rows[i] for i in range(len(store))]


def _folder(folder: Path) -> Path:
    write_folder(load_checkpoint(save(method("UDAPE"), folder / "last.ckpt")), folder)
    return folder


def _npz(folder: Path) -> Path:
    return write_amass(folder / "a.npz", _turns(), 72)


def _amc(folder: Path) -> Path:
    return write_acclaim(folder, "a", _turns())


def _suite(folder: Path) -> Path:
    text = {"tasks": ["synth_lspet"], "methods": ["source_only", {"method": "udape", "vary": {"data.size": [64]}}]}
    return _write(folder / "suite.yaml", yaml.safe_dump({**text, "configs": str(CONFIGS), "seeds": [0, 1]}))


def _training(file: Path) -> object:
    files = (CONFIGS / "tasks" / "synth_lspet.yaml", CONFIGS / "methods" / "actupose.yaml", file)
    return ParsedTraining([part for config in files for part in ("--config", str(config))])


def _config(folder: Path) -> Path:
    content = {
        "trainer": {"max_epochs": 3, "callbacks": [{"class_path": "lightning.pytorch.callbacks.ModelSummary"}]},
        "data": {"size": 64, "loader": {"batch_size": 4}, "curriculum": {"kind": "active", "n_bins": 5}},
        "model": {"init_args": {"schedule": {"lr": 0.001, "milestones": [2]}, "net": {"head": "fpn"}}},
    }
    return _write(folder / "config.yaml", yaml.safe_dump(content))


def _boxes(folder: Path) -> Path:
    return _write(folder / "boxes.json", json.dumps({"a.jpg": [1, 2, 30.5, 40], "b.jpg": [[0, 0, 9, 9], [1, 1, 8, 8]]}))


def _skeleton(folder: Path) -> Path:
    write_skeleton(load_skeleton("lsp14"), folder / "mine.yaml")
    return folder / "mine.yaml"


def _look(folder: Path) -> Path:
    return _write(folder / "mine.yaml", (LOOKS / "outdoor.yaml").read_bytes())


def _plan(file: Path) -> object:
    return plan(*read_suite(file), file)


TARGETS: dict[str, Target] = {
    # annotations of published formats and of other tools
    "coco json": _dataset(write_coco, "coco", "*.json", "val2017"),
    "lspet mat": _dataset(write_lspet, "lspet", "*.mat"),
    "surreal mat": _dataset(write_surreal, "surreal", "*.mat"),
    "mpii mat": _dataset(write_mpii, "mpii", "*.mat"),
    "mpii json": _dataset(write_mpii_json, "mpii", "train.json", "published_train"),
    "h36m json": _dataset(write_h36m, "h36m", "*.json"),
    "freihand json": _dataset(write_freihand, "freihand", "*_xyz.json"),
    "rhd pickle": _dataset(write_rhd, "rhd", "*.pickle"),
    "deeplabcut csv": _dataset(write_deeplabcut, "deeplabcut", "*.csv"),
    "deeplabcut yaml": _dataset(write_deeplabcut, "deeplabcut", "config.yaml"),
    "sleap slp": Target(lambda folder: write_sleap(folder / "a.slp"), load_skeleton, slow=True),
    "boxes json": Target(_boxes, lambda file: read_boxes(file, ["a.jpg", "b.jpg"])),
    # pictures and videos
    "jpeg": Target(lambda folder: _write(folder / "a.jpg", jpeg(0)), lambda file: decode_image(file, file.name)),
    "video": Target(_video, _frame),
    # motion capture
    "bvh": Target(lambda folder: write_bvh(folder / "a.bvh", _turns()), read_bvh),
    "amc": Target(_amc, read_amc),
    "asf": Target(lambda folder: _amc(folder).with_name("a.asf"), lambda f: read_amc(f.with_name("a_01.amc"))),
    "npz": Target(_npz, read_npz),
    # configuration
    "training yaml": Target(_config, _training, slow=True),
    "suite yaml": Target(_suite, _plan, slow=True),
    "look yaml": Target(_look, lambda file: load_look(str(file))),
    "skeleton yaml": Target(_skeleton, load_skeleton),
    "mmpose py": Target(lambda folder: write_mmpose(folder / "a.py"), load_skeleton),
    "map yaml": Target(lambda folder: _write(folder / "map.yaml", "map: {neck: head_top, 7: l}\n"), read_renames),
    # our own files, which may be a stranger's
    "store json": Target(lambda folder: _store(folder) / "store.json", _rows),
    "store shard": Target(lambda folder: _store(folder) / "shards" / "00000.arrow", _rows),
    "checkpoint": Target(lambda folder: save(method("UDAPE"), folder / "last.ckpt"), load_checkpoint, slow=True),
    "exported json": Target(lambda folder: _folder(folder) / "config.json", lambda f: load_folder(f.parent), slow=True),
    "safetensors": Target(lambda f: _folder(f) / "model.safetensors", lambda f: load_folder(f.parent), slow=True),
}


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """A damaged copy: cut, bytes changed, a part twice, gone, or from elsewhere, a number or word put in its place."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 40))
        kind = int(rng.integers(7))
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            other = int(rng.integers(len(data)))
            data[at : at + length] = data[other : other + length]
        elif kind == 5:
            data[at : at + int(rng.integers(0, 4))] = _WORDS[int(rng.integers(len(_WORDS)))]
        else:
            data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


_WORDS = [
    b"nan",
    b"-1",
    b"1e999",
    b"null",
    b"[]",
    b"{}",
    b"99999999999999999999",
    b"\xff\xfe",
    b"\0",
    b": ",
    b"\n- ",
    b"'",
]
_WORDS += [b"&a *a", b"!!python/object:os.system", b"true", b"0", b'"', b"../../x", b"\xc3\xa9", b"1.5", b"<<: *b"]

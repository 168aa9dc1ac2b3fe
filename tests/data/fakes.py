"""Tiny data sets in the exact layout of the published ones, and shard makers for the builder."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from actupose.data.build import ShardResult, StoreRow
from actupose.skeletons import load_skeleton


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth random picture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def poses(count: int, width: int, height: int, joints: int = 14, seed: int = 0) -> NDArray[np.float64]:
    """(count, joints, 2) inside an image, away from its edge."""
    rng = np.random.default_rng(seed)
    return rng.uniform((8, 8), (width - 9, height - 9), (count, joints, 2))


def write_lspet(root: Path, count: int = 12, width: int = 120, height: int = 90) -> NDArray[np.float64]:
    """LSP-extended: joints (14, 3, N), third 1 = labelled; joint 0 of every third image lies beside the image."""
    joints = np.ones((14, 3, count))
    joints[:, :2] = poses(count, width, height).transpose(1, 2, 0)
    joints[0, :, ::3] = np.array([-50.0, 0.0, 0.0])[:, None]
    _write_leeds(root, joints, 5, width, height)
    return joints


def write_lsp(root: Path, count: int = 10, width: int = 120, height: int = 90) -> NDArray[np.float64]:
    """LSP: joints (3, 14, N), third row 1 = occluded; joint 5 of every other image is."""
    joints = np.zeros((3, 14, count))
    joints[:2] = poses(count, width, height, seed=1).transpose(2, 1, 0)
    joints[2, 5, ::2] = 1
    _write_leeds(root, joints, 4, width, height)
    return joints


def _write_leeds(root: Path, joints: NDArray[np.float64], digits: int, width: int, height: int) -> None:
    (root / "images").mkdir(parents=True, exist_ok=True)
    savemat(root / "joints.mat", {"joints": joints})
    for i in range(joints.shape[2]):
        picture(width, height, i).save(root / "images" / f"im{i + 1:0{digits}d}.jpg")


def coco_data() -> dict[str, Any]:
    """Two images; four people, of whom one is a crowd and one has no keypoint."""
    names = load_skeleton("coco17").keypoints
    places = np.round(poses(4, 160, 120, 17, seed=2)).astype(int)

    def person(i: int, image: int, **more: Any) -> dict[str, Any]:
        flat = [int(v) for x, y in places[i] for v in (x, y, 2)]
        flat[0:3], flat[3 * 4 + 2] = [0, 0, 0], 1
        box = [4, 5, 150, 110]
        return {"id": 100 + i, "image_id": image, "category_id": 1, "iscrowd": 0, "bbox": box, "keypoints": flat} | more

    nobody = {"keypoints": [0] * 51, "num_keypoints": 0}
    return {
        "images": [{"id": 7, "file_name": "000000000007.jpg"}, {"id": 9, "file_name": "000000000009.jpg"}],
        "annotations": [person(0, 7), person(1, 9), person(2, 9, iscrowd=1), person(3, 9, **nobody)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
    }


def write_coco(root: Path, data: dict[str, Any] | None = None, split: str = "val2017") -> dict[str, Any]:
    """COCO keypoints: annotations/person_keypoints_<split>.json and <split>/*.jpg."""
    data = coco_data() if data is None else data
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / f"person_keypoints_{split}.json").write_text(json.dumps(data), encoding="utf-8")
    (root / split).mkdir(exist_ok=True)
    for name in ("000000000007.jpg", "000000000009.jpg"):
        picture(160, 120).save(root / split / name)
    return data


def write_folder(root: Path, count: int = 4) -> list[str]:
    """Images at two depths, with a text file and a hidden folder beside them."""
    names = [f"{'deep/er/' if i % 2 else ''}photo {i}.{'PNG' if i % 2 else 'jpeg'}" for i in range(count)]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(100 + 10 * i, 80, i).save(root / name)
    (root / "notes.txt").write_text("no image", encoding="utf-8")
    (root / ".cache").mkdir()
    picture(10, 10).save(root / ".cache" / "hidden.png")
    return sorted(names)


def jpeg(seed: int, size: int = 32) -> bytes:
    """An encoded picture."""
    buffer = io.BytesIO()
    picture(size, size, seed).save(buffer, "JPEG")
    return buffer.getvalue()


def row(i: int, joints: int = 14) -> StoreRow:
    """A store row that depends on its index alone."""
    rng = np.random.default_rng(i)
    return StoreRow(
        image=jpeg(i),
        name=f"item {i}",
        keypoints=rng.uniform(0, 32, (joints, 2)).astype(np.float32),
        visible=rng.integers(0, 3, joints).astype(np.uint8),
        crop=np.array([[1, 0, i], [0, 1, -i]], np.float32),
        archetype=("stand", "sit")[i % 2],
    )


@dataclass(frozen=True)
class Rows:
    """Shard maker; item indices in ``bad`` become problems, ``seconds`` slow each shard, ``kill`` ends the process."""

    bad: tuple[int, ...] = ()
    seconds: float = 0.0
    kill: int = -1

    def __call__(self, items: range) -> ShardResult:
        time.sleep(self.seconds)
        if self.kill in items:
            os.kill(os.getpid(), signal.SIGKILL)
        good = [row(i) for i in items if i not in self.bad]
        return ShardResult(good, [f"item {i}: is bad" for i in items if i in self.bad])

"""COCO keypoints JSON beside images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from actupose.skeletons import load_skeleton
from data.fakes.pictures import picture, poses


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

"""Tiny DeepLabCut projects, their tables written by pandas as DeepLabCut writes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from data.fakes.pictures import picture

PARTS = ["snout", "left_ear", "right_ear", "tail"]
CONFIG: dict[str, Any] = {
    "Task": "mouse",
    "scorer": "me",
    "bodyparts": PARTS,
    "skeleton": [["snout", "left_ear"], ["snout", "right_ear"], ["snout", "tail"]],
}


def write_deeplabcut(
    root: Path, *, animals: tuple[str, ...] = (), kind: str = "csv", parts_of_path: bool = False
) -> NDArray[np.float64]:
    """A project of two videos with three frames each; (2, 3, animals, 4, 2) labels.

    The tail of each first frame is unlabelled, and of several animals the last one in each second frame.
    """
    root.mkdir(parents=True, exist_ok=True)
    config = dict(CONFIG)
    if animals:
        more = {"multianimalproject": True, "multianimalbodyparts": PARTS, "individuals": list(animals)}
        config |= {**more, "uniquebodyparts": ["corner"], "bodyparts": "MULTI!"}
    (root / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    rng = np.random.default_rng(0)
    labels = rng.uniform(5, 60, (2, 3, max(1, len(animals)), 4, 2)).round(2)
    labels[:, 0, :, 3] = np.nan
    if animals:
        labels[:, 1, -1] = np.nan
    for v, video in enumerate(("cage", "field")):
        _write_video(root, video, labels[v], animals, kind, parts_of_path)
    return labels


def _write_video(
    root: Path, video: str, labels: NDArray[np.float64], animals: tuple[str, ...], kind: str, parts_of_path: bool
) -> None:
    folder = root / "labeled-data" / video
    folder.mkdir(parents=True)
    names = [f"img{i:03d}.png" for i in range(3)]
    for i, name in enumerate(names):
        picture(80, 70, i).save(folder / name)
    paths = [("labeled-data", video, n) for n in names]
    index = pd.MultiIndex.from_tuples(paths) if parts_of_path else pd.Index(["/".join(p) for p in paths])
    who = [("me", a) for a in animals] or [("me",)]
    columns = [(*w, p, axis) for w in who for p in PARTS for axis in "xy"]
    values = labels.reshape(3, -1)
    if animals:  # a part of no animal
        columns += [("me", "single", "corner", axis) for axis in "xy"]
        values = np.concatenate([values, np.full((3, 2), 7.0)], axis=1)
    levels = ["scorer", "individuals", "bodyparts", "coords"] if animals else ["scorer", "bodyparts", "coords"]
    frame = pd.DataFrame(values, index=index, columns=pd.MultiIndex.from_tuples(columns, names=levels))
    if kind == "csv":
        frame.to_csv(folder / "CollectedData_me.csv")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame.to_hdf(folder / "CollectedData_me.h5", key="df_with_missing", mode="w")

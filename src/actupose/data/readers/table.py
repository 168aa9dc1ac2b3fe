"""The table of formats: name, function, parts, options, owner, and the marks by which a folder is told."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from actupose.data.readers.base import ReadOptions, ReadResult

ReadFunction = Callable[[Path, str, ReadOptions], ReadResult]


@dataclass(frozen=True)
class Reader:
    """One published format.

    Attributes:
        name: what users call it.
        function: ``module:function``, imported when used.
        skeleton: name of its skeleton; empty = it depends on the data.
        splits: its parts; empty = they depend on the data.
        help: one line.
        takes: which of `ReadOptions` it uses besides ``skeleton``.
        owner: where its owner offers it, in words; empty for formats that are no dataset.
        marks: glob patterns below the root; a file that fits one says that the root is of this format.
    """

    name: str
    function: str
    skeleton: str
    splits: tuple[str, ...]
    help: str
    takes: tuple[str, ...] = ()
    owner: str = ""
    marks: tuple[str, ...] = ()

    def load(self) -> ReadFunction:
        """Import and return the function."""
        module, function = self.function.split(":")
        return cast(ReadFunction, getattr(importlib.import_module(f"{__package__}.{module}"), function))


_LEEDS = "by its authors at the University of Leeds (Sam Johnson's research pages)"
_FREIBURG = "by the Computer Vision Group of the University of Freiburg, under the resources on its pages"
_PUBLISHED = ("train", "test", "published_train", "published_test")
_ALL = (
    Reader("lspet", "lspet:read_lspet", "lsp14", ("train", "test", "all"), "Leeds Sports Pose Extended", owner=_LEEDS),
    Reader("lsp", "lsp:read_lsp", "lsp14", ("train", "test", "published", "all"), "Leeds Sports Pose", owner=_LEEDS),
    Reader(
        "surreal",
        "surreal:read_surreal",
        "body16",
        ("train", "val", "test", "all"),
        "SURREAL, the original release (videos and _info.mat)",
        ("frame_stride", "joint_map"),
        "on the SURREAL project page, after its licence is accepted",
        ("*_info.mat", "*/*/*/*_info.mat", "*/*/*/*/*_info.mat", "*/*/*/*/*/*_info.mat"),
    ),
    Reader(
        "surreal_crops",
        "surreal_crops:read_surreal_crops",
        "body16",
        ("train", "val", "test", "published_train", "published_test", "all"),
        "SURREAL, the crops published for domain adaptation",
        ("joint_map",),
        "by the authors of RegDA, in their Transfer-Learning-Library (TLLib)",
        ("train/run0.json", "test/run0.json"),
    ),
    Reader(
        "h36m",
        "h36m:read_h36m",
        "body16",
        ("train", "test", "published_test", "test_all", "all"),
        "Human3.6M in the JSON layout of 3DMPPE",
        owner="on the Human3.6M page, after registration; the JSON layout by the authors of 3DMPPE (PoseNet)",
        marks=("annotations/Human36M_subject*_data.json",),
    ),
    Reader(
        "mpii",
        "mpii:read_mpii",
        "body16",
        ("train", "val", "published_train", "published_val", "all"),
        "MPII Human Pose, the official .mat or the usual JSON files",
        owner="by the Max Planck Institute for Informatics, on the MPII Human Pose page",
        marks=("mpii_human_pose_v1_u12_1.mat", "*/mpii_human_pose_v1_u12_1.mat"),
    ),
    Reader(
        "rhd",
        "rhd:read_rhd",
        "hand21",
        ("train", "test", "all"),
        "Rendered Handpose Dataset",
        owner=_FREIBURG,
        marks=("*/anno_training.pickle", "*/*/anno_training.pickle", "*/anno_evaluation.pickle"),
    ),
    Reader(
        "h3d",
        "h3d:read_h3d",
        "hand21",
        (*_PUBLISHED, "all"),
        "Hand-3D-Studio, cropped",
        owner="by its authors at Southeast University; the crops by the authors of RegDA (TLLib)",
        marks=("H3D_crop/annotation.json", "annotation.json"),
    ),
    Reader(
        "freihand",
        "freihand:read_freihand",
        "hand21",
        (*_PUBLISHED, "evaluation", "all"),
        "FreiHAND",
        owner=_FREIBURG,
        marks=("training_xyz.json",),
    ),
    Reader(
        "coco",
        "coco:read_coco",
        "",
        (),
        "COCO keypoints JSON beside images",
        ("annotations",),
        "by the COCO consortium on its page, or exported by your own tool",
        ("annotations/*.json",),
    ),
    Reader(
        "deeplabcut",
        "deeplabcut:read_deeplabcut",
        "",
        (),
        "DeepLabCut project",
        marks=("labeled-data/*/CollectedData_*.csv", "labeled-data/*/CollectedData_*.h5"),
    ),
    Reader("sleap", "sleap:read_sleap", "", ("all",), "SLEAP .slp", ("annotations",), marks=("*.slp",)),
    Reader("video", "video:read_video", "", ("all",), "videos without labels", ("boxes", "frame_stride", "num_frames")),
    Reader("folder", "folder:read_folder", "", ("all",), "folder of images without labels", ("boxes",)),
)
READERS: dict[str, Reader] = {reader.name: reader for reader in _ALL}

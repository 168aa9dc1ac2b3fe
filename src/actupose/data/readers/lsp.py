"""Leeds Sports Pose (Johnson and Everingham, BMVC 2010) in its official layout.

::

    joints.mat            joints (3, 14, N): x, y, 1 = occluded
    images/im0001.jpg     and on

Both archives, the scaled one and ``lsp_dataset_original``, are laid out so. The coordinates are taken as pixel
indices as they stand, as in LSP-extended by the same authors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.leeds import NUM_JOINTS, load_joints, numbered_records
from actupose.skeletons import load_skeleton

SPLITS = ("train", "test", "published", "all")
_IMAGES = 2000


def read_lsp(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read LSP: ``train`` is the first half of the images (1 to 1000), ``test`` the second, ``all`` both.

    ``published`` is all images too: the published experiments train and test on the same 2,000, so a score on it is no
    score on unseen pictures. All 14 joints are labelled; an occluded one is hidden (1), any other visible (2).

    Args:
        root: folder with ``joints.mat`` and ``images/``.
        split: one of these.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, a broken ``joints.mat``, an unknown split, or no image.
    """
    choose_split(split, SPLITS, root)
    joints = load_joints(root, (3, NUM_JOINTS), name="LSP", hint="if this is LSP-extended, read it as 'lspet'")
    total = joints.shape[2]
    cut = total // 2
    parts = {"train": range(1, cut + 1), "test": range(cut + 1, total + 1)}
    numbers = parts.get(split, range(1, total + 1))
    keypoints = joints[:2].transpose(2, 1, 0)
    visible = np.where(joints[2].T > 0, 1, 2).astype(np.uint8)
    records = numbered_records(root, numbers, 4, keypoints, visible, name="LSP")
    notes = count_note(total, _IMAGES, "images of LSP")
    if split == "published":
        notes += ("'published' is every image, for training and test alike; 'train' and 'test' share none",)
    return ReadResult(records, load_skeleton("lsp14"), "lsp", root, split, {}, notes)

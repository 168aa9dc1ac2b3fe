"""Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011) in its official layout.

::

    joints.mat             joints (14, 3, N): x, y, 1 = labelled
    images/im00001.jpg     and on

The coordinates count pixels from 0: along the longer side of an image they are whole steps of (side - 1)/540, the
screen they were clicked on, measured from 0 (measured from 1 the pattern is gone), and some labelled joints lie at
y < 0.5. So they are taken as pixel indices as they stand, without MATLAB's 1. Unlabelled joints hold clicks beside
the image; their coordinates mean nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, count_note
from actupose.data.readers.leeds import NUM_JOINTS, load_joints, numbered_records
from actupose.skeletons import load_skeleton

SPLITS = ("train", "test", "all")
_TRAIN, _TOTAL = 2500, 3000


def read_lspet(root: Path, split: str, options: ReadOptions) -> ReadResult:  # noqa: ARG001 - one signature for all
    """Read LSP-extended; the protocol's splits are ours.

    ``train`` is im00001 to im02500, ``test`` im02501 to im03000, ``all`` whatever ``joints.mat`` holds. A set cut
    to fewer than 3,000 images is split in the same proportion, 5 to 1. The format has no visibility, so a labelled
    joint counts as visible (2).

    Args:
        root: folder with ``joints.mat`` and ``images/``.
        split: ``train``, ``test`` or ``all``.
        options: nothing of it is used.

    Raises:
        UserError: a wrong layout, a broken ``joints.mat``, an unknown split, or no image.
    """
    choose_split(split, SPLITS, root)
    joints = load_joints(
        root, (NUM_JOINTS, 3), name="LSP-extended", hint="if this is the original LSP, read it as 'lsp'"
    )
    total = joints.shape[2]
    cut = _TRAIN if total >= _TOTAL else 5 * total // 6
    last = min(total, _TOTAL)
    numbers = {"train": range(1, cut + 1), "test": range(cut + 1, last + 1), "all": range(1, total + 1)}[split]
    keypoints = joints[:, :2].transpose(2, 0, 1)
    visible = np.where(joints[:, 2].T > 0, 2, 0).astype(np.uint8)
    records = numbered_records(root, numbers, 5, keypoints, visible, name="LSP-extended")
    notes = count_note(min(total, _TOTAL), _TOTAL, "images of LSP-extended that the splits use")
    return ReadResult(records, load_skeleton("lsp14"), "lspet", root, split, {}, notes)

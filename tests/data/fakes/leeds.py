"""Leeds Sports Pose and its extension in their official layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from data.fakes.pictures import picture, poses


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

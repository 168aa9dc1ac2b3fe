"""What the two Leeds Sports Pose formats share: ``joints.mat`` beside a folder of numbered images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actupose.data.readers.files import MissingDataError, load_mat, require_file, require_folder, unreadable
from actupose.data.readers.mat5 import check_mat5
from actupose.data.records import PoseRecord
from actupose.errors import UserError

NUM_JOINTS = 14


def load_joints(root: Path, shape: tuple[int, int], *, name: str, hint: str) -> NDArray[np.float64]:
    """The array ``joints`` of ``root/joints.mat``.

    Args:
        root: folder of the dataset.
        shape: what the first two axes must be; the third counts the images.
        name: name of the dataset, for messages.
        hint: what to do when the shape is another.

    Raises:
        UserError: the folder or file is missing, is no MATLAB file, or holds another array.
    """
    require_folder(root, f"root of {name}", "name the folder that holds joints.mat and images/")
    path = require_file(root / "joints.mat", f"joints of {name}", "name the folder that holds joints.mat and images/")
    joints = load_mat(path, "joints").get("joints")
    if joints is None:
        raise UserError(f"{path}: holds no array 'joints'; take joints.mat from the official {name} archive.")
    joints = np.asarray(joints)
    if joints.ndim != 3 or joints.shape[:2] != shape or joints.dtype.kind not in "fiu" or joints.shape[2] == 0:
        wanted = f"({shape[0]}, {shape[1]}, N) numbers"
        raise UserError(f"{path}: 'joints' is {joints.shape} of {joints.dtype}, {name} has {wanted}; {hint}.")
    return joints.astype(np.float64)


def joints_shape(path: Path) -> tuple[int, ...]:
    """Shape of the array ``joints`` in a MATLAB file, without reading it; empty where there is none.

    Raises:
        UserError: it is no MATLAB file.
    """
    from scipy.io import whosmat

    try:
        check_mat5(path)
        found = {name: shape for name, shape, _ in whosmat(str(path))}
    except Exception as error:  # scipy raises anything from zlib.error to KeyError on a broken file
        raise unreadable(path, "a readable MATLAB file", error) from error
    return tuple(found.get("joints", ()))


def numbered_records(
    root: Path,
    numbers: range,
    digits: int,
    keypoints: NDArray[np.float64],
    visible: NDArray[np.uint8],
    *,
    name: str,
) -> tuple[PoseRecord, ...]:
    """One record for each image number.

    Args:
        root: folder of the dataset.
        numbers: image numbers, from 1.
        digits: digits of the number in the file name.
        keypoints: (N, 14, 2) of all images of the dataset.
        visible: (N, 14) of all images of the dataset.
        name: name of the dataset, for messages.

    Raises:
        UserError: the images folder is missing, or none of these images is in it.
    """
    images = require_folder(
        root / "images",
        f"images of {name}",
        "copy the images of the official archive there: im" + "1".zfill(digits) + ".jpg and on",
    )
    paths = [images / f"im{i:0{digits}d}.jpg" for i in numbers]
    if not any(path.is_file() for path in paths):
        raise MissingDataError(
            f"{images}: holds none of {paths[0].name} to {paths[-1].name}; copy the images of {name} there."
        )
    return tuple(
        PoseRecord(
            image=path,
            name=path.name,
            keypoints=keypoints[i - 1].astype(np.float32),
            visible=visible[i - 1],
        )
        for i, path in zip(numbers, paths, strict=True)
    )

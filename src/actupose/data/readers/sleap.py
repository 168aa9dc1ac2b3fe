"""SLEAP projects (``.slp``) and packages (``.pkg.slp``) with their images inside, through sleap-io.

Coordinates are pixel indices: since version 1.1 of the format the centre of the first pixel is 0, and sleap-io moves
older files. Only what a person has labelled is read, no prediction; the format has no usable visibility, so a label
counts as visible (2).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from actupose.data.frames import PackedImage, VideoFrame
from actupose.data.readers.base import ReadOptions, ReadResult, choose_split, derived_notes, point_record
from actupose.data.readers.files import below, require_file
from actupose.data.records import Image, PoseRecord
from actupose.errors import UserError
from actupose.skeletons import Skeleton
from actupose.skeletons.formats import load_sleap, sleap_skeleton

SPLITS = ("all",)


def read_sleap(root: Path, split: str, options: ReadOptions) -> ReadResult:
    """Read the labelled instances of a SLEAP file, one record an animal in a frame.

    A project names its videos and images by the paths of the machine it was made on. They are looked for below the
    root, by as much of their path as is there; nothing outside the root is opened.

    Args:
        root: the ``.slp`` file, or a folder that holds one; its folder is where videos and images are.
        split: ``all``.
        options: ``annotations`` names the file where a folder holds several.

    Raises:
        UserError: sleap-io is missing, there is no or more than one file, it is broken, or nothing is labelled.
    """
    choose_split(split, SPLITS, root)
    path = _file(root, options.annotations)
    folder = path.parent if root.is_file() else root
    labels = load_sleap(path)
    skeleton = Skeleton.from_dict(sleap_skeleton(labels, path), str(path))
    records = tuple(_records(labels, skeleton, path, folder))
    if not records:
        raise UserError(f"{path}: holds no labelled instance (predictions are not read); label frames in SLEAP first.")
    return ReadResult(records, skeleton, "sleap", folder, split, notes=derived_notes(skeleton))


def _file(root: Path, given: Path | None) -> Path:
    if given is not None or not root.is_dir():
        return require_file(given or root, "SLEAP file", "name a .slp file, or a folder that holds one")
    found = sorted(root.glob("*.slp"))
    if len(found) != 1:
        raise UserError(f"{root}: holds {len(found)} .slp files; name one as the root or with --annotations.")
    return found[0]


def _records(labels: Any, skeleton: Skeleton, path: Path, folder: Path) -> Iterator[PoseRecord]:  # noqa: ANN401 - sleap-io has no types
    numbers = {id(video): i for i, video in enumerate(labels.videos)}
    packed = {id(video): _packed_places(video, path) for video in labels.videos}
    for frame in labels.labeled_frames:
        number, index = numbers[id(frame.video)], int(frame.frame_idx)
        origin = f"{path}: frame {index} of video {number}"
        image: Image
        if packed[id(frame.video)] is not None:
            dataset, places = packed[id(frame.video)] or ("", {})
            if index not in places:
                raise UserError(f"{origin}: the package holds no such image; export it again.")
            image = PackedImage(path, dataset, places[index])
        else:
            image = _named_image(frame.video, index, folder, origin)
        for k, instance in enumerate(frame.user_instances):
            points = np.asarray(instance.numpy(), np.float32)
            if points.shape != (skeleton.num_keypoints, 2):
                raise UserError(f"{origin}: has {len(points)} points, the skeleton {skeleton.num_keypoints}.")
            record = point_record(image, f"video{number}/{index:06d}#{k}", points)
            if record is not None:
                yield record


def _packed_places(video: Any, path: Path) -> tuple[str, dict[int, int]] | None:  # noqa: ANN401 - sleap-io has no types
    """Dataset of a package's images and the place of each frame in it; None where the images are elsewhere."""
    facts = video.backend_metadata or {}
    if not facts.get("has_embedded_images"):
        return None
    import h5py

    dataset = str(facts.get("dataset", ""))
    try:
        with h5py.File(path, "r") as file:
            frames = file[dataset.removesuffix("/video") + "/frame_numbers"][()]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path}: its images {dataset!r} cannot be read ({error}); export the package again."
        ) from error
    return dataset, {int(number): place for place, number in enumerate(frames)}


def _named_image(video: Any, index: int, folder: Path, origin: str) -> Path | VideoFrame:  # noqa: ANN401 - sleap-io has no types
    if isinstance(video.filename, list):
        if not 0 <= index < len(video.filename):
            raise UserError(f"{origin}: the video has {len(video.filename)} images; save the project again.")
        return _found_below(folder, str(video.filename[index]), origin)
    return VideoFrame(_found_below(folder, str(video.filename), origin), index)


def _found_below(folder: Path, name: str, origin: str) -> Path:
    """The file below the folder that shares most of the end of a path of another machine."""
    parts = [p for p in PurePosixPath(PureWindowsPath(name).as_posix()).parts if p != "/" and not p.endswith(":")]
    below(folder, "/".join(parts), origin)
    tails = [folder.joinpath(*parts[i:]) for i in range(len(parts))]
    return next((tail for tail in tails if tail.is_file()), tails[-1])

"""Where the people of a picture are: everywhere, where a file says, or where a detector finds them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from actupose.data.detect import PersonDetector, detector_facts
from actupose.data.detector_config import DetectorConfig
from actupose.data.frames import FrameReader
from actupose.data.readers.boxes import from_corners, read_boxes
from actupose.data.records import Box, PoseRecord
from actupose.errors import UserError

Boxes = dict[str, list[Box | None]]


class PeopleFinder(Protocol):
    """Gives the boxes of pictures."""

    facts: Any  # what the boxes depend on, as plain data

    def find(self, records: Sequence[PoseRecord], frames: FrameReader) -> tuple[Boxes, Mapping[str, str]]:
        """Name of a picture -> boxes in pixel indices, None = all of it; and name -> why it cannot be read."""


class WholePictures:
    """One person a picture, who fills it."""

    facts = "whole pictures"

    def find(self, records: Sequence[PoseRecord], frames: FrameReader) -> tuple[Boxes, Mapping[str, str]]:  # noqa: ARG002 - one signature for all
        """No box for anybody."""
        return {r.name: [None] for r in records}, {}


class GivenBoxes:
    """The boxes of a JSON file; a picture that it does not name has nobody.

    Args:
        path: the file, see `read_boxes`.
        names: what the pictures are called.

    Raises:
        UserError: the file is missing or broken, or names no picture.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._boxes = read_boxes(path, names)
        self.facts = hashlib.sha256(repr(sorted(self._boxes.items())).encode()).hexdigest()[:16]

    def find(self, records: Sequence[PoseRecord], frames: FrameReader) -> tuple[Boxes, Mapping[str, str]]:  # noqa: ARG002 - one signature for all
        """The boxes that the file gives."""
        return {r.name: list(self._boxes.get(r.name, ())) for r in records}, {}


class DetectedPeople:
    """Whom one of torchvision's detectors finds, best box first.

    Args:
        config: which detector.

    Raises:
        UserError: a setting is out of range, or the detector cannot be had.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self._detector = PersonDetector(config)
        self.facts = detector_facts(config)

    def find(self, records: Sequence[PoseRecord], frames: FrameReader) -> tuple[Boxes, Mapping[str, str]]:
        """Run the detector."""
        found, problems = self._detector.find(records, frames)
        return {name: [from_corners(box) for box in boxes] for name, boxes in found.items()}, problems


def people_finder(boxes: Path | None, detector: DetectorConfig, names: Sequence[str] | None) -> PeopleFinder:
    """The finder that the options ask for.

    Args:
        boxes: JSON of person boxes.
        detector: its name is empty where none is wanted.
        names: what the pictures are called; None = nobody knows yet.

    Raises:
        UserError: both are asked for, or one of them cannot be had.
    """
    if boxes is not None and detector.name:
        raise UserError("boxes and detector.name: give one of them, the file or the detector.")
    if boxes is not None:
        if names is None:
            raise UserError(f"{boxes}: nobody knows where a camera will see people; use a detector, or whole pictures.")
        return GivenBoxes(boxes, names)
    return DetectedPeople(detector) if detector.name else WholePictures()

"""What a user says of a person detector; apart from it, so that `prepare --help` loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PERSON = 1  # of COCO, and of any detector of one kind


@dataclass(frozen=True)
class DetectorConfig:
    """Which detector finds the people, and which of its boxes count.

    Attributes:
        name: one of torchvision's detection models, e.g. ``fasterrcnn_resnet50_fpn_v2``; empty = no detector.
        weights: file of its weights (a state dict); None = those of torchvision's hub, trained on COCO.
        threshold: least score of a box.
        label: class of the boxes; COCO's person is 1.
        most: most boxes of a picture, best first.
        batch_size: pictures at once.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    name: str = ""
    weights: Path | None = None
    threshold: float = 0.7
    label: int = PERSON
    most: int = 20
    batch_size: int = 4
    device: Literal["auto", "cpu", "cuda"] = "auto"

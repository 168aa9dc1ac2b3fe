"""Person boxes by one of torchvision's detectors, for targets without boxes.

The boxes are kept in a JSON file beside the store, so that a killed run goes on and a user can look at them, mend them
and give them back with ``--boxes``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from actupose.data.crop import ItemError, decode_image
from actupose.data.detector_config import DetectorConfig
from actupose.data.frames import FrameReader
from actupose.data.readers.base import ReadResult
from actupose.data.readers.boxes import from_corners, with_boxes
from actupose.data.records import PoseRecord
from actupose.data.store import write_json_atomically
from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.skeletons.skeleton import near_match

_SAVE_EVERY = 64  # pictures


def detect_people(found: ReadResult, config: DetectorConfig, keep: Path) -> ReadResult:
    """The same pictures with one record a detected person.

    Args:
        found: whole pictures, from `read_folder` or `read_video`.
        config: the detector.
        keep: JSON file of the boxes; what an interrupted call wrote there is used again.

    Raises:
        UserError: the detector cannot be had, ``keep`` is of another detector, or nobody was found.
    """
    if any(r.keypoints is not None or r.box is not None for r in found.records):
        raise UserError(f"{found.root}: has labels or boxes already; a detector is for pictures without.")
    facts = detector_facts(config)
    boxes = _kept(keep, facts)
    missing = [r for r in found.records if r.name not in boxes]
    problems: list[str] = []
    if missing:
        detector = PersonDetector(config)
        with progress_bar(total=len(found.records), label=f"detect {found.source}") as bar, FrameReader() as frames:
            bar.update(len(found.records) - len(missing))
            for start in range(0, len(missing), _SAVE_EVERY):
                part = missing[start : start + _SAVE_EVERY]
                some, broken_ones = detector.find(part, frames)
                boxes |= some
                problems += broken_ones.values()
                _save(keep, facts, boxes)
                bar.update(len(part))
    people = with_boxes(found.records, {name: [from_corners(b) for b in some] for name, some in boxes.items()})
    broken = tuple(r for r in found.records if r.name not in boxes)  # they are counted as skipped by `prepare`
    if not people:
        raise UserError(f"{found.root}: {config.name} found nobody; lower the threshold ({config.threshold}).")
    empty = sum(not some for some in boxes.values())
    note = f"{config.name}: {len(people)} people in {len(boxes) - empty} pictures, {empty} without any; {keep}"
    return replace(found, records=(*people, *broken), notes=(*found.notes, note, *problems[:3]))


class PersonDetector:
    """One of torchvision's detectors, at work on whole pictures.

    Args:
        config: which, and which of its boxes count.

    Raises:
        UserError: a setting is out of range, or the detector cannot be had.
    """

    def __init__(self, config: DetectorConfig) -> None:
        check_detector(config)
        self.config = config
        self._model = load_detector(config)

    def find(
        self, records: Sequence[PoseRecord], frames: FrameReader
    ) -> tuple[dict[str, list[list[float]]], dict[str, str]]:
        """Find the people of some pictures.

        Args:
            records: whole pictures.
            frames: decoder for frames of videos.

        Returns:
            Name of a picture -> corners x0, y0, x1, y1 of its boxes, best first; and name -> why it cannot be read.
        """
        boxes: dict[str, list[list[float]]] = {}
        problems: dict[str, str] = {}
        for start in range(0, len(records), self.config.batch_size):
            images: list[tuple[str, Tensor]] = []
            for record in records[start : start + self.config.batch_size]:
                try:
                    pixels = np.array(decode_image(record.image, record.name, frames=frames))
                    images.append((record.name, torch.from_numpy(pixels).permute(2, 0, 1)))
                except ItemError as problem:
                    problems[record.name] = str(problem)
            # Pictures of one size go together: those of several would be padded, and the boxes depend on the batch.
            for _, group in groupby(images, key=lambda image: image[1].shape):
                names, pictures = zip(*group, strict=True)
                boxes |= zip(names, _boxes(self._model, torch.stack(pictures), self.config), strict=True)
        return boxes, problems


def check_detector(config: DetectorConfig) -> None:
    """Raise `UserError` for a setting out of range."""
    if not 0 <= config.threshold <= 1 or config.most < 1 or config.batch_size < 1:
        raise UserError("a detector needs a threshold from 0 to 1, and at least 1 box and 1 picture at once.")


def load_detector(config: DetectorConfig) -> nn.Module:
    """The detector, ready to run.

    Raises:
        UserError: torchvision has no such model, its weights cannot be downloaded, or the file does not fit.
    """
    from torchvision.models import detection, get_model, list_models

    known = list_models(module=detection)
    if config.name not in known:
        raise UserError(f"no detector '{config.name}' (detectors: {', '.join(known)}){near_match(config.name, known)}.")
    if config.weights is None:
        try:
            model: Any = get_model(config.name, weights="DEFAULT")
        except (OSError, RuntimeError) as error:  # no network, or a file cut short
            raise UserError(
                f"the weights of {config.name} cannot be had from torchvision's hub ({error}); give a file of them as "
                "detector.weights, or boxes as JSON."
            ) from error
    else:
        model = _with_weights(config.name, config.weights)
    return model.eval().to(_device(config.device))  # type: ignore[no-any-return]


def _with_weights(name: str, path: Path) -> Any:  # noqa: ANN401 - torchvision's models have no common type
    from torchvision.models import get_model

    if not path.is_file():
        raise UserError(f"{path}: no such file of detector weights.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        head = next((v for k, v in state.items() if k.endswith("cls_score.weight")), None)
        classes = {} if head is None else {"num_classes": len(head)}
        model: Any = get_model(name, weights=None, weights_backbone=None, **classes)
        model.load_state_dict(state)
    except Exception as error:  # torch raises anything from EOFError to UnpicklingError on a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise UserError(f"{path}: holds no weights of {name} ({reason}); give the state dict of that model.") from error
    return model


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("detector.device is cuda, and there is none; use cpu or auto.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _boxes(model: nn.Module, images: Tensor, config: DetectorConfig) -> list[list[list[float]]]:
    """Corners of the wanted boxes of (B, 3, H, W) uint8 images, best first."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        found = model(list(images.to(device).float().div_(255)))
    corners = []
    for one in found:
        good = (one["labels"] == config.label) & (one["scores"] >= config.threshold)
        best = one["scores"].masked_fill(~good, -1).argsort(descending=True, stable=True)
        kept = one["boxes"][best[good[best]][: config.most]].tolist()
        corners.append([[round(v, 2) for v in box] for box in kept])
    return corners


def detector_facts(config: DetectorConfig) -> dict[str, Any]:
    """What the boxes depend on, as plain data.

    Raises:
        UserError: the file of weights is missing.
    """
    weights = "hub" if config.weights is None else _digest(config.weights)
    kept = {k: v for k, v in asdict(config).items() if k in ("name", "threshold", "label", "most")}
    return kept | {"weights": weights}


def _digest(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file of detector weights.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _kept(path: Path, facts: dict[str, Any]) -> dict[str, list[list[float]]]:
    """The boxes that an earlier call left."""
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        held, boxes = data["detector"], dict(data["boxes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no file of boxes; remove it and run again.") from error
    if held != facts:
        raise UserError(f"{path}: holds boxes of another detector or threshold; remove it, or give it as --boxes.")
    return boxes


def _save(path: Path, facts: dict[str, Any], boxes: dict[str, list[list[float]]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(path, {"detector": facts, "boxes": boxes})
    except OSError as error:
        raise UserError(f"{path}: cannot write ({error.strerror or error}); free some space and run again.") from error

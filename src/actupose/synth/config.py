"""What a user sets to render a data set."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

from actupose.data.store import EXTRA_COLUMNS
from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match
from actupose.synth.look import Look, load_look

RENDERER_VERSION = 1  # raise whenever the bytes of a sample change
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class SynthConfig:
    """Settings of the generator.

    Attributes:
        look: Built-in look (`default`, `target`) or the path of a look's YAML file.
        size: Side of the square images in pixels.
        supersample: Samples per pixel and axis (1 = no anti-aliasing).
        shadows: Cast the body's own shadows.
        backgrounds: Folder of photographs to use as backgrounds; none: procedural ones only.
        tail: Steepness of the pose archetypes' tail; none: the look's.
        occluders: Share of images with an object in front of the person; none: the look's.
        truncated: Share of images that cut the person off; none: the look's.
        skeleton: Skeleton of the labels: a built-in one of the body or a YAML file.
        labels: More labels beside keypoints and visibility, names of `data.store.EXTRA_COLUMNS` (see `maps.py`).
    """

    look: str = "default"
    size: int = 256
    supersample: int = 2
    shadows: bool = True
    backgrounds: str | None = None
    tail: float | None = None
    occluders: float | None = None
    truncated: float | None = None
    skeleton: str = "body16"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 2048:
            raise UserError(f"size: {self.size} is out of range; give 32 to 2048 pixels")
        if not 1 <= self.supersample <= 4:
            raise UserError(f"supersample: {self.supersample} is out of range; give 1 to 4")
        for name in ("occluders", "truncated"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UserError(f"{name}: {share} is not a share; give 0 to 1")
        for label in self.labels:
            if label not in EXTRA_COLUMNS:
                hint = near_match(label, EXTRA_COLUMNS)
                raise UserError(f"labels: there is no label '{label}'{hint}; give any of {', '.join(EXTRA_COLUMNS)}")

    def resolved_look(self) -> Look:
        """Load the look and put this config's own values in their places.

        Raises:
            UserError: As `load_look`.
        """
        look = load_look(self.look)
        if self.tail is not None:
            look = dataclasses.replace(look, pose=dataclasses.replace(look.pose, tail=self.tail))
        if self.occluders is not None:
            occluder = dataclasses.replace(look.occluder, probability=self.occluders)
            look = dataclasses.replace(look, occluder=occluder)
        if self.truncated is not None:
            look = dataclasses.replace(look, camera=dataclasses.replace(look.camera, truncated=self.truncated))
        return look

    def background_files(self) -> list[Path]:
        """List the photographs of the background folder, sorted by path; empty without a folder.

        Raises:
            UserError: The folder is missing or holds no image file.
        """
        if self.backgrounds is None:
            return []
        folder = Path(self.backgrounds)
        if not folder.is_dir():
            raise UserError(f"backgrounds: {folder} is not a folder; give a folder of photographs or leave it out")
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        if not files:
            raise UserError(f"backgrounds: {folder} holds no image files; put photographs there or leave it out")
        return files

    def recipe(self, seed: int) -> dict[str, object]:
        """Everything that determines the bytes of the samples, as plain data for the store's metadata."""
        digest = hashlib.sha256()
        for file in self.background_files():
            digest.update(f"{file.relative_to(str(self.backgrounds)).as_posix()}:{file.stat().st_size}\n".encode())
        return {
            "renderer": RENDERER_VERSION,
            "seed": seed,
            "size": self.size,
            "supersample": self.supersample,
            "shadows": self.shadows,
            "backgrounds": digest.hexdigest() if self.backgrounds is not None else "",
            **({"labels": sorted(self.labels)} if self.labels else {}),
            **_flat("look", dataclasses.asdict(self.resolved_look())),
        }


def _flat(name: str, value: object) -> dict[str, object]:
    """Flatten nested mappings into dotted keys; tuples become lists, as in JSON."""
    if isinstance(value, dict):
        return {key: item for part, inner in value.items() for key, item in _flat(f"{name}.{part}", inner).items()}
    return {name: list(value) if isinstance(value, tuple) else value}

"""What a user sets to render a data set."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from actupose.data.store import EXTRA_COLUMNS
from actupose.errors import UserError
from actupose.skeletons.skeleton import near_match
from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.gestures import GESTURES
from actupose.synth.look import Look, load_look

if TYPE_CHECKING:
    from actupose.synth.mocap.pool import PosePool

RENDERER_VERSION = 1  # raise whenever the bytes of a sample change
SKELETONS = {"body": "body16", "hand": "hand21"}  # what is rendered -> skeleton of its labels by default
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class SynthConfig:
    """Settings of the generator.

    Attributes:
        look: Built-in look (`default`, `plain`, `indoor`, `outdoor`, `street`, `low-light`, `target`) or the path of a
            look's YAML file.
        size: Side of the square images in pixels.
        supersample: Samples per pixel and axis (1 = no anti-aliasing).
        shadows: Cast the body's own shadows.
        backgrounds: Folder of photographs to use as backgrounds; none: procedural ones only.
        tail: Steepness of the pose archetypes' tail; none: the look's.
        occluders: Share of images with an object in front of the person; none: the look's.
        truncated: Share of images that cut the person off; none: the look's.
        subject: What is rendered: people (`body`) or single hands (`hand`).
        skeleton: Skeleton of the labels: a built-in one or a YAML file; none: body16 or hand21, by the subject.
        labels: More labels beside keypoints and visibility, names of `data.store.EXTRA_COLUMNS` (see `maps.py`).
        poses: Motion capture to draw poses from: files (.bvh, .amc, .npz) or folders of them.
        poses_share: Share of the images whose pose is a recorded one.
        poses_keep: How many of the recordings' most different poses are drawn from.
        children: Share of children among the people; none: the look's.
        others: Share of images with other people beside the labelled one; none: the look's.
        mix: Kind of pose or gesture -> weight, in place of the look's; kinds left out are not rendered.
        device: Where people are rendered: `cpu`, or `cuda` (`cuda:1`) for a GPU. Pictures differ by rounding.
    """

    look: str = "default"
    size: int = 256
    supersample: int = 2
    shadows: bool = True
    backgrounds: str | None = None
    tail: float | None = None
    occluders: float | None = None
    truncated: float | None = None
    subject: Literal["body", "hand"] = "body"
    skeleton: str | None = None
    labels: tuple[str, ...] = ()
    poses: tuple[str, ...] = ()
    poses_share: float = 0.5
    poses_keep: int = 512
    children: float | None = None
    others: float | None = None
    mix: dict[str, float] | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.subject not in SKELETONS:
            raise UserError(f"subject: there is no '{self.subject}' to render; give {' or '.join(SKELETONS)}")
        if not 32 <= self.size <= 2048:
            raise UserError(f"size: {self.size} is out of range; give 32 to 2048 pixels")
        if not 1 <= self.supersample <= 4:
            raise UserError(f"supersample: {self.supersample} is out of range; give 1 to 4")
        for name in ("occluders", "truncated", "children", "others", "poses_share"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UserError(f"{name}: {share} is not a share; give 0 to 1")
        if self.poses and self.subject != "body":
            raise UserError("poses: recorded poses are for bodies; leave them out for hands")
        self._check_device()
        self._check_mix(self.mix or {})
        if self.poses_keep < 1:
            raise UserError(f"poses_keep: {self.poses_keep} poses; give 1 or more")
        for label in self.labels:
            if label not in EXTRA_COLUMNS:
                hint = near_match(label, EXTRA_COLUMNS)
                raise UserError(f"labels: there is no label '{label}'{hint}; give any of {', '.join(EXTRA_COLUMNS)}")

    def _check_device(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise UserError(f"device: people cannot be rendered on '{self.device}'; give cpu, cuda or cuda:N")

    def _check_mix(self, mix: Mapping[str, float]) -> None:
        for name, weight in mix.items():
            if name not in self.kinds():
                hint = near_match(name, self.kinds())
                raise UserError(f"mix: there is no kind '{name}'{hint}; give any of {', '.join(self.kinds())}")
            if not 0 <= weight < math.inf:
                raise UserError(f"mix: the weight of '{name}' is {weight}; give 0 or more")
        if self.mix is not None and not any(mix.values()):
            raise UserError("mix: all weights are 0; give one kind at least a weight above 0")

    def skeleton_name(self) -> str:
        """The skeleton of the labels."""
        return self.skeleton if self.skeleton is not None else SKELETONS[self.subject]

    def kinds(self) -> tuple[str, ...]:
        """The kinds of pose that are rendered: archetypes of bodies, gestures of hands."""
        return tuple(ARCHETYPES if self.subject == "body" else GESTURES)

    def resolved_look(self) -> Look:
        """Load the look and put this config's own values in their places.

        Raises:
            UserError: As `load_look`.
        """
        look = load_look(self.look)
        own: dict[str, dict[str, Any]] = {
            "pose": {"tail": self.tail},
            "occluder": {"probability": self.occluders},
            "camera": {"truncated": self.truncated},
            "people": {"children": self.children, "others": self.others},
        }
        if self.truncated is not None:
            hand_camera = dataclasses.replace(look.hand.camera, truncated=self.truncated)
            look = dataclasses.replace(look, hand=dataclasses.replace(look.hand, camera=hand_camera))
        if self.mix is not None:
            weights = dict.fromkeys(self.kinds(), 0.0) | self.mix
            if self.subject == "hand":
                look = dataclasses.replace(look, hand=dataclasses.replace(look.hand, gesture=weights))
            else:
                own["pose"] = {"tail": 0.0, "boost": weights}  # without a tail the factors are the weights
        for section, values in own.items():
            given = {name: value for name, value in values.items() if value is not None}
            look = dataclasses.replace(look, **{section: dataclasses.replace(getattr(look, section), **given)})
        return look

    def pose_pool(self) -> PosePool | None:
        """Read the recorded poses, once a process; None without any.

        Raises:
            UserError: As `load_pool`.
        """
        if not self.poses:
            return None
        from actupose.synth.mocap.pool import load_pool

        return load_pool(self.poses, self.poses_keep)

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
        digest, pool = hashlib.sha256(), self.pose_pool()
        for file in self.background_files():
            digest.update(f"{file.relative_to(str(self.backgrounds)).as_posix()}:{file.stat().st_size}\n".encode())
        return {
            "renderer": RENDERER_VERSION,
            "seed": seed,
            "size": self.size,
            "supersample": self.supersample,
            "shadows": self.shadows,
            "backgrounds": digest.hexdigest() if self.backgrounds is not None else "",
            **({"subject": self.subject} if self.subject != "body" else {}),
            **({"device": "cuda"} if self.device != "cpu" else {}),
            **({"labels": sorted(self.labels)} if self.labels else {}),
            **({"poses": pool.digest(), "poses_share": self.poses_share} if pool is not None else {}),
            **self._look_recipe(),
        }

    def _look_recipe(self) -> dict[str, object]:
        """The look's values that determine the bytes; what the look leaves out has no place in a recipe."""
        sections = dataclasses.asdict(self.resolved_look())
        people = sections["people"]
        unused = ["pose", "camera", "ground", "hair"] if self.subject == "hand" else ["hand"]
        if not people["children"] and (self.subject == "hand" or not people["others"]):
            unused.append("people")
        return _flat("look", {name: values for name, values in sections.items() if name not in unused})


def _flat(name: str, value: object) -> dict[str, object]:
    """Flatten nested mappings into dotted keys; tuples become lists, as in JSON."""
    if isinstance(value, dict):
        return {key: item for part, inner in value.items() for key, item in _flat(f"{name}.{part}", inner).items()}
    return {name: _lists(value)}


def _lists(value: object) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value

"""The generator: a sample is a pure function of (seed, index, config)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from PIL import Image

from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth.background import Photographs, draw_background
from actupose.synth.camera import Camera
from actupose.synth.clock import StageClock
from actupose.synth.config import SynthConfig
from actupose.synth.ground import ground_height, ground_rows, shade_ground
from actupose.synth.hand_scenes import HandScenes
from actupose.synth.keypoints import KeypointSet, require_known
from actupose.synth.labels import to_pixel_index, visibility
from actupose.synth.layers import Layer, Samples, composite, merge
from actupose.synth.maps import encode_labels, part_of_bone, person_maps
from actupose.synth.mocap.pool import PosePool
from actupose.synth.occluders import Occluder, draw_occluder
from actupose.synth.rotations import Array
from actupose.synth.scenes import BodyScenes, Scene, Scenes
from actupose.synth.sensor import encode, expose
from actupose.synth.shading import Shot, dress, render
from actupose.synth.streams import Stream, stream

# Samples of the pictures that are rendered together: few on a CPU, whose caches must hold them; many on a GPU, which
# waits for its launches otherwise (32 pictures of 256 pixels then take about 1 GiB).
_BATCH_SAMPLES = {"cpu": 200_000, "cuda": 1 << 23}
_LARGEST_BATCH = {"cpu": 8, "cuda": 128}


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    Attributes:
        index: Its index.
        image: JPEG bytes, size x size.
        keypoints: (K, 2) float32 of the config's skeleton, pixel-index coordinates (the centre of the pixel in column i
            is x = i).
        visible: (K,) uint8: 0 outside the image, 1 hidden, 2 visible.
        archetype: Kind of the pose.
        joints: (K, 3) float32 keypoints in camera axes, metres.
        extras: The labels that the config asks for, encoded (see `maps.py`).
    """

    index: int
    image: bytes
    keypoints: Array
    visible: Array
    archetype: str
    joints: Array
    extras: dict[str, object] = field(default_factory=dict)

    def pixels(self) -> Array:
        """Decode the image: (S, S, 3) uint8."""
        return np.asarray(Image.open(io.BytesIO(self.image)).convert("RGB"))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: fastest for small pictures, and sums run in one order."""
    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


def find_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        UserError: It is not on this machine.
    """
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device: there is no {name} on this machine; give cpu or another one")
    return device


class Generator:
    """Renders labelled people or hands.

    Args:
        config: What to render.
        seed: Seed of the data set, >= 0.
        pool: The config's recorded poses where they have been read already.

    Raises:
        UserError: A bad look, background folder, pose file, skeleton or seed, or a device that is not here.

    Attributes:
        device: Where people are rendered.
        batch: How many samples' people are rendered together; it does not change them.
        clock: CPU seconds per stage, summed over the rendered samples.
    """

    def __init__(self, config: SynthConfig | None = None, seed: int = 0, pool: PosePool | None = None) -> None:
        if seed < 0:
            raise UserError(f"seed: {seed} is negative; give 0 or more")
        self.config = config if config is not None else SynthConfig()
        self.seed = seed
        self.look = self.config.resolved_look()
        self.device = find_device(self.config.device)
        pictures = _BATCH_SAMPLES[self.device.type] // (self.config.size * self.config.supersample) ** 2
        self.batch = min(max(pictures, 1), _LARGEST_BATCH[self.device.type])
        files = self.config.background_files()
        self.photographs = Photographs(files, self.config.size) if files else None
        self.clock = StageClock()
        skeleton = load_skeleton(self.config.skeleton_name())
        require_known(skeleton, self.config.subject)
        self.scenes: Scenes
        if self.config.subject == "hand":
            self.scenes = HandScenes(self.look, seed, self.clock)
        else:
            pool = pool if pool is not None else self.config.pose_pool()
            self.scenes = BodyScenes(self.look, seed, self.clock, pool, self.config.poses_share)
        self.keypoints = {model: KeypointSet(model, skeleton) for model in self.scenes.models}
        self._parts = part_of_bone(self.scenes.models[0].rig)

    def _stream(self, index: int, purpose: Stream) -> np.random.Generator:
        return stream(self.seed, index, purpose)

    def scene(self, index: int) -> Scene:
        """Draw one sample without rendering it."""
        with _one_thread():
            return self.scenes(index)

    def render_layers(self, scenes: Sequence[Scene]) -> list[Layer]:
        """Render the people of several scenes together, without backgrounds."""
        shots = [Shot(a, scene.light, scene.camera) for scene in scenes for a in (scene.actor, *scene.others)]
        rendered: dict[int, Samples] = {}
        with _one_thread():
            for model in self.scenes.models:
                own = [k for k, shot in enumerate(shots) if shot.actor.model is model]
                if own:
                    rendered |= zip(own, self._samples([shots[k] for k in own]), strict=True)
            with self.clock("person"):
                samples = iter([rendered[k] for k in range(len(shots))])
                return [
                    merge(next(samples), [next(samples) for _ in scene.others], self.config.supersample)
                    for scene in scenes
                ]

    def _samples(self, shots: Sequence[Shot]) -> list[Samples]:
        """Dress and render people of one model."""
        config = self.config
        with self.clock("dress"):
            dressed = dress([shot.actor for shot in shots], self.device)
        with self.clock("person"):
            return render(shots, dressed, config.size, config.supersample, config.shadows)

    def render(self, index: int) -> Sample:
        """Render one sample.

        Args:
            index: Index of the sample, >= 0.
        """
        return next(self.render_many([index]))

    def render_many(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Render samples one after the other; people are rendered in batches where that is faster.

        Args:
            indices: Indices of the samples, >= 0.

        Raises:
            UserError: The device's memory is full.
        """
        left = iter(indices)
        while batch := list(islice(left, self.batch)):
            scenes = [self.scene(index) for index in batch]
            try:
                layers = self.render_layers(scenes)
            except torch.OutOfMemoryError as error:
                raise UserError(
                    f"device: the memory of {self.device} is full at {len(batch)} pictures of {self.config.size} "
                    "pixels a process; give fewer --workers, or a smaller size or supersample"
                ) from error
            for scene, layer in zip(scenes, layers, strict=True):
                yield self._finish(scene, layer)

    def _finish(self, scene: Scene, layer: Layer) -> Sample:
        """Put the rendered people before a background, label them and take the picture."""
        index, size = scene.index, self.config.size
        with _one_thread():
            with self.clock("background"):
                picture = self._background(scene)
            with self.clock("composite"):
                picture = composite(layer, picture)
                occluder = self._occlude(index, layer, picture)
            with self.clock("labels"):
                keypoints = self.keypoints[scene.actor.model]
                joints = keypoints.positions(scene.body)
                points, depth = scene.camera.project(joints, size)
                joints = scene.camera.to_camera(joints).astype(np.float32)
                mask = occluder.mask if occluder is not None else None
                visible = visibility(points, depth, layer, keypoints.surface, size, mask)
                extras = self._extras(layer, mask, joints, scene.camera)
            with self.clock("sensor"):
                sensor = self._stream(index, Stream.SENSOR)
                image = encode(sensor, expose(sensor, picture, self.look.sensor), self.look.sensor)
        return Sample(index, image, to_pixel_index(points), visible, scene.archetype, joints, extras)

    def _background(self, scene: Scene) -> Array:
        """Draw the background, with the shadow on the ground where the look has one."""
        background = self._stream(scene.index, Stream.BACKGROUND)
        if not scene.grounded:
            return draw_background(background, self.config.size, self.look.background, self.photographs)
        rng, look = self._stream(scene.index, Stream.GROUND), self.look.ground
        height = ground_height(scene.body.vertices, scene.archetype, rng, look)
        rows = ground_rows(scene.camera, height, rng, look) if look.aligned else None
        picture = draw_background(background, self.config.size, self.look.background, self.photographs, rows)
        if self.config.shadows and (look.shadow > 0 or look.contact > 0):
            bodies = [actor.body.vertices for actor in (scene.actor, *scene.others)]
            shade_ground(picture, bodies, height, scene.camera, scene.light, look)
        return picture

    def _extras(self, layer: Layer, occluded: Array | None, joints: Array, camera: Camera) -> dict[str, object]:
        """The labels that the config asks for, beside the keypoints."""
        if not self.config.labels:
            return {}
        maps = person_maps(layer, self.config.size, occluded)
        return encode_labels(self.config.labels, maps, self._parts, joints, camera)

    def _occlude(self, index: int, layer: Layer, picture: Array) -> Occluder | None:
        """Draw an occluder, if this sample has one, over the picture in place."""
        own = layer.own
        box = (own.left, own.upper, own.left + own.width, own.upper + own.height)
        rng = self._stream(index, Stream.OCCLUDER)
        size, look = self.config.size, self.look
        occluder = draw_occluder(rng, size, box, look.occluder, look.background, self.photographs)
        if occluder is not None:
            np.copyto(picture, occluder.colour, where=occluder.mask[..., None])
        return occluder

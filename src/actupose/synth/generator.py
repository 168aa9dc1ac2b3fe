"""The generator: a sample is a pure function of (seed, index, config)."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth.appearance import Appearance, draw_appearance
from actupose.synth.background import Photographs, draw_background
from actupose.synth.body import PosedBody, load_body
from actupose.synth.camera import Camera, draw_view, frame
from actupose.synth.config import SynthConfig
from actupose.synth.keypoints import KeypointSet
from actupose.synth.labels import to_pixel_index, visibility
from actupose.synth.lighting import Light, draw_light
from actupose.synth.maps import encode_labels, part_of_bone, person_maps
from actupose.synth.occluders import Occluder, draw_occluder
from actupose.synth.poses import PoseSampler, SampledPose, mix
from actupose.synth.rotations import Array
from actupose.synth.sensor import encode, expose
from actupose.synth.shading import Layer, composite, dress, render_person
from actupose.synth.streams import Stream, stream

_FRAME_STEP = 7  # every 7th vertex frames the person well enough
_MAX_VIEWS = 16


@dataclass(frozen=True)
class Scene:
    """Everything drawn for one sample before it is rendered."""

    index: int
    pose: SampledPose
    body: PosedBody
    appearance: Appearance
    light: Light
    camera: Camera


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


class StageClock:
    """CPU seconds of this process per named stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time spent inside the `with` block to the stage."""
        start = time.process_time()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - start


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


class Generator:
    """Renders labelled people.

    Args:
        config: What to render.
        seed: Seed of the data set, >= 0.

    Raises:
        UserError: A bad look, background folder, skeleton or seed.

    Attributes:
        clock: CPU seconds per stage, summed over the rendered samples.
    """

    def __init__(self, config: SynthConfig | None = None, seed: int = 0) -> None:
        if seed < 0:
            raise UserError(f"seed: {seed} is negative; give 0 or more")
        self.config = config if config is not None else SynthConfig()
        self.seed = seed
        self.look = self.config.resolved_look()
        files = self.config.background_files()
        self.photographs = Photographs(files, self.config.size) if files else None
        self.model = load_body()
        self.keypoints = KeypointSet(self.model, load_skeleton(self.config.skeleton))
        self._parts = part_of_bone(self.model.rig)
        self._poses = PoseSampler(self.model.rig, mix(self.look.pose.tail, self.look.pose.boost))
        self.clock = StageClock()

    def _stream(self, index: int, purpose: Stream) -> np.random.Generator:
        return stream(self.seed, index, purpose)

    def scene(self, index: int) -> Scene:
        """Draw pose, body, clothes, light and camera of one sample."""
        with self.clock("pose"):
            pose = self._poses.sample(self._stream(index, Stream.POSE))
        with self.clock("body"):
            person = self._stream(index, Stream.PERSON)
            appearance = draw_appearance(person, self.look.clothing, pose.archetype, self.model.num_people)
            body = self.model.pose(appearance.person, pose.rotations)
            light = draw_light(self._stream(index, Stream.LIGHT), self.look.light)
            camera = self._camera(index, body)
        return Scene(index, pose, body, appearance, light, camera)

    def _camera(self, index: int, body: PosedBody) -> Camera:
        """Draw views until enough joints lie inside the image."""
        rng, look = self._stream(index, Stream.CAMERA), self.look.camera
        outline = body.vertices[::_FRAME_STEP].numpy().astype(np.float64)
        for _ in range(_MAX_VIEWS):
            camera = frame(draw_view(rng, look), outline)
            points, _ = camera.project(body.joints, size=1)
            if ((points >= 0) & (points < 1)).all(1).sum() >= look.min_joints:
                break
        return camera

    def render_layer(self, scene: Scene) -> Layer:
        """Render a scene's person without background."""
        config = self.config
        with _one_thread(), self.clock("dress"):
            dressed = dress(self.model, scene.body, scene.appearance)
        with _one_thread(), self.clock("person"):
            return render_person(
                self.model,
                dressed,
                scene.appearance,
                scene.light,
                scene.camera,
                config.size,
                config.supersample,
                config.shadows,
            )

    def render(self, index: int) -> Sample:
        """Render one sample.

        Args:
            index: Index of the sample, >= 0.
        """
        with _one_thread():
            scene = self.scene(index)
            layer = self.render_layer(scene)
            with self.clock("background"):
                background = self._stream(index, Stream.BACKGROUND)
                picture = draw_background(background, self.config.size, self.look.background, self.photographs)
            with self.clock("composite"):
                picture = composite(layer, picture)
                occluder = self._occlude(index, layer, picture)
            with self.clock("labels"):
                joints = self.keypoints.positions(scene.body)
                points, depth = scene.camera.project(joints, self.config.size)
                joints = scene.camera.to_camera(joints).astype(np.float32)
                mask = occluder.mask if occluder is not None else None
                visible = visibility(points, depth, layer, self.keypoints.surface, self.config.size, mask)
                extras = self._extras(layer, mask, joints, scene.camera)
            with self.clock("sensor"):
                sensor = self._stream(index, Stream.SENSOR)
                image = encode(sensor, expose(sensor, picture, self.look.sensor), self.look.sensor)
        return Sample(index, image, to_pixel_index(points), visible, scene.pose.archetype, joints, extras)

    def _extras(self, layer: Layer, occluded: Array | None, joints: Array, camera: Camera) -> dict[str, object]:
        """The labels that the config asks for, beside the keypoints."""
        if not self.config.labels:
            return {}
        maps = person_maps(layer, self.config.size, occluded)
        return encode_labels(self.config.labels, maps, self._parts, joints, camera)

    def _occlude(self, index: int, layer: Layer, picture: Array) -> Occluder | None:
        """Draw an occluder, if this sample has one, over the picture in place."""
        height, width = layer.alpha.shape
        box = (layer.left, layer.upper, layer.left + width, layer.upper + height)
        rng = self._stream(index, Stream.OCCLUDER)
        size, look = self.config.size, self.look
        occluder = draw_occluder(rng, size, box, look.occluder, look.background, self.photographs)
        if occluder is not None:
            np.copyto(picture, occluder.colour, where=occluder.mask[..., None])
        return occluder

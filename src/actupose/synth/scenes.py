"""What is drawn for one sample before it is rendered: people, light and camera."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from actupose.synth.appearance import draw_appearance
from actupose.synth.body import BodyModel, PosedBody, load_body
from actupose.synth.camera import Camera, draw_view, frame
from actupose.synth.clock import StageClock
from actupose.synth.company import draw_company
from actupose.synth.lighting import Light, draw_light
from actupose.synth.look import Look
from actupose.synth.materials import BODY_MATERIAL
from actupose.synth.mocap.pool import PosePool
from actupose.synth.poses import PoseSampler, SampledPose, mix
from actupose.synth.shading import Actor
from actupose.synth.streams import Stream, chance, stream

_FRAME_STEP = 7  # every 7th vertex frames the person well enough
_MAX_VIEWS = 16


@dataclass(frozen=True)
class Scene:
    """Everything drawn for one sample before it is rendered.

    Attributes:
        index: The sample's index.
        archetype: Kind of the pose.
        actor: Whom the labels are of.
        others: Other people in the picture.
        light: The light.
        camera: The camera.
        grounded: Whether there is a ground under the actor.
    """

    index: int
    archetype: str
    actor: Actor
    others: tuple[Actor, ...]
    light: Light
    camera: Camera
    grounded: bool = True

    @property
    def body(self) -> PosedBody:
        """The posed body that the labels are of."""
        return self.actor.body


class Scenes(ABC):
    """Draws scenes, each from streams that depend on the seed and its index alone.

    Args:
        look: The distributions.
        seed: Seed of the data set.
        clock: Takes the time.

    Attributes:
        models: The models that actors with labels may have.
    """

    models: tuple[BodyModel, ...]

    def __init__(self, look: Look, seed: int, clock: StageClock) -> None:
        self.look, self._seed, self._clock = look, seed, clock

    @abstractmethod
    def __call__(self, index: int) -> Scene:
        """Draw one sample."""

    def _stream(self, index: int, purpose: Stream) -> np.random.Generator:
        return stream(self._seed, index, purpose)

    def _person(self, adult: int, model: BodyModel, age: np.random.Generator) -> int:
        """Index of the drawn adult, or of a child by the look's share."""
        if chance(age, self.look.people.children):
            return model.num_people + int(age.integers(model.num_children))
        return adult


class BodyScenes(Scenes):
    """Draws scenes of people.

    Args:
        look: The distributions.
        seed: Seed of the data set.
        clock: Takes the time.
        pool: Recorded poses, if there are any.
        share: Share of the people in a recorded pose.
    """

    def __init__(
        self, look: Look, seed: int, clock: StageClock, pool: PosePool | None = None, share: float = 0.0
    ) -> None:
        super().__init__(look, seed, clock)
        self.model = load_body(children=look.people.children > 0)
        self.models = (self.model,)
        pose = look.pose
        weights = mix(pose.tail, pose.boost)
        self.poses = PoseSampler(self.model.rig, weights, pose.jitter, pose.mirrored, pool, share)

    def __call__(self, index: int) -> Scene:
        """Draw pose, body, clothes, company, light and camera of one sample."""
        with self._clock("pose"):
            pose = self.poses.sample(self._stream(index, Stream.POSE))
        with self._clock("body"):
            actor = self._actor(pose, self._stream(index, Stream.PERSON), self._stream(index, Stream.AGE))
            light = draw_light(self._stream(index, Stream.LIGHT), self.look.light)
            camera = self._camera(index, actor.body)
            others = self._company(index, actor, camera)
        return Scene(index, pose.archetype, actor, others, light, camera)

    def _actor(self, pose: SampledPose, person: np.random.Generator, age: np.random.Generator) -> Actor:
        """Draw a person in a pose; a child by the look's share."""
        model = self.model
        appearance = draw_appearance(person, self.look, pose.archetype, model.num_people)
        who = self._person(appearance.person, model, age)
        return Actor(model, model.pose(who, pose.rotations), BODY_MATERIAL, appearance)

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

    def _company(self, index: int, actor: Actor, camera: Camera) -> tuple[Actor, ...]:
        """Draw the other people of a sample, if it has any."""
        rng = self._stream(index, Stream.COMPANY)

        def draw_other() -> Actor:
            """Draw one more person."""
            return self._actor(self.poses.sample(rng), rng, rng)

        return draw_company(rng, self.look.people, actor, camera, draw_other)

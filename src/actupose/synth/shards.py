"""Rendering into an Arrow store: shards of samples, in several processes, resumable."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.store import StoreMeta, StoreReport, read_meta
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from actupose.synth.config import SynthConfig

if TYPE_CHECKING:
    from actupose.synth.generator import Generator, Sample
    from actupose.synth.mocap.pool import PosePool

_GPU_SHARE = 1 / 16  # of a cluster's GPU for each process, which computes on the CPU most of the time
_IDENTITY = np.eye(2, 3, dtype=np.float32)


class ShardRenderer:
    """Renders ranges of samples; picklable, and light until it is first called.

    Args:
        config: What to render.
        seed: Seed of the data set, >= 0.
        pool: The config's recorded poses, read once and sent to every process.
        start: Index of the data set's first sample.
    """

    def __init__(self, config: SynthConfig, seed: int, pool: PosePool | None = None, start: int = 0) -> None:
        self.config, self._pool, self._start = config, pool, start
        self.seed = seed
        self._generator: Generator | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_generator": None}

    def __call__(self, indices: range) -> ShardResult:
        """Render the samples of one shard.

        Args:
            indices: Their indices.

        Raises:
            UserError: A bad look or background folder.
        """
        if self._generator is None:
            from actupose.synth.generator import Generator

            self._generator = Generator(self.config, self.seed, self._pool)
        samples = self._generator.render_many(self._start + index for index in indices)
        return ShardResult(rows=[self._row(sample) for sample in samples], problems=[])

    def _row(self, sample: Sample) -> StoreRow:
        return StoreRow(
            image=sample.image,
            name=f"{self.seed}-{sample.index:07d}",
            keypoints=sample.keypoints,
            visible=sample.visible,
            crop=_IDENTITY,
            archetype=sample.archetype,
            extras=sample.extras,
        )


def synthesize(
    out: Path,
    num: int,
    seed: int = 0,
    config: SynthConfig | None = None,
    workers: int = 0,
    label: str = "rendering",
    ray: str | None = None,
    shard_size: int = 256,
    start: int = 0,
) -> StoreReport:
    """Render a labelled data set into an Arrow store; a killed run continues where it stopped.

    Args:
        out: Folder of the store.
        num: Number of images.
        seed: Seed of the data set, >= 0; images are the same for the same seed and config, whatever `workers`.
        config: What to render; default: the default look at 256 pixels.
        workers: Processes; 0 renders in this process, -1 uses one per core.
        label: What the progress bar says.
        ray: Render on the Ray cluster at this address, `local` for one on this machine.
        shard_size: Images a shard; a killed run loses what it had of its open ones.
        start: Index of the first image; one seed's images from other indices are other images.

    Raises:
        UserError: A bad number, seed, look or background folder, a device that is not here, or an output folder with
            another recipe.
    """
    config = config if config is not None else SynthConfig()
    if seed < 0:
        raise UserError(f"seed: {seed} is negative; give 0 or more")
    if num < 1:
        raise UserError(f"num: {num} images asked for; give 1 or more")
    from actupose.synth.keypoints import require_known

    skeleton = load_skeleton(config.skeleton_name())
    require_known(skeleton, config.subject)
    if config.device != "cpu" and ray is None:
        from actupose.synth.generator import find_device

        find_device(config.device)
    recipe = {**config.recipe(seed), **({"start": start} if start else {})}
    settings = {"seed": seed, "render": dataclasses.asdict(config)}
    meta = StoreMeta(skeleton, config.size, "synth", recipe, settings)
    maker = ShardRenderer(config, seed, config.pose_pool(), start)
    gpu_share = 0.0 if config.device == "cpu" else _GPU_SHARE
    return build_store(
        Path(out), meta, num, maker, shard_size=shard_size, workers=workers, ray=ray, gpu_share=gpu_share, label=label
    )


@dataclass(frozen=True)
class Rendered:
    """How a store was rendered: enough to render more of the same.

    Attributes:
        config: What was rendered.
        seed: The data set's seed.
        items: The index after its last image; indices from here on are free.
    """

    config: SynthConfig
    seed: int
    items: int


def rendered_with(path: Path) -> Rendered:
    """Read from a store how it was rendered.

    Args:
        path: Folder of the store.

    Raises:
        UserError: It was not rendered by `synthesize`, its description has no settings, or they would give other
            images now (another renderer, look, background folder or pose file).
    """
    meta = read_meta(path)
    if meta is None or meta.source != "synth":
        raise UserError(f"{path}: was not rendered by `actupose synth`, so no more of it can be rendered.")
    again = "run the `actupose synth` that made it once more"
    if not meta.settings:
        raise UserError(f"{path}: does not say how it was rendered; {again}: what stands is kept.")
    given: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in meta.settings["render"].items()}
    first = int(meta.recipe.get("start", 0))
    rendered = Rendered(SynthConfig(**given), int(meta.settings["seed"]), first + int(meta.recipe["items"]))
    held = {key: value for key, value in meta.recipe.items() if key not in ("items", "shard_size", "start")}
    if held != json.loads(json.dumps(rendered.config.recipe(rendered.seed))):
        raise UserError(f"{path}: its settings render other images now; remove it and {again}.")
    return rendered

"""An ACTUPose training on stores of random pictures, made on the spot, with a stopwatch inside Lightning's loop.

What `step.py` and `gpu_table.py` share. Nothing is downloaded: the weights are random, the pictures smooth noise.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import lightning as L
import numpy as np
import torch
from common import peak_memory_mib
from lightning.pytorch.callbacks import Callback, Checkpoint
from PIL import Image
from plain import plain
from torch import Tensor, nn

from actupose.curriculum import CurriculumConfig, PoseVAEConfig
from actupose.data.build import ShardResult, StoreRow, build_store
from actupose.data.datamodule import PoseDataModule
from actupose.data.image_cache import Cache
from actupose.data.loader_config import LoaderConfig
from actupose.data.store import StoreMeta
from actupose.engine.callbacks import run_callbacks
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import DEFAULTS, quiet, trainer_parts
from actupose.engine.validators import LabelFreeConfig
from actupose.methods import ACTUPose, PoseMethod, ScheduleConfig
from actupose.models import NetConfig
from actupose.skeletons import load_skeleton

SKELETON = "body16"
NUM_PICTURES = 256


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        backbone: any timm name.
        head: ``deconv`` or ``fpn``.
        width: channels of the head.
        size: side of the images, pixels.
        batch: images of one domain a step.
        precision: of `lightning.Trainer`.
        compilation: of `PoseMethod`.
        tf32: whether a CUDA device may multiply float32 in TF32; `torch` allows it for convolutions by default.
        windows: repeats, each of ``steps`` steps.
        steps: of a window.
        plain: every part of the step once a sample, see `plain.py`.
        warmup: steps before the first window.
    """

    backbone: str = "resnet50"
    head: str = "deconv"
    width: int = 256
    size: int = 256
    batch: int = 32
    precision: str = "32"
    compilation: str = "none"
    tf32: bool = True
    windows: int = 5
    steps: int = 10
    warmup: int = 5
    plain: bool = False


@dataclass
class Measured:
    """What a training told.

    Attributes:
        whole: seconds a step of each window, all of it.
        bare: seconds a step of the passes alone, measured after each window.
        whole_mib: peak memory of a window, MiB; on a CPU the process's.
        bare_mib: the same of the bare passes; 0 on a CPU, where the process's memory does not tell.
        prepare: seconds of the steps before the first window: compilation, and what is loaded on first use.
        load: the machine's load average when the windows began: launches are slow where others take the cores.
        waits: places in the code where the host waited for the device -> times in `WAIT_STEPS` steps.
    """

    whole: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    whole_mib: float = 0.0
    bare_mib: float = 0.0
    prepare: float = 0.0
    load: float = 0.0
    waits: dict[str, int] = field(default_factory=dict)

    @property
    def ratios(self) -> list[float]:
        """The whole step over the bare passes, window by window."""
        return [whole / bare for whole, bare in zip(self.whole, self.bare, strict=True)]


# -- data


def make_store(out: Path, num: int, size: int, seed: int) -> Path:
    """A store of smooth random pictures with random keypoints."""
    skeleton = load_skeleton(SKELETON)
    rng = np.random.default_rng(seed)
    rest = rng.uniform(0.25 * size, 0.75 * size, (skeleton.num_keypoints, 2))

    def row(index: int) -> StoreRow:
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        data = io.BytesIO()
        coarse.resize((size, size), Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
        points = (rest + rng.normal(0, size / 12, rest.shape)).clip(0, size - 1).astype(np.float32)
        visible = np.full(len(points), 2, np.uint8)
        return StoreRow(data.getvalue(), f"{index:06d}", points, visible, np.eye(2, 3, dtype=np.float32))

    meta = StoreMeta(skeleton, size, "benchmark", {"seed": seed, "num": num})
    build_store(out, meta, num, lambda items: ShardResult([row(i) for i in items]))
    return out


def make_data(folder: Path, setting: Setting, iterations: int, cache: str) -> PoseDataModule:
    """Both domains' stores, and the data module of an ACTUPose training."""
    source = make_store(folder / f"source{setting.size}", NUM_PICTURES, setting.size, 0)
    target = make_store(folder / f"target{setting.size}", NUM_PICTURES, setting.size, 1)
    return PoseDataModule(
        source,
        target,
        skeleton=SKELETON,
        size=setting.size,
        loader=LoaderConfig(setting.batch, iterations, cache=cache),  # type: ignore[arg-type]
        curriculum=CurriculumConfig("active"),
        pose_vae=PoseVAEConfig(epochs=2, latent=4, hidden=(32,)),
        validation_share=0.0,
    )


def best_cache() -> str:
    """Decoded images on the device where there is one, else in memory."""
    return "device" if torch.cuda.is_available() and "device" in get_args(Cache) else "memory"


def make_method(setting: Setting, cls: type[PoseMethod] = ACTUPose) -> PoseMethod:
    """A method in its adaptation from the first epoch on, with random weights."""
    torch.manual_seed(0)
    net = NetConfig(setting.backbone, "random", setting.head, setting.width)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the weights are random on purpose
        return cls(
            skeleton=SKELETON,
            net=net,
            schedule=ScheduleConfig(adapt_from=0),
            compilation=setting.compilation,
        )


# -- the passes that cannot be avoided


def bare_step(method: Any, images: tuple[Tensor, Tensor], context: Callable[[], Any]) -> Callable[[], None]:  # noqa: ANN401 - any mean teacher
    """The student forwards and backwards on both domains, the teacher forwards, and the optimiser steps.

    On float images in place, with the method's own networks and optimiser and the trainer's precision.

    Args:
        method: in training.
        images: of source and target, (B, 3, S, S) in [0, 1].
        context: autocast of the trainer.
    """
    optimizer = method.trainer.optimizers[0]

    def step() -> None:
        with context():
            outputs = [method.student(x) for x in images]
            loss = sum(o.heatmaps.float().square().mean() + o.feature.float().mean() for o in outputs)
            method.teacher(images[1])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()

    return step


# -- the stopwatch

WAIT_STEPS = 3
PROFILED_STEPS = 3


class Stopwatch(Callback):
    """Times windows of steps, and after each window as many bare passes, so that both see the same machine.

    Seconds are of the clock with a synchronised device on CUDA, and of one thread's CPU time elsewhere.

    Args:
        setting: how many windows and steps.
        profile: where to write a profiler's table of `PROFILED_STEPS` steps; None = do not profile.
    """

    def __init__(self, setting: Setting, profile: Path | None = None) -> None:
        self.setting, self.profile, self.measured = setting, profile, Measured()
        self.cuda, self._start, self._begin, self._bare = False, 0.0, 0.0, lambda: None
        self._last_window = setting.warmup + setting.windows * setting.steps
        self._profiler: Any = None
        self._watch: Any = None

    @property
    def iterations(self) -> int:
        """Steps of the whole training."""
        return self._last_window + WAIT_STEPS + (PROFILED_STEPS + 1 if self.profile else 0)

    def now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the bare passes' images in place."""
        self.cuda = pl_module.device.type == "cuda"
        shape = (self.setting.batch, 3, self.setting.size, self.setting.size)
        images = tuple(torch.rand(shape, device=pl_module.device) for _ in range(2))
        self._bare = bare_step(pl_module, images, trainer.precision_plugin.forward_context)  # type: ignore[assignment, arg-type]
        self._begin = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: L.LightningModule,  # noqa: ARG002 - Lightning's signature
        outputs: Any,  # noqa: ANN401, ARG002 - Lightning's signature
        batch: Any,  # noqa: ANN401, ARG002 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """A window ends, or the next part begins."""
        done = batch_idx + 1
        if done == self.setting.warmup:
            self._time_bare(self.setting.warmup)
            self._open()
            self.measured.prepare = time.perf_counter() - self._begin
            self.measured.load = os.getloadavg()[0]
        elif self.setting.warmup < done <= self._last_window and not (done - self.setting.warmup) % self.setting.steps:
            self._close()
        elif done > self._last_window:
            self._look(done - self._last_window)

    def _open(self) -> None:
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        self._start = self.now()

    def _close(self) -> None:
        seconds, mib = self.now() - self._start, self._peak()
        self.measured.whole.append(seconds / self.setting.steps)
        self.measured.whole_mib = max(self.measured.whole_mib, mib)
        bare, mib = self._time_bare(self.setting.steps)
        self.measured.bare.append(bare)
        self.measured.bare_mib = max(self.measured.bare_mib, mib if self.cuda else 0.0)
        if len(self.measured.whole) == self.setting.windows and self.cuda:
            self._watch = warnings.catch_warnings(record=True)
            self._seen = self._watch.__enter__()
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
        self._open()

    def _time_bare(self, steps: int) -> tuple[float, float]:
        self._open()
        start = self._start
        for _ in range(steps):
            self._bare()
        return (self.now() - start) / steps, self._peak()

    def _peak(self) -> float:
        return torch.cuda.max_memory_allocated() / (1 << 20) if self.cuda else peak_memory_mib()

    def _look(self, step: int) -> None:
        """Steps after the windows: where the host waits, then the profiler."""
        if step == WAIT_STEPS:
            if self._watch is not None:
                torch.cuda.set_sync_debug_mode("default")
                self._watch.__exit__(None, None, None)
                waits = [w for w in self._seen if "called a synchronizing" in str(w.message)]
                places = [f"{Path(w.filename).name}:{w.lineno}" for w in waits]
                self.measured.waits = dict(Counter(places))
        elif step == WAIT_STEPS + 1 and self.profile is not None:  # one step after the wait: its warm-up
            kinds = [torch.profiler.ProfilerActivity.CPU]
            kinds += [torch.profiler.ProfilerActivity.CUDA] if self.cuda else []
            self._profiler = torch.profiler.profile(activities=kinds)
            self._profiler.start()
        elif step == WAIT_STEPS + 1 + PROFILED_STEPS and self.profile is not None:
            self.now()
            self._profiler.stop()
            write_profile(self._profiler, self.profile, cuda=self.cuda)


def write_profile(profiler: Any, path: Path, *, cuda: bool) -> None:  # noqa: ANN401 - a torch profiler
    """Write the ops that take most, by the device's time and by the host's."""
    averages = profiler.key_averages()
    keys = ["self_cuda_time_total"] if cuda else []
    keys += ["self_cpu_time_total", "cpu_time_total"]
    tables = [f"{PROFILED_STEPS} steps, by {key}\n{averages.table(sort_by=key, row_limit=45)}" for key in keys]
    calls = sum(event.count for event in averages if event.key.startswith("aten::"))
    tables.append(f"aten calls, inner ones too: {calls}")
    path.write_text("\n\n".join(tables), encoding="utf-8")


# -- one measurement


def stages(method: nn.Module) -> None:
    """Give the parts of a step names in the profile."""
    parts = {
        method: ("source_pass", "view", "restyle", "transfer", "extra_terms", "_pseudo_label", "learn"),
        method.student: ("forward",),
        method.teacher: ("forward", "update"),
    }
    for owner, names in parts.items():
        label = type(owner).__name__ + ("" if owner is method else "(student)" if owner is method.student else "")
        for name in names:
            object.__setattr__(owner, name, torch.profiler.record_function(f"## {label}.{name}")(getattr(owner, name)))


def measure(setting: Setting, folder: Path, profile: Path | None = None, cache: str | None = None) -> Measured:
    """Train for as many steps as the windows need, and say what they took.

    Args:
        setting: what to measure.
        folder: for the stores and the run; stores that are there are taken.
        profile: see `Stopwatch`.
        cache: of the data; None = `best_cache`.
    """
    cuda = torch.cuda.is_available()
    if cuda:
        torch.backends.cudnn.allow_tf32 = setting.tf32
        torch.backends.cuda.matmul.allow_tf32 = setting.tf32
    else:
        torch.set_num_threads(1)
    watch = Stopwatch(setting, profile)
    with contextlib.redirect_stdout(sys.stderr):
        data = make_data(folder, setting, watch.iterations, cache or best_cache())
    method = make_method(setting)
    if profile is not None:
        stages(method)
    with plain() if setting.plain else contextlib.nullcontext():
        fit(method, data, watch, setting.precision, folder)
    return watch.measured


def fit(method: PoseMethod, data: PoseDataModule, watch: Callback, precision: str, folder: Path) -> None:
    """Train for one epoch as `actupose fit` does, without checkpoints, on CUDA where there is one.

    Args:
        method: see `make_method`.
        data: see `make_data`.
        watch: looks at the steps.
        precision: of `lightning.Trainer`.
        folder: for the run.
    """
    run = RunFolder(Path(tempfile.mkdtemp(dir=folder)))
    callbacks = [c for c in run_callbacks(run, LabelFreeConfig(images=0)) if not isinstance(c, Checkpoint)]
    options: dict[str, Any] = {**DEFAULTS, **trainer_parts(run), "enable_progress_bar": False, "max_epochs": 1}
    accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    options |= {"accelerator": accelerator, "devices": 1, "precision": precision}
    with quiet(), warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):  # the record alone is printed
        warnings.simplefilter("ignore")
        trainer = L.Trainer(callbacks=[*callbacks, watch], enable_checkpointing=False, **options)
        trainer.fit(method, datamodule=data)


def free() -> None:
    """Give back what a measurement held, also after one that failed."""
    gc.collect()
    torch.compiler.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def at(setting: Setting) -> dict[str, Any]:
    """The setting as plain data, without how often it was repeated."""
    return {k: v for k, v in asdict(setting).items() if k not in ("windows", "steps", "warmup")}

"""How much a training step launches beyond the passes that it cannot avoid: counted on a CPU, without a device.

``python benchmarks/launches.py`` trains ACTUPose in its adaptation under Lightning and counts the ATen operations of
whole steps, and of the bare passes of `step.py`, part by part. The numbers do not depend on the images' size or on
the batch, so both are tiny here. bf16 autocast and Adam's fused form are on, as on a GPU.

What counts: every dispatched operation that computes. Views, allocations and looks at metadata do not. One operation
is one launch here, though sorting, a Fourier transform or a call for all parameters takes a few kernels on a GPU.
What is drawn at random, and what is computed from it until `actupose.geometry.send` copies it over, would stay on the
CPU beside a GPU too: those are host operations, counted apart; each such copy is a launch.

With ``--compile`` the step is compiled at last as ``compilation: parts`` does, and the kernels are counted that the
compiler makes of the parts and their gradients; it makes them for the CPU, and for a GPU it may join them otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import lightning as L
import torch
from common import Figure, figure, parser, publish, record
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from training import Setting, bare_step, fit, make_data, make_method

from actupose.geometry import forget_constants
from actupose.methods import ACTUPose

SETTING = Setting("resnet50", size=64, batch=2, precision="bf16-mixed", warmup=2, steps=16)
QUICK = replace(SETTING, backbone="test_efficientnet", head="fpn", width=16, steps=4)

# Which part of a step an operation belongs to: that of the innermost of these functions it was called from.
PARTS = {
    "PoseDataset.batch": "loading",
    "sample_crop": "augmentation",
    "sample_affine": "augmentation",
    "PoseMethod.view": "augmentation",
    "PoseMethod.labelled_view": "augmentation",
    "UDAPE._target_views": "augmentation",
    "StyleTransfer.draw": "style",
    "StyleTransfer.forward": "style",
    "adaptive_occlusion": "occlusion",
    "UDAPE._hidden": "occlusion",
    "UDAPE._occluded": "occlusion",
    "UDAPE._pseudo_label": "pseudo-labels",
    "UDAPE.target_pass": "pseudo-labels",
    "UDAPE.pseudo_mask": "pseudo-labels",
    "PoseMethod._pass_of": "labels",
    "PoseMethod.supervised": "heatmap losses",
    "consistency_loss": "heatmap losses",
    "ACTUPose.evalpose": "EvalPose",
    "ACTUPose.pose_distance": "cross-domain",
    "ACTUPose.skeleton_terms": "cross-domain",
    "PoseMethod.weigh": "weighing and logging",
    "PoseMethod.training_step": "weighing and logging",
    "PoseMethod.source_pass": "feedback",
    "PoseNet.forward": "networks",
    "_engine_run_backward": "backward",
    "MeanTeacher.update": "EMA",
    "_fused_adam": "optimiser",
}
# Operations inside of these functions are what `compilation: parts` compiles.
COMPILED = {f.__qualname__ for name in dir(ACTUPose) if hasattr(f := getattr(ACTUPose, name), "device_part")}
REST, CASTS = "Lightning and callbacks", "autocast casts"
# Operations that launch nothing though they are no views.
FREE = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "lift_fresh", "detach"}
FREE |= {"_unsafe_view", "_record_function_enter_new", "_record_function_exit", "_local_scalar_dense", "is_same_size"}
DRAWS = {"rand", "randint", "randn", "randperm"}
DEVICE, HOST, CONSTANT = "device", "host", "constant"

Count = Counter[tuple[str, str, bool]]  # (part, device or host, whether it can be compiled) -> operations


def part_of(operation: str) -> tuple[str, bool]:
    """The part of the step that the running operation belongs to, from the functions that called it.

    Args:
        operation: its name.

    Returns:
        The part, and whether `compilation: parts` compiles the operation.
    """
    frame = inspect.currentframe()
    found, compiled = None, False
    while frame is not None:
        found = found or PARTS.get(frame.f_code.co_qualname)
        compiled = compiled or frame.f_code.co_qualname in COMPILED
        frame = frame.f_back
    return CASTS if found == "networks" and operation == "_to_copy" else found or REST, compiled


def tensors(value: object) -> Iterator[Tensor]:
    """All tensors inside the arguments or results of an operation."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


class Launches(TorchDispatchMode):
    """Counts what is dispatched while `count` is set, and follows where each tensor would be beside a GPU.

    Attributes:
        count: where to count; None = do not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count: Count | None = None

    def __enter__(self) -> Self:
        """Begin to look. Constants that were made before would not be known as such."""
        forget_constants()
        return super().__enter__()

    def add(self, operation: str, side: str) -> None:
        """One operation more. Constants count for the device, which most of them are made on."""
        if self.count is not None:
            part, compiled = part_of(operation)
            self.count[part, HOST if side == HOST else DEVICE, compiled] += 1

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's signature
        types: Any,  # noqa: ANN401 - torch's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's signature
        """Run an operation, note where its results are, and count it."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        side = self._side(name, [getattr(t, "side", DEVICE) for t in tensors([args, kwargs])])
        for made in tensors(result):
            made.side = side  # type: ignore[attr-defined]
        if not (func.is_view or name in FREE):
            self.add(name, side)
        return result

    @staticmethod
    def _side(name: str, given: list[str]) -> str:
        if name in DRAWS:
            return HOST
        if name in ("lift_fresh", "scalar_tensor") or set(given) <= {CONSTANT}:
            return CONSTANT
        return DEVICE if DEVICE in given else HOST


class Copies(TorchFunctionMode):
    """Sees `send` copy a tensor to the device, which a CPU has nothing to do for.

    Args:
        launches: counts the copies.
    """

    def __init__(self, launches: Launches) -> None:
        super().__init__()
        self._launches = launches

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's signature
        types: Any,  # noqa: ANN401 - torch's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's signature
        """Run a function; a copy that does not block is `send`'s."""
        result = func(*args, **(kwargs or {}))
        if func is Tensor.to and kwargs and kwargs.get("non_blocking"):
            self._launches.add("copy", DEVICE)
            result = result.view_as(result)
            result.side = DEVICE
        return result


class Steps(Callback):
    """Counts each step after the warm-up from one end to the next, loading included, and the bare passes at last.

    Args:
        launches: counts.
        setting: how many steps.
    """

    def __init__(self, launches: Launches, setting: Setting) -> None:
        self._launches, self._setting = launches, setting
        self._bare: Callable[[], None] = lambda: None
        self.steps: list[Count] = []
        self.bare = Count()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the bare passes' images in place."""
        images = (torch.rand(self._setting.batch, 3, self._setting.size, self._setting.size) for _ in range(2))
        self._bare = bare_step(pl_module, tuple(images), trainer.precision_plugin.forward_context)  # type: ignore[arg-type]

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """A step ends, and the next one begins."""
        done = trainer.fit_loop.batch_idx + 1
        if done < self._setting.warmup:
            return
        if len(self.steps) < self._setting.steps:
            self.steps.append(Count())
            self._launches.count = self.steps[-1]
        elif not self.bare:
            self._launches.count = self.bare
            self._bare()
            self._launches.count = None


class FusedAdam(ACTUPose):
    """ACTUPose with the optimiser that it has on CUDA."""

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's signature
        """Adam in its fused form."""
        made: Any = super().configure_optimizers()
        for group in made["optimizer"].param_groups:
            group["fused"] = True
        return made


def count(setting: Setting) -> tuple[list[Count], Count]:
    """Train, and return what each step and what the bare passes launch."""
    torch.set_num_threads(1)
    launches = Launches()
    watch = Steps(launches, setting)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(sys.stderr):
            iterations = setting.warmup + setting.steps + 1  # the last step of an epoch also logs the means
            data = make_data(Path(folder), setting, iterations, "memory")
        method = make_method(setting, FusedAdam)
        with launches, Copies(launches):
            fit(method, data, watch, setting.precision, Path(folder))
    return watch.steps, watch.bare


def compiled_kernels(setting: Setting) -> int:
    """Kernels that the compiler makes of all parts and their gradients."""
    from torch._inductor import metrics  # no public name for it

    metrics.reset()
    setting = replace(setting, compilation="parts")
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(sys.stderr):
            data = make_data(Path(folder), setting, setting.warmup, "memory")
        fit(make_method(setting), data, Callback(), setting.precision, Path(folder))
    return int(metrics.generated_kernel_count)


def total(counted: Count, side: str, part: str | None = None, *, compiled: bool = False) -> int:
    """Operations of one part or all.

    Args:
        counted: of a step.
        side: device or host.
        part: None = all.
        compiled: those alone that `compilation: parts` compiles.
    """
    return sum(
        number
        for (of, where, can_be), number in counted.items()
        if where == side and part in (None, of) and (can_be or not compiled)
    )


def figures(setting: Setting, steps: list[Count], bare: Count) -> list[Figure]:
    """What was counted: the totals, then part by part. A style is drawn in some steps, so steps differ."""
    where = {"backbone": setting.backbone, "head": setting.head, "precision": setting.precision, "steps": len(steps)}
    unit = "operations"
    whole = [total(step, DEVICE) for step in steps]
    out = [
        figure("step", unit, whole, where),
        figure("bare passes", unit, [total(bare, DEVICE)], where),
        figure("beyond the bare passes", unit, [n - total(bare, DEVICE) for n in whole], where),
        figure("on the host", unit, [total(step, HOST) for step in steps], where),
        figure("forwards in parts that can be compiled", unit, [total(s, DEVICE, compiled=True) for s in steps], where),
    ]
    for part in sorted({part for counted in (*steps, bare) for part, _, _ in counted}):
        at = {**where, "part": part}
        out.append(figure("step, one part", unit, [total(step, DEVICE, part) for step in steps], at))
        out.append(figure("bare passes, one part", unit, [total(bare, DEVICE, part)], at))
        out.append(figure("on the host, one part", unit, [total(step, HOST, part) for step in steps], at))
    return out


def read_setting(options: argparse.Namespace) -> Setting:
    """The command line over the defaults."""
    base = QUICK if options.quick else SETTING
    return base if options.backbone is None else replace(base, backbone=options.backbone)


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--backbone", help="a timm name, e.g. resnet50")
    made.add_argument("--compile", action="store_true", help="also count the kernels of the compiled parts")
    options = made.parse_args()
    setting = read_setting(options)
    counted = figures(setting, *count(setting))
    if options.compile:
        counted.append(figure("kernels of the compiled parts", "kernels", [compiled_kernels(setting)], {}))
    publish(record("launches", counted, quick=options.quick), options.out)


if __name__ == "__main__":
    main()

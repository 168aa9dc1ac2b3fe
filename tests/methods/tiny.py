"""Small methods and batches for tests without a trainer."""

from __future__ import annotations

from typing import Any, TypeVar

import lightning as L
import torch

from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.engine.callbacks import run_callbacks
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import DEFAULTS, quiet, trainer_parts
from actupose.methods import PoseMethod, ScheduleConfig, TeacherConfig
from actupose.methods.base import TrainBatch
from actupose.models import NetConfig, StyleConfig
from actupose.views import AffineConfig

M = TypeVar("M", bound=PoseMethod)
SIZE = 64
NET = NetConfig("tf_efficientnet_lite0", "imagenet", "fpn", 16)
STILL = AffineConfig(rotation=0, shear=0, translate=0, scale=(1, 1), crop_area=(1, 1))
NO_STYLE = StyleConfig(kind="none")
NO_OCCLUSION = TeacherConfig(bn="copy", occlusion_prob=0)


def method(cls: type[M], **options: Any) -> M:
    """A method with a small network; its head is scaled up so that heatmaps have shape."""
    torch.manual_seed(0)
    made = cls(net=NET, schedule=ScheduleConfig(adapt_from=0), **options)
    nets = [made.student, *([made.teacher.net] if hasattr(made, "teacher") else [])]
    with torch.no_grad():
        for net in nets:
            net.head.final.weight.mul_(200)
    return made


def batch(n: int = 3, seed: int = 0, keypoints: int = 16) -> TrainBatch:
    """Smooth random images; labels anywhere, some absent."""
    generator = torch.Generator().manual_seed(seed)

    def images() -> torch.Tensor:
        coarse = torch.rand(n, 3, 8, 8, generator=generator) * 255
        return torch.nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear").round().to(torch.uint8)

    points = torch.rand(n, keypoints, 2, generator=generator) * SIZE
    visible = torch.randint(0, 3, (n, keypoints), generator=generator).to(torch.uint8)
    rows = torch.arange(n)
    return {"source": LabeledBatch(images(), points, visible, rows), "target": UnlabeledBatch(images(), rows)}


def trainer_of(run: RunFolder, **options: Any) -> L.Trainer:
    """A trainer that writes into a run folder, as the command line makes one."""
    with quiet():
        return L.Trainer(callbacks=run_callbacks(run, None), **{**DEFAULTS, **trainer_parts(run), **options})

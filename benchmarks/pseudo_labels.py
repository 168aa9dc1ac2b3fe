"""How many pseudo-labels would be right, by what the teacher sees and how many of them are kept.

Run ``python benchmarks/pseudo_labels.py RUN STORE --out results/pseudo_labels.json``. The run's headline network is the
teacher, as it is when an adaptation starts from it; STORE is a target store with labels, which are compared with alone.

Rows: the whole image, the image under one of UDAPE's affine views, and the mean of the heatmaps of 2 and 4 such views.
Columns: percent right within PCK@0.05 among the surest joints, of which ``teacher.mask_ratio`` masks the rest. UDAPE's
recipe is one affine view with half of the joints kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from common import figure, parser, publish, record
from torch import Tensor

from actupose.codecs import argmax, to_image
from actupose.data.dataset import PoseDataset
from actupose.data.store import open_store
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.load import load_model
from actupose.errors import UserError
from actupose.geometry import invert, to_heatmap_grid, warp
from actupose.losses import quantile_mask
from actupose.metrics.pck import keypoint_hits
from actupose.models.pose_net import STRIDE
from actupose.views import AffineConfig, sample_affine

KEPT = (1.0, 0.5, 0.3, 0.1)
SEEN = {"the whole image": 0, "one affine view": 1, "mean of 2 affine views": 2, "mean of 4 affine views": 4}
_BATCH = 64


@torch.no_grad()
def study(model: LoadedModel, data: PoseDataset) -> dict[str, dict[float, float]]:
    """What the teacher sees -> share of joints kept -> percent of them right."""
    generator = torch.Generator().manual_seed(0)
    right = {name: dict.fromkeys(KEPT, 0.0) for name in SEEN}
    scored = {name: dict.fromkeys(KEPT, 0.0) for name in SEEN}
    for start in range(0, len(data), _BATCH):
        batch = data.batch(range(start, min(start + _BATCH, len(data))))
        images = batch.image.float().div_(255)
        for name, views in SEEN.items():
            points, peaks = argmax(_heatmaps(model, images, views, generator))
            hit, known = keypoint_hits(to_image(points, STRIDE), batch.keypoints, batch.visible, images.shape[-1], 0.05)
            for kept in KEPT:
                used = quantile_mask(peaks, 1 - kept)
                right[name][kept] += float((hit * used).sum())
                scored[name][kept] += float((known * used).sum())
    return {name: {kept: 100 * right[name][kept] / scored[name][kept] for kept in KEPT} for name in SEEN}


def _heatmaps(model: LoadedModel, images: Tensor, views: int, generator: torch.Generator) -> Tensor:
    """Heatmaps in the image's frame, the mean of some affine views'; 0 views = the image itself."""
    if not views:
        return model.net(images).heatmaps
    return torch.stack(list(_views(model, images, views, generator))).mean(0)


def _views(model: LoadedModel, images: Tensor, views: int, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(views):
        matrix = sample_affine(len(images), images.shape[-1], AffineConfig(), generator)
        yield warp(model.net(warp(images, matrix)).heatmaps, to_heatmap_grid(invert(matrix), STRIDE))


def main(args: Sequence[str]) -> int:
    """Compare, and print the record."""
    options = parser(__doc__ or "")
    options.add_argument("run", type=Path)
    options.add_argument("store", type=Path)
    options.add_argument("--images", type=int, default=1000)
    given = options.parse_args(args)
    try:
        model, store = load_model(given.run), open_store(given.store)
        rows = np.arange(min(_BATCH if given.quick else given.images, len(store)))
        data = PoseDataset(store, model.skeleton, model.size or 256, labelled=True, rows=rows)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    found = study(model, data)
    figures = [
        figure("right pseudo-labels", "percent", [share], {"teacher sees": name, "percent kept": round(100 * kept)})
        for name, shares in found.items()
        for kept, share in shares.items()
    ]
    table = [
        {"the teacher sees": name, **{f"{kept:.0%} kept": round(share, 1) for kept, share in shares.items()}}
        for name, shares in found.items()
    ]
    publish({**record("pseudo_labels", figures, quick=given.quick), "images": len(data), "table": table}, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a run leaves behind for its report alone; nothing in a training or a choice reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from actupose.codecs import subpixel, to_image
from actupose.curriculum import assign_bins, pair_differences
from actupose.data.datamodule import PoseDataModule
from actupose.data.dataset import PoseDataset
from actupose.data.store import write_json_atomically
from actupose.engine.run_folder import RunFolder
from actupose.engine.validators import evaluating, write_arrays_atomically
from actupose.methods import ACTUPose, PoseMethod
from actupose.models import PoseNet
from actupose.models.pose_net import STRIDE

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LOOKED_AT = 256  # pictures of each domain
_PAIRS = 12
_BATCH = 32


def write_predictions(method: PoseMethod, data: PoseDataModule, run: RunFolder) -> None:
    """Write the headline network's keypoints on the target test set, beside the labels.

    ``predictions.npz`` has ``name`` (N,), ``points`` (N, K, 2), ``peaks`` (N, K), ``truth`` (N, K, 2) and ``visible``
    (N, K), pixels of images of side ``size``.

    Args:
        method: that has just been tested.
        data: with the test set.
        run: where to write.
    """
    test = data.test_set
    points, peaks = method.test_predictions()
    arrays = {"points": points, "peaks": peaks, "truth": test.keypoints.cpu(), "visible": test.visible.cpu()}
    held = {name: value.numpy() for name, value in arrays.items()}
    held |= {"name": np.array(test.names(range(len(test)))), "size": np.array(data.size)}
    write_arrays_atomically(run.predictions, held)


def write_complexity(data: PoseDataModule, run: RunFolder) -> None:
    """Write how different the poses of each bin are: the angular differences of random pairs (Eq. 7; Fig. 3).

    The bins are those of the Pose-VAE's scores, before any re-ranking. ``complexity.json`` has ``quantiles`` and for
    each bin their values and the mean, radians a keypoint. Nothing is written where no score was needed.

    Args:
        data: with its curriculum.
        run: where to write.
    """
    curriculum, source = data.curriculum, data.sets.source
    if curriculum is None or curriculum.config.kind == "none":
        return
    fixed = source.num_fixed  # what the closed loop adds has no part: a resumed run writes the same
    bins = assign_bins(curriculum.score_vae[:fixed], min(curriculum.n_bins, fixed))[1]
    points, visible = source.keypoints[:fixed], source.visible[:fixed]
    difference = pair_differences(points, visible, bins, data.skeleton.triplets)
    cuts = torch.nanquantile(difference, torch.tensor(_QUANTILES, dtype=difference.dtype), dim=1).T
    held = [
        {"mean": float(mean), "values": values.tolist()}
        for mean, values in zip(difference.nanmean(1), cuts, strict=True)
        if bool(values.isfinite().all())
    ]
    if len(held) == len(cuts):
        write_json_atomically(run.complexity, {"quantiles": list(_QUANTILES), "bins": held})


def write_pairs(method: PoseMethod, data: PoseDataModule, run: RunFolder) -> None:
    """Write which source and target pictures the cross-domain loss finds alike (Eq. 7), the nearest first.

    Whole pictures are compared, `_LOOKED_AT` of each domain: the student's keypoints of the source, the headline
    network's of the target. Each picture stands in one pair. Nothing is written for a method without that loss.

    Args:
        method: trained.
        data: its data.
        run: where to write.
    """
    target = data.label_free_set(_LOOKED_AT) if isinstance(method, ACTUPose) else None
    if not isinstance(method, ACTUPose) or target is None:
        return
    source = data.sets.source
    rows = np.unique(np.linspace(0, source.num_fixed - 1, min(_LOOKED_AT, source.num_fixed)).round()).astype(int)
    with torch.no_grad(), evaluating(method):
        at_source, _ = _located(method.student, source, rows.tolist(), method.device)
        at_target, peaks = _located(next(reversed(method.nets().values())), target, range(len(target)), method.device)
    known = source.visible.cpu()[rows] > 0
    batches = range(0, len(peaks), data.loader.batch_size)  # the quantile is a batch's, as in training
    sure = torch.cat([method.confident(peaks[start : start + data.loader.batch_size]) for start in batches])
    distance, _ = method.pose_distance(at_source, known, at_target, sure)
    gamma = method.skeleton_losses.gamma
    chosen = _nearest(distance, gamma)
    names = source.names([int(rows[s]) for s, _ in chosen]), target.names([t for _, t in chosen])
    pairs = [
        {
            "distance": float(distance[s, t]),
            "source": {"name": names[0][i], **_pose(at_source[s], known[s], data.size)},
            "target": {"name": names[1][i], **_pose(at_target[t], sure[t], data.size)},
        }
        for i, (s, t) in enumerate(chosen)
    ]
    counts = {"compared": distance.numel(), "found": int((distance < gamma).sum()), "gamma": gamma}
    write_json_atomically(run.pairs, {**counts, "pairs": pairs})


def _nearest(distance: Tensor, gamma: float) -> list[tuple[int, int]]:
    """The nearest pairs under gamma, each row and each column once."""
    order = distance.flatten().argsort(stable=True)[: int((distance < gamma).sum())].tolist()
    chosen: list[tuple[int, int]] = []
    for place in order:
        pair = divmod(place, distance.shape[1])
        if all(a != c and b != d for (a, b), (c, d) in ((pair, held) for held in chosen)):
            chosen.append(pair)
        if len(chosen) == _PAIRS:
            break
    return chosen


def _pose(points: Tensor, used: Tensor, size: int) -> dict[str, Any]:
    """Keypoints as shares of the picture's side, and which of them take part."""
    return {"points": ((points + 0.5) / size).tolist(), "used": used.int().tolist()}


def _located(net: PoseNet, data: PoseDataset, rows: Any, device: torch.device) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - any sequence of int
    """Keypoints (N, K, 2) in image pixels and peaks (N, K), on the CPU."""
    found = []
    for start in range(0, len(rows), _BATCH):
        images = data.batch(rows[start : start + _BATCH]).image.to(device).float().div_(255)
        located, peaks = subpixel(net(images).heatmaps.float())
        found.append((to_image(located, STRIDE).cpu(), peaks.cpu()))
    return torch.cat([points for points, _ in found]), torch.cat([peaks for _, peaks in found])

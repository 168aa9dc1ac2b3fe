"""How diverse the poses of a store are, in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from actupose.curriculum import normalise_poses
from actupose.report.canvas import BLUE, INK, MUTED, TICK_SIZE, dress, heading, new_figure, save
from actupose.skeletons import Skeleton

_OVERLAID = 400
_ROW_HEIGHT, _LEAST_HEIGHT = 0.22, 4.2  # inches


def diversity_figure(
    title: str, skeleton: Skeleton, keypoints: NDArray[np.float32], visible: NDArray[np.uint8], out: Path
) -> Figure:
    """Draw the poses over each other, centred and scaled, beside the spread of each keypoint.

    Args:
        title: over all.
        skeleton: of the poses.
        keypoints: (N, K, 2).
        visible: (N, K), above 0 where labelled.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.

    Raises:
        UserError: the file cannot be written.
    """
    poses = normalise_poses(torch.from_numpy(keypoints), torch.from_numpy(visible), skeleton.root).numpy()
    figure = new_figure(9.0, max(_LEAST_HEIGHT, _ROW_HEIGHT * skeleton.num_keypoints + 1.2))
    heading(figure, title)
    left, right = figure.subplots(1, 2)
    _overlay(left, poses, visible > 0, skeleton)
    _spread(right, poses, visible > 0, skeleton)
    save(figure, out)
    return figure


def _overlay(axes: Axes, poses: NDArray[np.float32], labelled: NDArray[np.bool_], skeleton: Skeleton) -> None:
    chosen = np.unique(np.linspace(0, len(poses) - 1, min(len(poses), _OVERLAID)).round().astype(int))
    for (a, b), color in zip(skeleton.limbs, skeleton.colors, strict=True):
        rows = chosen[labelled[chosen, a] & labelled[chosen, b]]
        lines = np.stack([poses[rows, a], poses[rows, b]], axis=1)
        axes.add_collection(
            LineCollection(list(lines), colors=[np.array(color) / 255 * 0.75], linewidths=0.8, alpha=0.15)
        )
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.invert_yaxis()
    dress(axes, title=f"{len(chosen)} poses, in sizes of their box", grid=False)


def _spread(axes: Axes, poses: NDArray[np.float32], labelled: NDArray[np.bool_], skeleton: Skeleton) -> None:
    """Root mean square distance of each keypoint from its mean place."""
    places_of = [poses[labelled[:, k], k] for k in range(skeleton.num_keypoints)]
    spread = [float(np.sqrt(p.var(0).sum())) if len(p) else 0.0 for p in places_of]
    places = np.arange(len(spread))
    axes.barh(places, spread, color=BLUE, height=0.7)
    axes.set_yticks(places, skeleton.keypoints, fontsize=TICK_SIZE, color=INK)
    axes.invert_yaxis()
    dress(axes, title="spread of each keypoint, in sizes of the box", grid=False)
    axes.bar_label(axes.containers[0], fmt="%.2f", fontsize=TICK_SIZE, color=MUTED, padding=3)  # type: ignore[arg-type]

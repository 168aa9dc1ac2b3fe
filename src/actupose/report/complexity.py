"""Pose complexity of a store: scores, bins, and the health check of the ranking."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from actupose.curriculum import PoseVAEConfig, assign_bins, fit_pose_vae, health_report, score_poses
from actupose.data.dataset import PoseDataset
from actupose.data.store import open_store


def score_store(path: Path, n_bins: int, seed: int, out: Path | None) -> str:
    """Score a labelled store with two Pose-VAEs of different seeds.

    Args:
        path: the store.
        n_bins: number of bins.
        seed: of the first Pose-VAE.
        out: CSV of ``name,score,bin``; None writes none.

    Returns:
        The health check as text.

    Raises:
        UserError: the store cannot be opened or has no labels.
    """
    store = open_store(path)
    skeleton = store.meta.skeleton
    data = PoseDataset(store, skeleton, store.meta.size, labelled=True, cache="none")
    config = PoseVAEConfig(seed=seed)
    first, second = (
        score_poses(fit_pose_vae(data.keypoints, data.visible, skeleton, c), data.keypoints, data.visible, skeleton)
        for c in (config, replace(config, seed=seed + 1))
    )
    if out is not None:
        _, bins = assign_bins(first, n_bins)
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "score", "bin"])
            writer.writerows(zip(store.rows["name"], first.tolist(), bins.tolist(), strict=True))
    return str(health_report(data.keypoints, data.visible, skeleton, first, second, n_bins))

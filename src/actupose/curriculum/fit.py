"""Fitting a Pose-VAE to a set of poses, and scoring poses with it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from actupose.curriculum.pose_vae import PoseVAE, normalise_poses, reconstruction_score, vae_loss
from actupose.errors import UserError
from actupose.skeletons import Skeleton

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class PoseVAEConfig:
    """How the Pose-VAE is built and fitted (METHOD.md section 1, ours).

    Attributes:
        latent: Size of the latent vector.
        hidden: Widths of the encoder's hidden layers.
        lr: Adam's learning rate.
        batch_size: Poses per optimiser step.
        kl_weight: Eq. 1's lambda.
        warmup_epochs: Epochs over which lambda rises linearly from 0.
        epochs: Most epochs to run; None = as many as give `steps` optimiser steps, at least twice the warm-up.
        steps: Optimiser steps aimed at where `epochs` is None.
        patience: Epochs without a better hold-out loss, after the warm-up, that end the fit.
        holdout: Share of the poses held out to choose the best weights.
        seed: Seeds the weights, the hold-out, the batches and the noise.
        fit_samples: Most poses to fit on, drawn at random; None = all.
    """

    latent: int = 16
    hidden: tuple[int, ...] = (256, 128)
    lr: float = 1e-3
    batch_size: int = 512
    kl_weight: float = 1e-3
    warmup_epochs: int = 10
    epochs: int | None = None
    steps: int = 2000
    patience: int = 30
    holdout: float = 0.1
    seed: int = 0
    fit_samples: int | None = 100_000

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: A value is out of range.
        """
        if not self.hidden or min(self.latent, self.batch_size, self.steps, self.patience, *self.hidden) < 1:
            raise UserError("pose_vae: latent, hidden, batch_size, steps and patience must be 1 or more.")
        if not (self.lr > 0 and self.kl_weight >= 0 and self.warmup_epochs >= 0 and 0 <= self.holdout < 1):
            raise UserError("pose_vae: needs lr > 0, kl_weight >= 0, warmup_epochs >= 0 and 0 <= holdout < 1.")
        if self.epochs is not None and self.epochs < 1:
            raise UserError(f"pose_vae.epochs is {self.epochs}; use 1 or more, or leave it out.")

    def num_epochs(self, num_poses: int) -> int:
        """Return the most epochs a fit on `num_poses` poses runs."""
        if self.epochs is not None:
            return self.epochs
        per_epoch = math.ceil(num_poses / self.batch_size)
        return max(math.ceil(self.steps / per_epoch), 2 * self.warmup_epochs)


def fit_pose_vae(
    points: Tensor,
    visible: Tensor,
    skeleton: Skeleton,
    config: PoseVAEConfig | None = None,
    progress: Progress | None = None,
) -> PoseVAE:
    """Fit a Pose-VAE, keeping the weights with the least hold-out loss.

    The same poses and config give the same weights; the global random state is left as it was. Poses with fewer than
    two labelled joints are not fitted.

    Args:
        points: (N, K, 2), any unit; the fit runs on its device.
        visible: (N, K), above 0 where the joint is labelled.
        skeleton: The poses' skeleton, for its root.
        config: Defaults to `PoseVAEConfig()`.
        progress: Called after each epoch with the epochs done, the most epochs, and the hold-out loss (Eq. 1).

    Returns:
        The fitted model in eval mode, without gradients.

    Raises:
        UserError: Fewer than two usable poses, or no finite loss was reached.
        ValueError: A shape does not fit.
    """
    config = config or PoseVAEConfig()
    generator = torch.Generator().manual_seed(config.seed)
    poses, labelled = _fit_set(points, visible, skeleton, config, generator)
    num_held = max(1, round(len(poses) * config.holdout)) if config.holdout else 0
    held = (poses[:num_held], labelled[:num_held]) if num_held else (poses, labelled)
    poses, labelled = poses[num_held:], labelled[num_held:]
    vae = _new_vae(skeleton.num_keypoints, config).to(poses.device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=config.lr)
    epochs = config.num_epochs(len(poses))
    best, best_loss, best_epoch = copy.deepcopy(vae.state_dict()), math.inf, 0
    for epoch in range(epochs):
        kl_weight = config.kl_weight * min(1.0, epoch / max(config.warmup_epochs, 1))
        order = torch.randperm(len(poses), generator=generator).to(poses.device)
        for rows in torch.split(order, config.batch_size):
            _step(vae, optimizer, poses[rows], labelled[rows], kl_weight, generator)
        loss = _holdout_loss(vae, *held, config.kl_weight)
        if progress is not None:
            progress(epoch + 1, epochs, loss)
        if loss < best_loss:
            best, best_loss, best_epoch = copy.deepcopy(vae.state_dict()), loss, epoch
        elif epoch - max(best_epoch, config.warmup_epochs) >= config.patience:
            break
    if not math.isfinite(best_loss):
        raise UserError("the Pose-VAE reached no finite loss; check the keypoints or lower pose_vae.lr.")
    vae.load_state_dict(best)
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def score_poses(vae: PoseVAE, points: Tensor, visible: Tensor, skeleton: Skeleton, batch: int = 65_536) -> Tensor:
    """Return the pose complexity of Eq. 2, decoded from the latent mean.

    Args:
        vae: A fitted model.
        points: (N, K, 2), any unit.
        visible: (N, K), above 0 where the joint is labelled.
        skeleton: The poses' skeleton, for its root.
        batch: Poses scored at a time.

    Returns:
        (N,) float32 on the CPU, not negative; 0 for a pose without labelled joints.

    Raises:
        ValueError: A shape does not fit.
    """
    device = vae.to_latent.weight.device
    scores = torch.empty(len(points))
    for start in range(0, len(points), batch):
        rows = slice(start, start + batch)
        mask = visible[rows].to(device)
        poses = normalise_poses(points[rows].to(device), mask, skeleton.root)
        scores[rows] = reconstruction_score(vae(poses)[0], poses, mask).cpu()
    return scores


def _fit_set(
    points: Tensor, visible: Tensor, skeleton: Skeleton, config: PoseVAEConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return normalised poses (n, K, 2) and their labelled joints (n, K) in random order, at most `fit_samples`."""
    usable = ((visible > 0).sum(-1) >= 2).nonzero().squeeze(-1).cpu()
    if len(usable) < 2:
        raise UserError(
            f"{len(usable)} of {len(points)} poses have two labelled keypoints; a Pose-VAE needs at least 2."
        )
    rows = usable[torch.randperm(len(usable), generator=generator)[: config.fit_samples]].to(points.device)
    labelled = visible[rows.to(visible.device)].to(points.device) > 0
    return normalise_poses(points[rows], labelled, skeleton.root), labelled


def _new_vae(num_keypoints: int, config: PoseVAEConfig) -> PoseVAE:
    """Return a model with weights that depend on the seed alone; the global random state is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        return PoseVAE(num_keypoints, config.latent, config.hidden)


def _step(
    vae: PoseVAE,
    optimizer: torch.optim.Optimizer,
    poses: Tensor,
    labelled: Tensor,
    kl_weight: float,
    generator: torch.Generator,
) -> None:
    noise = torch.randn(len(poses), vae.latent, generator=generator).to(poses.device)
    reconstruction, mu, logvar = vae(poses, noise)
    optimizer.zero_grad()
    torch.autograd.backward(vae_loss(reconstruction, poses, labelled, mu, logvar, kl_weight))
    optimizer.step()


@torch.no_grad()
def _holdout_loss(vae: PoseVAE, poses: Tensor, labelled: Tensor, kl_weight: float) -> float:
    """Return Eq. 1 at the latent mean with the full lambda, so that epochs compare."""
    reconstruction, mu, logvar = vae(poses)
    return float(vae_loss(reconstruction, poses, labelled, mu, logvar, kl_weight))

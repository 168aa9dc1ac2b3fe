"""The Pose-VAE: a small variational auto-encoder over root-centred 2D poses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

_LEAST_SIDE = 1e-6  # box side below which a pose counts as one point


class PoseVAE(nn.Module):
    """MLP variational auto-encoder 2K - hidden - (mu, logvar) with a mirrored decoder.

    Source: paper section 3.1.1; the sizes are ours (METHOD.md section 1).

    Args:
        num_keypoints: K.
        latent: Size of the latent vector.
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
    """

    def __init__(self, num_keypoints: int, latent: int = 16, hidden: Sequence[int] = (256, 128)) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.latent = latent
        widths = (2 * num_keypoints, *hidden)
        self.encoder = _mlp(widths)
        self.to_latent = nn.Linear(widths[-1], 2 * latent)
        self.decoder = nn.Sequential(*_mlp((latent, *reversed(hidden))), nn.Linear(widths[1], widths[0]))

    def encode(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent vector, both (N, latent), for normalised poses (N, K, 2)."""
        mu, logvar = self.to_latent(self.encoder(poses.flatten(1))).chunk(2, dim=-1)
        return mu, logvar.clamp(-20.0, 20.0)

    def decode(self, z: Tensor) -> Tensor:
        """Return normalised poses (N, K, 2) for latent vectors (N, latent)."""
        decoded: Tensor = self.decoder(z)
        return decoded.view(-1, self.num_keypoints, 2)

    def forward(self, poses: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct poses.

        Args:
            poses: (N, K, 2), as `normalise_poses` returns them.
            noise: (N, latent) standard normal draws; None decodes from the mean (deterministic).

        Returns:
            Reconstruction (N, K, 2), mean (N, latent) and log-variance (N, latent).
        """
        mu, logvar = self.encode(poses)
        z = mu if noise is None else mu + noise * torch.exp(0.5 * logvar)
        return self.decode(z), mu, logvar


def _mlp(widths: Sequence[int]) -> nn.Sequential:
    """Return Linear-ReLU blocks through the given widths."""
    blocks = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(*blocks)


def normalise_poses(points: Tensor, visible: Tensor, root: Sequence[int]) -> Tensor:
    """Centre poses on their root and divide them by the longer side of their joint box.

    The root is the mean of the `root` keypoints where all of them are labelled, else the centre of the box of the
    labelled joints. Unlabelled joints become (0, 0), whatever their coordinates (NaN included); so does a pose whose
    box is a single point. Source: METHOD.md section 1, ours.

    Args:
        points: (N, K, 2), any unit.
        visible: (N, K), above 0 where the joint is labelled.
        root: Indices of the root keypoints; may be empty.

    Returns:
        (N, K, 2) float32, no unit.

    Raises:
        ValueError: A shape does not fit.
    """
    if points.ndim != 3 or points.shape[-1] != 2 or visible.shape != points.shape[:2]:
        raise ValueError(
            f"expected points (N, K, 2) and visible (N, K), got {(*points.shape,)} and {(*visible.shape,)}"
        )
    labelled = (visible > 0).unsqueeze(-1)
    points = torch.where(labelled, points.float(), torch.zeros((), device=points.device))
    low = points.masked_fill(~labelled, torch.inf).amin(1, keepdim=True)
    high = points.masked_fill(~labelled, -torch.inf).amax(1, keepdim=True)
    center = (low + high) / 2
    if root:
        keypoints = torch.as_tensor(list(root), device=points.device)
        rooted = labelled.index_select(1, keypoints).all(1, keepdim=True)
        center = torch.where(rooted, points.index_select(1, keypoints).mean(1, keepdim=True), center)
    side = (high - low).amax(-1, keepdim=True).clamp(min=_LEAST_SIDE)
    return torch.where(labelled, (points - center) / side, torch.zeros((), device=points.device))


def squared_errors(reconstruction: Tensor, poses: Tensor, visible: Tensor) -> Tensor:
    """Return each pose's sum of squared errors over its labelled joints, (N,); inputs (N, K, 2) twice and (N, K)."""
    return ((reconstruction - poses).square().sum(-1) * (visible > 0)).sum(-1)


def reconstruction_score(reconstruction: Tensor, poses: Tensor, visible: Tensor) -> Tensor:
    """Return the pose complexity of Eq. 2, rescaled to all K joints where some are not labelled.

    Args:
        reconstruction: (N, K, 2), decoded from the latent mean.
        poses: (N, K, 2), normalised.
        visible: (N, K), above 0 where the joint is labelled.

    Returns:
        (N,), not negative; 0 for a pose without labelled joints.
    """
    labelled = (visible > 0).sum(-1)
    return squared_errors(reconstruction, poses, visible) * visible.shape[-1] / labelled.clamp(min=1)


def vae_loss(
    reconstruction: Tensor, poses: Tensor, visible: Tensor, mu: Tensor, logvar: Tensor, kl_weight: float
) -> Tensor:
    """Return the Pose-VAE's loss, Eq. 1, averaged over the batch; unlabelled joints are left out.

    Args:
        reconstruction: (N, K, 2).
        poses: (N, K, 2), normalised.
        visible: (N, K), above 0 where the joint is labelled.
        mu: (N, latent).
        logvar: (N, latent).
        kl_weight: Eq. 1's lambda.

    Returns:
        A scalar.
    """
    divergence = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return (squared_errors(reconstruction, poses, visible) + kl_weight * divergence).mean()

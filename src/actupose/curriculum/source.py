"""The curriculum of one training's source: its Pose-VAE, its scores, and what a checkpoint keeps of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from actupose.curriculum.bins import assign_bins
from actupose.curriculum.config import CurriculumConfig
from actupose.curriculum.fit import PoseVAEConfig, fit_pose_vae, score_poses
from actupose.curriculum.pose_vae import PoseVAE
from actupose.curriculum.state import CurriculumState
from actupose.skeletons import Skeleton

Poses = tuple[Tensor, Tensor]  # (N, K, 2) keypoints and (N, K) visibility


class SourceCurriculum:
    """Scores the source's poses once, and holds the `CurriculumState` that comes of them.

    Args:
        skeleton: the poses' skeleton.
        config: kind of curriculum and its options.
        vae_config: the Pose-VAE and its fit.
        seed: of the draws; the Pose-VAE has its own in ``vae_config``.
        poses: gives the source's poses; asked for only where they are fitted or scored.

    Attributes:
        state: scores, bins and draws; None before `build`.
        pose_vae: fitted or taken back from a checkpoint; None before it is needed.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        config: CurriculumConfig,
        vae_config: PoseVAEConfig,
        seed: int,
        poses: Callable[[], Poses],
    ) -> None:
        self.config, self.vae_config = config, vae_config
        self.state: CurriculumState | None = None
        self.pose_vae: PoseVAE | None = None
        self._skeleton, self._seed, self._poses = skeleton, seed, poses
        self._restored: Mapping[str, Any] = {}

    def build(self, epochs: int, *, keep_pose_vae: bool) -> CurriculumState:
        """Score and bin the source's poses, or take scores and bins back from a checkpoint; once.

        Args:
            epochs: epochs of the whole training.
            keep_pose_vae: fit the Pose-VAE even where the kind needs no scores, so that a checkpoint has it.

        Raises:
            UserError: see `fit_pose_vae` and `CurriculumState`.
        """
        if self.state is None:
            held = self._restored.get("curriculum")
            scored = self.config.kind != "none"
            if scored or keep_pose_vae:
                self._fitted_vae()
            points, visible = self._poses()
            if not scored:
                score = torch.zeros(len(points))
            else:
                score = self.score(points, visible) if held is None else held["score_vae"]
            self.state = CurriculumState(score, self.config, epochs, self._seed)
            if held is not None:
                self.state.load_state_dict(held)
        return self.state

    def score(self, points: Tensor, visible: Tensor) -> Tensor:
        """Pose complexity (Eq. 2) by the Pose-VAE of the source, fitted on first use; (N,) float32.

        Args:
            points: (N, K, 2) keypoints, any unit.
            visible: (N, K), above 0 where the joint is labelled.
        """
        return score_poses(self._fitted_vae(), points, visible, self._skeleton)

    def grow(self, points: Tensor, visible: Tensor) -> None:
        """Take in poses that the source has gained, where the curriculum is built already; as `score`."""
        if self.state is not None:
            self.state.grow(self.score(points, visible))

    def bins_of(self, points: Tensor, visible: Tensor) -> tuple[Tensor, int] | None:
        """Complexity bin of every pose among these, and the number of bins; arguments as of `score`.

        None where no Pose-VAE of the source is at hand, fitted or restored.
        """
        if self.pose_vae is None and "pose_vae" not in self._restored:
            return None
        n_bins = min(self.config.n_bins, len(points))
        return assign_bins(self.score(points, visible), n_bins)[1], n_bins

    def state_dict(self) -> dict[str, Any]:
        """Scores, bins and the Pose-VAE, as far as there are any."""
        held = {"curriculum": self.state, "pose_vae": self.pose_vae}
        return {name: part.state_dict() for name, part in held.items() if part is not None}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Keep what `state_dict` gave until it is asked for; other entries do not count."""
        self._restored = state_dict
        self.state, self.pose_vae = None, None

    def agree(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave in another process that has built the same curriculum."""
        for name, part in (("curriculum", self.state), ("pose_vae", self.pose_vae)):
            if part is not None:
                part.load_state_dict(state_dict[name])

    def _fitted_vae(self) -> PoseVAE:
        if self.pose_vae is None:
            if "pose_vae" in self._restored:
                config = self.vae_config
                self.pose_vae = PoseVAE(self._skeleton.num_keypoints, config.latent, config.hidden)
                self.pose_vae.load_state_dict(self._restored["pose_vae"])
                self.pose_vae.eval().requires_grad_(False)
            else:
                self.pose_vae = fit_pose_vae(*self._poses(), self._skeleton, self.vae_config)
        return self.pose_vae

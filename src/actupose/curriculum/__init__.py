"""The curriculum: pose complexity, bins, schedules, the active score, and each epoch's draw."""

from actupose.curriculum.active import active_score, mean_peak, self_paced_score, unseen_score
from actupose.curriculum.bins import assign_bins, bin_means
from actupose.curriculum.closed_loop import ClosedLoopConfig, archetype_shares
from actupose.curriculum.config import KINDS, CurriculumConfig, CurriculumKind
from actupose.curriculum.fit import PoseVAEConfig, fit_pose_vae, score_poses
from actupose.curriculum.health import HealthReport, health_report, pair_differences, rank_correlation
from actupose.curriculum.pose_vae import PoseVAE, normalise_poses, vae_loss
from actupose.curriculum.schedule import (
    effective_bins,
    gaussian_schedule,
    growing_schedule,
    hard_schedule,
    uniform_schedule,
)
from actupose.curriculum.source import SourceCurriculum
from actupose.curriculum.state import CurriculumState, CurriculumStats

__all__ = [
    "KINDS",
    "ClosedLoopConfig",
    "CurriculumConfig",
    "CurriculumKind",
    "CurriculumState",
    "CurriculumStats",
    "HealthReport",
    "PoseVAE",
    "PoseVAEConfig",
    "SourceCurriculum",
    "active_score",
    "archetype_shares",
    "assign_bins",
    "bin_means",
    "effective_bins",
    "fit_pose_vae",
    "gaussian_schedule",
    "growing_schedule",
    "hard_schedule",
    "health_report",
    "mean_peak",
    "normalise_poses",
    "pair_differences",
    "rank_correlation",
    "score_poses",
    "self_paced_score",
    "uniform_schedule",
    "unseen_score",
    "vae_loss",
]

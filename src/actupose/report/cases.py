"""Single test pictures that tell most about several runs: scores of each picture, and which ones to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from actupose.errors import UserError
from actupose.losses.evalpose import limb_cosines
from actupose.metrics.pck import keypoint_hits
from actupose.skeletons import Skeleton

_THRESHOLD = 0.05
_FIELDS = {"name", "points", "truth", "visible", "size"}
_LEAST_SCORED = 0.5  # of the joints; a picture with fewer labels says little


@dataclass(frozen=True)
class Predictions:
    """``predictions.npz`` of a run.

    Attributes:
        name: (N,) names of the pictures.
        points: (N, K, 2) keypoints, as shares of the picture's side from its upper left corner.
        truth: (N, K, 2) labels, likewise.
        visible: (N, K), 0 where a keypoint has no label.
    """

    name: list[str]
    points: NDArray[np.float64]
    truth: NDArray[np.float64]
    visible: NDArray[np.uint8]

    def select(self, names: list[str]) -> Predictions:
        """Some pictures in an order of their own."""
        place = {name: i for i, name in enumerate(self.name)}
        rows = [place[name] for name in names]
        return Predictions(names, self.points[rows], self.truth[rows], self.visible[rows])


@dataclass(frozen=True)
class CaseScores:
    """What a run's predictions of N pictures are worth, over the skeleton's group ``All``.

    Attributes:
        right: (N,) keypoints within PCK@0.05.
        scored: (N,) keypoints with a label.
        evalpose: (N,) 100 x the mean cosine of the limbs (Eq. 5); NaN without one.
    """

    right: NDArray[np.int64]
    scored: NDArray[np.int64]
    evalpose: NDArray[np.float64]

    @property
    def pck(self) -> NDArray[np.float64]:
        """(N,) percent; NaN without a label."""
        with np.errstate(invalid="ignore"):
            return 100 * self.right / self.scored

    def text(self, i: int) -> str:
        """Two lines below picture i."""
        if not self.scored[i]:
            return "no label"
        pck = f"PCK {self.pck[i]:.0f} %  ({self.right[i]} of {self.scored[i]})"
        return f"{pck}\nEvalPose {self.evalpose[i]:.0f}" if np.isfinite(self.evalpose[i]) else pck


def read_predictions(path: Path) -> Predictions:
    """Read a run's ``predictions.npz``.

    Raises:
        UserError: it is broken.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            missing = _FIELDS - set(held)
            if missing:
                raise ValueError(f"lacks {', '.join(sorted(missing))}")
            size = float(held["size"])
            points, truth = ((held[key].astype(np.float64) + 0.5) / size for key in ("points", "truth"))
            found = Predictions([str(name) for name in held["name"]], points, truth, held["visible"])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise UserError(f"{path}: is broken ({error}); run `actupose test` on the run again.") from error
    if not points.shape == truth.shape == (len(found.name), found.visible.shape[1], 2):
        raise UserError(f"{path}: its arrays do not fit together; run `actupose test` on the run again.")
    return found


def case_scores(predictions: Predictions, skeleton: Skeleton) -> CaseScores:
    """Score every picture alone."""
    points, truth = torch.from_numpy(predictions.points), torch.from_numpy(predictions.truth)
    visible = torch.from_numpy(predictions.visible)
    right, scored = keypoint_hits(points, truth, visible, 1.0, _THRESHOLD)
    members = list(skeleton.groups["All"])
    cosines, valid = limb_cosines(1000 * points, 1000 * truth, skeleton.limbs, visible > 0)  # its guards are in pixels
    count = valid.sum(1)
    mean = torch.where(count > 0, cosines.sum(1) / count.clamp(min=1), torch.nan)
    hits, labels = (value[:, members].sum(1).long().numpy() for value in (right, scored))
    return CaseScores(hits, labels, (100 * mean).double().numpy())


def choose_cases(scores: Mapping[str, CaseScores], count: int) -> dict[str, list[int]]:
    """Pictures to show, the most telling first.

    ``hardest``: the fewest keypoints right, over all runs. ``improved`` and ``harmed``: the last run against the first.
    Ties go by EvalPose. Pictures with labels for less than half of the keypoints are left out.

    Args:
        scores: run -> scores of the same pictures.
        count: of each kind, at most.
    """
    runs = list(scores.values())
    scored = runs[0].scored
    known = np.flatnonzero(scored >= max(1, _LEAST_SCORED * scored.max()))
    pck, pose = (np.nan_to_num(np.stack([getattr(run, key)[known] for run in runs])) for key in ("pck", "evalpose"))
    by_all = np.lexsort((pose.mean(0), pck.mean(0)))
    chosen = {"hardest": known[by_all[:count]].tolist()}
    if len(runs) > 1:
        change, turned = pck[-1] - pck[0], pose[-1] - pose[0]
        rising = np.lexsort((turned, change))
        chosen["improved"] = [int(known[i]) for i in rising[::-1] if change[i] > 0][:count]
        chosen["harmed"] = [int(known[i]) for i in rising if change[i] < 0][:count]
    return chosen

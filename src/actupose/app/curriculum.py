"""A run's curriculum to walk through: source poses by bin and by kind, and those nearest to another pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actupose.curriculum import CurriculumConfig, PoseVAEConfig, assign_bins
from actupose.data.crop import encode_jpeg
from actupose.data.datamodule import PoseDataModule
from actupose.data.loader_config import LoaderConfig
from actupose.data.store import open_store
from actupose.engine.checkpoints import read_checkpoint
from actupose.engine.run_folder import RunFolder, read_epoch_lines
from actupose.errors import UserError
from actupose.geometry import index_tensor, triplet_angles
from actupose.losses import pair_distance
from actupose.skeletons.draw import draw_pose

_CHUNK = 65_536  # source poses compared at a time
_SIDE = 192  # pixels of a shown pose


@dataclass(frozen=True)
class SourcePose:
    """One source sample.

    Attributes:
        name: in its store.
        bin: of pose complexity, 0 the easiest.
        score: pose complexity that the bins are sorted by.
        archetype: kind of pose; empty where the store does not know it.
        picture: JPEG with the labels drawn.
        distance: Eq. 7 to the pose that was asked for, radians; None where none was.
    """

    name: str
    bin: int
    score: float
    archetype: str
    picture: bytes
    distance: float | None = None


class CurriculumBrowser:
    """Source poses of a run as its last epoch left them.

    Args:
        run: a run folder with a checkpoint.
        store: where the source is now; None = where the run's configuration says.

    Raises:
        UserError: the run trains on no source pose, its checkpoint is broken, or the store is not there.
    """

    def __init__(self, run: RunFolder, store: Path | None = None) -> None:
        data = _training_data(run, store)
        held = read_checkpoint(run.checkpoint)
        state: dict[str, Any] = held.get(type(data).__name__, {})
        data.load_state_dict(state)
        data.setup("fit")
        scores = state.get("curriculum", {}).get("score_vae")
        for grown in sorted(run.path.glob("closed_loop/epoch_*")):
            if scores is not None and len(data.sets.source) < len(scores):
                data.grow_source(open_store(grown))
        self._source = data.sets.source
        if scores is not None and len(scores) != len(self._source):
            raise UserError(f"{data.source}: is not the store that {run.path} was trained on; name that one.")
        curriculum = data.build_curriculum(int(held["epoch"]) + 1)
        self.kind = curriculum.config.kind
        ranked = self.kind != "none"
        self.score = curriculum.score if ranked else data.score(self._source.keypoints, self._source.visible).double()
        self.num_bins = min(curriculum.config.n_bins, len(self._source))
        self.bin_of = assign_bins(self.score, self.num_bins)[1]
        self.archetype_of = np.array(self._source.archetypes())
        self.skeleton = data.skeleton
        log = read_epoch_lines(run.curriculum)
        self.drawn: list[int] | None = [int(n) for n in log[-1]["drawn"]] if ranked and log else None

    def __len__(self) -> int:
        return len(self._source)

    @property
    def archetypes(self) -> list[str]:
        """Kinds of pose that the source names."""
        return sorted({str(name) for name in self.archetype_of} - {""})

    def select(self, bin_index: int | None, archetype: str | None) -> NDArray[np.int64]:
        """Samples of a bin and a kind, easiest first.

        Args:
            bin_index: 0 the easiest; None = all bins.
            archetype: None = all kinds.
        """
        chosen = np.ones(len(self), bool)
        if bin_index is not None:
            chosen &= self.bin_of.numpy() == bin_index
        if archetype is not None:
            chosen &= self.archetype_of == archetype
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(self.score.numpy()[rows], kind="stable")]

    def show(self, rows: NDArray[np.int64], distances: Sequence[float] | None = None) -> list[SourcePose]:
        """Draw samples.

        Args:
            rows: which ones.
            distances: to the pose that was asked for, one a row.
        """
        if not len(rows):
            return []
        wanted: list[int] = rows.tolist()
        batch, shown = self._source.batch(wanted), []
        for n, (i, name) in enumerate(zip(wanted, self._source.names(wanted), strict=True)):
            image = Image.fromarray(batch.image[n].permute(1, 2, 0).numpy())
            scale = _SIDE / image.width
            pixels = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), np.uint8)
            places = (self._source.keypoints[i].double().numpy() + 0.5) * scale - 0.5
            drawn = draw_pose(pixels, places, self.skeleton, visible=self._source.visible[i].numpy())
            where = (int(self.bin_of[i]), float(self.score[i]), str(self.archetype_of[i]))
            picture = encode_jpeg(Image.fromarray(drawn))
            shown.append(SourcePose(name, *where, picture, None if distances is None else distances[n]))
        return shown

    def nearest(self, points: NDArray[np.float64], count: int) -> list[SourcePose]:
        """The source poses whose joint angles are nearest to a pose's, by the distance that pairs domains (Eq. 7).

        Args:
            points: (K, 2) of the skeleton, any unit.
            count: how many at most.

        Returns:
            Nearest first; none where the skeleton has no triplets or too few are labelled.
        """
        triplets = self.skeleton.triplets
        if not triplets:
            return []
        wanted = triplet_angles(torch.from_numpy(points)[None], triplets)
        every = torch.ones(wanted.shape, dtype=torch.bool)
        parts = [
            pair_distance(*self._angles(slice(start, start + _CHUNK)), wanted, every, self.skeleton.num_keypoints)[0]
            for start in range(0, len(self), _CHUNK)
        ]
        distance, rows = torch.cat(parts).squeeze(1).topk(min(count, len(self)), largest=False)
        kept = torch.isfinite(distance)
        return self.show(rows[kept].numpy(), distance[kept].tolist())

    def _angles(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Angles (n, T) of source poses and which of them have all three joints labelled."""
        triplets = self.skeleton.triplets
        members = index_tensor([i for triplet in triplets for i in triplet], torch.device("cpu"))
        labelled = self._source.visible[rows][:, members].view(-1, len(triplets), 3).gt(0).all(-1)
        return triplet_angles(self._source.keypoints[rows].double(), triplets), labelled


def _training_data(run: RunFolder, store: Path | None) -> PoseDataModule:
    """The data of a run from its saved configuration: of the source alone, nothing decoded ahead."""
    try:
        config = yaml.safe_load(run.config.read_text(encoding="utf-8"))
        data = config["data"]
        if data.get("oracle"):
            raise UserError(f"{run.path}: trains on the target's labels, there is no source to look at.")
        renames = data.get("keypoint_map")
        source = store if store is not None else Path(data["source"])
        return PoseDataModule(
            source=source,
            skeleton=data["skeleton"],
            keypoint_map=None if renames is None else Path(renames),
            size=data["size"],
            loader=LoaderConfig(cache="none"),
            curriculum=CurriculumConfig(**data.get("curriculum") or {}),
            pose_vae=PoseVAEConfig(**data.get("pose_vae") or {}),
            validation_share=data["validation_share"],
            seed=config["seed_everything"],
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())[:120]
        raise UserError(f"{run.config}: is not the configuration of a training here ({why}).") from error

"""DeepLabCut's tables of predictions: CSV and HDF5, one pair a video and one for all images.

::

    deeplabcut/VIDEODLC_actupose.csv    header scorer (individuals) bodyparts coords; coords are x, y, likelihood
    deeplabcut/VIDEODLC_actupose.h5     the same frame through pandas, key df_with_missing, format table

This is what DeepLabCut's ``analyze_videos`` writes (``save_data`` in its ``auxiliaryfunctions.py``). Where a picture
has several people the columns have the level ``individuals``. It holds the places in a picture, best box first, and
no identities.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actupose.deploy.journal import Row
from actupose.deploy.outputs.base import OutputJob, Writer
from actupose.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SCORER = "DLC_actupose"
_KEY = "df_with_missing"
_COORDS = ("x", "y", "likelihood")


class DeepLabCutWriter(Writer):
    """The folder ``deeplabcut``; rows are kept in memory, 24 bytes a keypoint."""

    name = "deeplabcut"

    def __init__(self, job: OutputJob) -> None:
        super().__init__(job)
        self._found: dict[str | None, list[tuple[int | str, list[NDArray[np.float64]]]]] = {}

    @classmethod
    def require(cls) -> None:
        """HDF5 is written by pandas through PyTables."""
        try:
            import pandas  # noqa: F401
            import tables  # noqa: F401
        except ImportError as error:
            raise UserError("format deeplabcut needs pandas and PyTables; pip install 'actupose[dlc]'.") from error

    def write(self, rows: Sequence[Row]) -> None:
        """Keep the rows; a picture that cannot be read has an empty one."""
        for row in rows:
            values = [np.column_stack([p.keypoints, p.confidence]).ravel() for p in row.people]
            index = row.name if row.frame is None else row.frame
            self._found.setdefault(row.video, []).append((index, values))

    def close(self) -> None:
        """Nothing is open."""

    def finish(self) -> None:
        """Write all tables beside the old ones, then put them in their place."""
        self.abandon()
        taken: set[Path] = set()
        for video, found in self._found.items():
            stem = Path("images") if video is None else Path(video).with_suffix("")
            if stem in taken:
                stem = Path(video or "images")  # a.mp4 beside a.avi
            taken.add(stem)
            table = self._table(found)
            target = self.part / f"{stem}{SCORER}"
            target.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(f"{target}.csv")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTables finds the names of images unlike Python's names
                table.to_hdf(f"{target}.h5", key=_KEY, format="table", mode="w")
        self.part.mkdir(exist_ok=True)
        if self.target.is_dir():
            shutil.rmtree(self.target)
        self.part.replace(self.target)

    def abandon(self) -> None:
        """Remove what a call left half written."""
        if self.part.is_dir():
            shutil.rmtree(self.part)

    def _table(self, found: list[tuple[int | str, list[NDArray[np.float64]]]]) -> pd.DataFrame:
        """One row a picture; of a video one a frame from 0 to the last predicted, empty where none was."""
        import pandas as pd

        most = max(1, max(len(people) for _, people in found))
        names = self.job.skeleton.keypoints
        width = len(names) * len(_COORDS)
        values = np.full((len(found), most * width), np.nan)
        for row, (_, people) in zip(values, found, strict=True):
            for k, person in enumerate(people):
                row[k * width : (k + 1) * width] = person
        individuals = [f"individual{k + 1}" for k in range(most)]
        levels = [[SCORER], *([individuals] if most > 1 else []), list(names), list(_COORDS)]
        titles = ["scorer", *(["individuals"] if most > 1 else []), "bodyparts", "coords"]
        table = pd.DataFrame(values, [index for index, _ in found], pd.MultiIndex.from_product(levels, names=titles))
        last = found[-1][0]
        return table if isinstance(last, str) else table.reindex(range(last + 1))

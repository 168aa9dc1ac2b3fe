"""A SLEAP project of predicted instances, through sleap-io: opens in SLEAP, to be looked at and mended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actupose.data.frames import VideoFrame
from actupose.deploy.journal import Person, Row
from actupose.deploy.outputs.base import OutputJob, Writer
from actupose.errors import UserError

if TYPE_CHECKING:
    import sleap_io


class SleapWriter(Writer):
    """``predictions.slp``: one video of SLEAP's a video, one for all images; it names the files and holds no pictures.

    The whole project is in memory until it is written.
    """

    name = "predictions.slp"

    def __init__(self, job: OutputJob) -> None:
        import sleap_io

        super().__init__(job)
        names = job.skeleton.keypoints
        self._skeleton = sleap_io.Skeleton(
            list(names),
            [(names[a], names[b]) for a, b in job.skeleton.limbs],
            [(names[a], names[b]) for a, b in job.skeleton.flip_pairs],
            job.skeleton.name,
        )
        self._images: list[str] = []
        self._found: list[tuple[Path | None, int, list[sleap_io.PredictedInstance]]] = []

    @classmethod
    def require(cls) -> None:
        """sleap-io writes the file."""
        try:
            import sleap_io  # noqa: F401
        except ImportError as error:
            raise UserError("format sleap needs sleap-io; pip install 'actupose[sleap]'.") from error

    def write(self, rows: Sequence[Row]) -> None:
        """Keep the instances, and the names of all images."""
        for row in rows:
            place = self.job.locate(row)
            if isinstance(place, VideoFrame):
                video, index = place.path, place.index
            else:
                video, index = None, len(self._images)
                self._images.append(str(place.resolve()))
            self._found.append((video, index, [self._instance(person) for person in row.people]))

    def close(self) -> None:
        """Write the file."""
        import sleap_io

        videos = {
            path: sleap_io.Video.from_filename(self._images if path is None else str(path.resolve()))
            for path in dict.fromkeys(path for path, _, _ in self._found)
        }
        frames = [
            sleap_io.LabeledFrame(video=videos[path], frame_idx=index, instances=people)
            for path, index, people in self._found
            if people
        ]
        labels = sleap_io.Labels(frames, list(videos.values()), skeletons=[self._skeleton])
        sleap_io.save_slp(labels, str(self.part), verbose=False)

    def _instance(self, person: Person) -> sleap_io.PredictedInstance:
        import sleap_io

        return sleap_io.PredictedInstance.from_numpy(
            person.keypoints, self._skeleton, point_scores=person.confidence, score=person.score
        )

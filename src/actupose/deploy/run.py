"""From pictures to rows of the journal, and from the journal to every other output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from actupose.data.frames import FrameReader
from actupose.data.readers.boxes import to_corners
from actupose.deploy.inputs import Picture
from actupose.deploy.journal import Journal, Person, Row, cannot_write
from actupose.deploy.outputs import OutputJob, Writer
from actupose.deploy.people import PeopleFinder
from actupose.deploy.predict import Prediction, Predictor
from actupose.deploy.sources import Source
from actupose.progress import progress_bar

BAD_SHARE = 0.05
_WRITE_AT_ONCE = 64  # rows


@dataclass
class Summary:
    """What came out.

    Attributes:
        pictures: how many were looked at.
        predicted: how many of them have at least one person.
        people: how many.
        empty: pictures that can be read and have nobody.
        skipped: a line for each picture or person that cannot be used.
    """

    pictures: int = 0
    predicted: int = 0
    people: int = 0
    empty: int = 0
    skipped: list[str] = field(default_factory=list)

    def count(self, row: Row) -> None:
        """Take in a row."""
        self.pictures += 1
        self.people += len(row.people)
        self.predicted += bool(row.people)
        self.empty += not row.people and not row.skipped
        self.skipped += row.skipped


def predict_all(source: Source, finder: PeopleFinder, predictor: Predictor, journal: Journal) -> None:
    """Predict what the journal does not hold yet, batch by batch, with progress.

    Args:
        source: the pictures.
        finder: where their people are.
        predictor: the network and its settings.
        journal: takes each batch's rows.

    Raises:
        UserError: the network gives values that are not finite, or the journal cannot be written.
    """
    size = predictor.config.batch_size
    bar = progress_bar(source.total, "predict", unit="images", initial=journal.done)
    # Two readers, so that each goes through a video once: the detector is a batch ahead of the crops.
    with bar as progress, FrameReader() as ahead, FrameReader() as frames:
        try:
            for part in source.batches(journal.done, size):
                journal.append(_rows(part, journal.done, finder, predictor, (ahead, frames)))
                progress.update(len(part))
        except OSError as error:  # a camera's recording; files that cannot be read are rows
            raise cannot_write(journal.out, error) from error


def write_outputs(journal: Journal, classes: Sequence[type[Writer]], job: OutputJob) -> Summary:
    """Make every output from the journal; each stands under its name only when it is whole.

    Args:
        journal: the rows.
        classes: from `writer_classes`.
        job: what they are told.

    Raises:
        UserError: the disk is full, or the journal is damaged.
    """
    summary = Summary()
    writers: list[Writer] = []
    try:
        writers += (writer(job) for writer in classes)
        with progress_bar(journal.done, "write", unit="images") as bar:
            all_rows = journal.rows()
            while rows := list(islice(all_rows, _WRITE_AT_ONCE)):
                for row in rows:
                    summary.count(row)
                for writer in writers:
                    writer.write(rows)
                bar.update(len(rows))
        for writer in writers:
            writer.finish()
    except OSError as error:
        raise cannot_write(journal.out, error) from error
    finally:
        for writer in writers:
            writer.abandon()
    return summary


def _rows(
    part: Sequence[Picture],
    first: int,
    finder: PeopleFinder,
    predictor: Predictor,
    readers: tuple[FrameReader, FrameReader],
) -> list[Row]:
    """Predict everybody in some pictures."""
    records = [picture.record() for picture in part]
    boxes, unreadable = finder.find(records, readers[0])
    found: list[list[Person]] = [[] for _ in part]
    skipped = [[unreadable[r.name]] if r.name in unreadable else [] for r in records]
    owners, people = [], []
    for i, record in enumerate(records):
        for k, box in enumerate(boxes.get(record.name, ())):
            owners.append(i)
            people.append(replace(record, box=box, name=record.name if k == 0 else f"{record.name}#{k}"))
    for batch in predictor.batches(people, frames=readers[1]):
        for prediction in batch.predictions:
            found[owners[prediction.index]].append(_person(prediction))
        for index, line in batch.problems.items():
            skipped[owners[index]].append(line)
    return [
        Row(first + i, p.name, p.video, p.frame, p.time, tuple(found[i]), tuple(skipped[i])) for i, p in enumerate(part)
    ]


def _person(found: Prediction) -> Person:
    box = found.record.box
    corners = None if box is None else tuple(to_corners(box))
    return Person(corners, found.keypoints, found.confidence, found.peaks)

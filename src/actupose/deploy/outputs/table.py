"""A row a person, as CSV for spreadsheets and as Parquet for data frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from actupose.deploy.journal import Row
from actupose.deploy.outputs.base import OutputJob, Writer
from actupose.skeletons import Skeleton

_AT_ONCE = 4096  # people of a row group: Parquet is slow and large with small ones
_BOX = ("x0", "y0", "x1", "y1")


def table_schema(skeleton: Skeleton) -> pa.Schema:
    """The columns: picture, person, box, then x, y and confidence of each keypoint."""
    columns = [
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("video", pa.string()),
        ("frame", pa.int64()),
        ("time", pa.float64()),
        ("person", pa.int64()),
        ("score", pa.float64()),
        *((f"box_{side}", pa.float64()) for side in _BOX),
    ]
    columns += [(f"{name}_{what}", pa.float64()) for name in skeleton.keypoints for what in ("x", "y", "confidence")]
    return pa.schema(columns)


def table_rows(row: Row) -> list[list[Any]]:
    """The people of a picture as lists of values, in the order of `table_schema`."""
    return [
        [row.number + 1, row.name, row.video, row.frame, row.time, number, person.score]
        + list(person.box or (None,) * 4)
        + [
            v
            for (x, y), c in zip(person.keypoints.tolist(), person.confidence.tolist(), strict=True)
            for v in (x, y, c)
        ]
        for number, person in enumerate(row.people)
    ]


class _TableWriter(Writer):
    """Streams record batches; which file they go to is the subclass's."""

    def __init__(self, job: OutputJob) -> None:
        super().__init__(job)
        self._schema = table_schema(job.skeleton)
        self._people: list[list[Any]] = []
        self._sink = self.sink()

    @abstractmethod
    def sink(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """The writer of the temporary file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add people."""
        self._people += (values for row in rows for values in table_rows(row))
        if len(self._people) >= _AT_ONCE:
            self._flush()

    def close(self) -> None:
        """End the file."""
        self._flush()
        self._sink.close()

    def abandon(self) -> None:
        """Close and remove."""
        self._sink.close()
        super().abandon()

    def _flush(self) -> None:
        if self._people:
            columns = zip(*self._people, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            self._sink.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._people = []


class CsvWriter(_TableWriter):
    """``predictions.csv``; an absent value is empty."""

    name = "predictions.csv"

    def sink(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """A CSV with a header."""
        from pyarrow import csv

        return csv.CSVWriter(str(self.part), self._schema)


class ParquetWriter(_TableWriter):
    """``predictions.parquet``; an absent value is null."""

    name = "predictions.parquet"

    def sink(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """A Parquet file, a row group at a time."""
        from pyarrow import parquet

        return parquet.ParquetWriter(str(self.part), self._schema)

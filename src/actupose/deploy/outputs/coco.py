"""COCO keypoint results: the list that pycocotools' ``loadRes`` takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from actupose.deploy.journal import Row
from actupose.deploy.keypoints import coco_result
from actupose.deploy.outputs.base import OutputJob, Writer


class CocoWriter(Writer):
    """``predictions.json``, an entry a person; ``image_id`` counts the pictures from 1, those without people too."""

    name = "predictions.json"

    def __init__(self, job: OutputJob) -> None:
        super().__init__(job)
        self._file = self.part.open("w", encoding="utf-8")
        self._between = "["

    def write(self, rows: Sequence[Row]) -> None:
        """Add entries."""
        for entry in (entry for row in rows for entry in coco_results(row)):
            self._file.write(f"{self._between}\n{json.dumps(entry)}")
            self._between = ","

    def close(self) -> None:
        """End the list."""
        if not self._file.closed:
            self._file.write("[]\n" if self._between == "[" else "\n]\n")
            self._file.close()

    def abandon(self) -> None:
        """Close and remove."""
        self._file.close()
        super().abandon()


def coco_results(row: Row) -> list[dict[str, Any]]:
    """The people of a picture in COCO's results format, with the file's name, the box and the heatmaps' heights."""
    return [
        coco_result(row.number + 1, row.name, p.keypoints, p.confidence, box=p.box, peaks=p.peaks) for p in row.people
    ]

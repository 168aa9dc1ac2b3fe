"""From pictures to rows and outputs: boxes, several people, broken pictures, a stop in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from actupose.data.detector_config import DetectorConfig
from actupose.deploy.inputs import find_pictures
from actupose.deploy.journal import JOURNAL, Journal, Row
from actupose.deploy.outputs import OutputJob, writer_classes
from actupose.deploy.people import PeopleFinder, people_finder
from actupose.deploy.predict import PredictConfig, Predictor
from actupose.deploy.run import predict_all, write_outputs
from actupose.deploy.sources import Files
from actupose.errors import UserError
from data.fakes import picture
from data.fakes.video import write_video
from data.test_detect import config, oracle, weights  # noqa: F401 - a fixture
from deploy.test_keypoints import spotted
from deploy.test_predict import SKELETON, Brightest, model

BATCH = 3


def predictor(batch: int = BATCH) -> Predictor:
    return Predictor(model(Brightest()), PredictConfig(batch_size=batch))


def run(source: Files, finder: PeopleFinder, out: Path) -> list[Row]:
    journal = Journal(out, {}, BATCH, source.total)
    predict_all(source, finder, predictor(), journal)
    return list(journal.rows())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(8):
        spotted(20 + 5 * i, 25).save(folder / f"{i}.png")
    (folder / "5.png").write_bytes(b"broken")
    write_video(folder / "v.mp4", 4)
    return folder


def boxes_file(path: Path, boxes: dict[str, Any]) -> Path:
    path.write_text(json.dumps(boxes), encoding="utf-8")
    return path


def whole() -> PeopleFinder:
    return people_finder(None, DetectorConfig(), None)


def test_whole_pictures(photos: Path, tmp_path: Path) -> None:
    pictures = find_pictures([photos])
    rows = run(Files(pictures), whole(), tmp_path / "out")
    assert [(r.number, r.name, r.video, r.frame, r.time) for r in rows] == [
        (i, p.name, p.video, p.frame, p.time) for i, p in enumerate(pictures)
    ]
    assert [len(r.people) for r in rows] == [1] * 5 + [0] + [1] * 6
    assert ["5.png" in line for line in rows[5].skipped] == [True]
    for i in (0, 1, 2, 3, 4, 6, 7):
        np.testing.assert_allclose(rows[i].people[0].keypoints, [(20 + 5 * i, 25)] * 14, atol=1.0)
        assert rows[i].people[0].box is None


def test_boxes_of_a_file(photos: Path, tmp_path: Path) -> None:
    """Two people in one picture, one in a frame, one outside its picture, and pictures of nobody, which stay unread."""
    both = Image.new("RGB", (160, 60))
    both.paste(spotted(30), (0, 0))
    both.paste(spotted(50), (80, 0))
    both.save(photos / "0.png")
    boxes = {
        "0.png": [[0, 0, 80, 60], [80, 0, 160, 60]],
        "3.png": [[0, 0, 80, 60], [500, 500, 600, 600]],
        "v.mp4#000002": [5, 5, 40, 40],
    }
    pictures = find_pictures([photos])
    finder = people_finder(boxes_file(tmp_path / "b.json", boxes), DetectorConfig(), [p.name for p in pictures])
    rows = run(Files(pictures), finder, tmp_path / "out")
    assert {r.name: len(r.people) for r in rows if r.people} == {"0.png": 2, "3.png": 1, "v.mp4#000002": 1}
    assert [p.box for p in rows[0].people] == [(0, 0, 80, 60), (80, 0, 160, 60)]
    np.testing.assert_allclose([p.keypoints[0] for p in rows[0].people], [(30, 25), (130, 25)], atol=1.5)
    assert {r.name: r.skipped for r in rows if r.skipped} == {
        "3.png": ("3.png#1: the person box (499.5, 499.5, 599.5, 599.5) is empty or outside the image",)
    }
    with pytest.raises(UserError, match=r"names '9\.png', which is no image"):
        people_finder(boxes_file(tmp_path / "b.json", {"9.png": [0, 0, 9, 9]}), DetectorConfig(), ["0.png"])


def test_people_of_a_detector(weights: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in (0, 1, 3):
        picture(100 + i, 80, i).save(folder / f"{i}.png")
    (folder / "2.png").write_bytes(b"broken")
    rows = run(Files(find_pictures([folder])), people_finder(None, config(weights), None), tmp_path / "out")
    assert "2.png" in rows[2].skipped[0]
    for row in (rows[0], rows[1], rows[3]):
        wanted = oracle(weights, folder / row.name, 0.5, 3)
        np.testing.assert_allclose([p.box for p in row.people], np.reshape(wanted, (-1, 4)), atol=0.02)
    assert max(len(row.people) for row in rows) > 1
    with pytest.raises(UserError, match="give one of them"):
        people_finder(tmp_path / "b.json", config(weights), [])
    with pytest.raises(UserError, match="threshold from 0 to 1"):
        people_finder(None, config(weights, threshold=3.0), [])


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_stopped_one_ends_with_the_same_bytes(photos: Path, tmp_path: Path, after: int) -> None:
    pictures = find_pictures([photos])
    run(Files(pictures), whole(), tmp_path / "unbroken")

    class Stopping(Files):
        def batches(self, start: int, size: int) -> Any:
            for k, part in enumerate(super().batches(start, size)):
                if k == after:
                    raise KeyboardInterrupt
                yield part

    with pytest.raises(KeyboardInterrupt):
        run(Stopping(pictures), whole(), tmp_path / "stopped")
    file = tmp_path / "stopped" / JOURNAL
    assert len(file.read_bytes().splitlines()) == after * BATCH
    with file.open("ab") as journal:
        journal.write(b'{"number": 99, "na')
    run(Files(pictures), whole(), tmp_path / "stopped")
    assert file.read_bytes() == (tmp_path / "unbroken" / JOURNAL).read_bytes()


def test_outputs_are_made_from_the_journal(photos: Path, tmp_path: Path) -> None:
    source = Files(find_pictures([photos]))
    journal = Journal(tmp_path / "out", {}, BATCH, source.total)
    predict_all(source, whole(), predictor(), journal)
    job = OutputJob(tmp_path / "out", SKELETON, source.locate)
    summary = write_outputs(journal, writer_classes(["coco", "csv"], overlay=True), job)
    assert (summary.pictures, summary.predicted, summary.people, summary.empty) == (12, 11, 11, 0)
    assert ["5.png" in line for line in summary.skipped] == [True]
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8"))) == 11
    assert len(list((tmp_path / "out" / "overlay").iterdir())) == 8


def test_a_full_disk_leaves_no_half_file(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Files(find_pictures([photos]))
    journal = Journal(tmp_path / "out", {}, BATCH, source.total)
    predict_all(source, whole(), predictor(), journal)
    (csv,) = writer_classes(["csv"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv, "finish", full)
    job = OutputJob(tmp_path / "out", SKELETON, source.locate)
    with pytest.raises(UserError, match=r"out: cannot write \(No space left on device\); what is predicted is kept"):
        write_outputs(journal, [*writer_classes(["parquet"]), csv], job)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["command.json", JOURNAL, "predictions.parquet"]

"""Boxes by a real torchvision detector with fixed random weights: plumbing, threshold, several people, batches."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model

from actupose.cli import main
from actupose.data import detect
from actupose.data.detect import detect_people
from actupose.data.detector_config import DetectorConfig
from actupose.data.readers import read
from actupose.data.store import open_store
from actupose.errors import UserError
from data.fakes.folder import write_folder
from data.fakes.video import write_video

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of two kinds that calls most of its proposals the second; its scores differ by the features."""
    torch.manual_seed(0)
    model = get_model(NAME, weights=None, weights_backbone=None, num_classes=2)
    state = model.state_dict()
    state["roi_heads.box_predictor.cls_score.weight"] *= 40
    state["roi_heads.box_predictor.cls_score.bias"][1] = 0.5
    path = tmp_path_factory.mktemp("detector") / "weights.pt"
    torch.save(state, path)
    return path


def oracle(path: Path, image: Path, threshold: float, most: int) -> list[list[float]]:
    """The same model by itself, on one picture; its boxes come best first."""
    return [box for score, box in scored(path, image) if score >= threshold][:most]


@cache
def detector(path: Path) -> torch.nn.Module:
    model = get_model(NAME, weights=None, weights_backbone=None, num_classes=2).eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model


@cache
def scored(path: Path, image: Path) -> list[tuple[float, list[float]]]:
    pixels = torch.from_numpy(np.array(Image.open(image).convert("RGB"))).permute(2, 0, 1) / 255
    with torch.inference_mode():
        found = detector(path)([pixels])[0]
    rows = zip(found["scores"].tolist(), found["labels"].tolist(), found["boxes"].tolist(), strict=True)
    return [(score, box) for score, label, box in rows if label == 1]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_folder(tmp_path / "photos", 5)
    return tmp_path / "photos"


def config(path: Path, **changes: object) -> DetectorConfig:
    return replace(DetectorConfig(NAME, path, threshold=0.5, most=3, batch_size=2), **changes)


def test_every_person_is_a_record(photos: Path, weights: Path, tmp_path: Path) -> None:
    whole = read("folder", photos)
    found = detect_people(whole, config(weights), tmp_path / "boxes.json")
    wanted = {r.name: oracle(weights, photos / r.name, 0.5, 3) for r in whole.records}
    assert max(len(boxes) for boxes in wanted.values()) > 1, "the test needs a picture of several people"
    assert [r.name for r in found.records] == [
        name if k == 0 else f"{name}#{k}" for name, boxes in wanted.items() for k in range(len(boxes))
    ]
    corners = np.array([r.box for r in found.records]) + 0.5
    np.testing.assert_allclose(corners, np.concatenate(list(wanted.values())), atol=0.02)
    assert f"{NAME}: {len(found.records)} people in" in found.notes[0]


def test_the_threshold_and_the_kind(photos: Path, weights: Path, tmp_path: Path) -> None:
    whole = read("folder", photos)
    scores = sorted(score for r in whole.records for score, _ in scored(weights, photos / r.name))
    counts = []
    for k, threshold in enumerate((0.3, (scores[len(scores) // 2] + scores[-1]) / 2)):
        found = detect_people(whole, config(weights, threshold=threshold, most=99), tmp_path / f"{k}.json")
        wanted = [len(oracle(weights, photos / r.name, threshold, 99)) for r in whole.records]
        assert len(found.records) == sum(wanted)
        counts.append(sum(wanted))
    assert counts[0] > counts[1]
    with pytest.raises(UserError, match=r"found nobody; lower the threshold"):
        detect_people(whole, config(weights, label=7), tmp_path / "none.json")


def test_the_batch_does_not_matter_and_a_killed_run_goes_on(
    photos: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read("folder", photos)
    at_once = detect_people(whole, config(weights, batch_size=5), tmp_path / "a.json")
    monkeypatch.setattr(detect, "_SAVE_EVERY", 2)
    save, saved = detect._save, []

    def stop(path: Path, facts: object, boxes: dict[str, object]) -> None:
        save(path, facts, boxes)  # type: ignore[arg-type]
        saved.append(set(boxes))
        raise KeyboardInterrupt

    monkeypatch.setattr(detect, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        detect_people(whole, config(weights, batch_size=1), tmp_path / "b.json")
    monkeypatch.setattr(detect, "_save", lambda *given: (save(*given), saved.append(set(given[2]))))
    resumed = detect_people(whole, config(weights, batch_size=1), tmp_path / "b.json")
    assert [len(names) for names in saved] == [2, 4, 5]
    assert [r.name for r in resumed.records] == [r.name for r in at_once.records]
    np.testing.assert_allclose([r.box for r in resumed.records], [r.box for r in at_once.records], atol=0.02)


def test_prepare_with_a_detector(
    photos: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["prepare", "folder", str(photos), str(tmp_path / "s"), "--size=32", "--workers=0"]
    options = [f"--detector.weights={weights}", "--detector.threshold=0.5", "--detector.most=2"]
    assert main([*args, f"--detector.name={NAME}", *options]) == 0
    assert "people in" in capsys.readouterr().out
    boxes = json.loads((tmp_path / "s.boxes.json").read_text(encoding="utf-8"))["boxes"]
    count = sum(map(len, boxes.values()))
    assert len(open_store(tmp_path / "s")) == count
    again = [*args[:3], str(tmp_path / "t"), *args[4:], f"--boxes={tmp_path / 's.boxes.json'}"]
    assert main(again) == 0, "what the detector wrote can be given back"
    assert open_store(tmp_path / "t").rows["image"] == open_store(tmp_path / "s").rows["image"]


def test_frames_of_a_video(weights: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 6)
    found = detect_people(read("video", tmp_path / "a.mp4", num_frames=2), config(weights, most=1), tmp_path / "b.json")
    assert [r.name for r in found.records] == ["a.mp4#000000", "a.mp4#000005"]


def test_bad_detectors(photos: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read("folder", photos)

    def fails(message: str, **changes: object) -> None:
        with pytest.raises(UserError, match=message):
            detect_people(whole, config(weights, **changes), tmp_path / "x.json")

    fails(
        r"no detector 'fasterrcn_resnet50_fpn' .*did you mean 'fasterrcnn_resnet50_fpn", name="fasterrcn_resnet50_fpn"
    )
    fails(r"gone.pt: no such file of detector weights", weights=tmp_path / "gone.pt")
    fails(r"weights.pt: holds no weights of ssd300_vgg16", name="ssd300_vgg16")
    fails(r"threshold from 0 to 1", threshold=2.0)
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:5000])
    fails(r"cut.pt: holds no weights of", weights=tmp_path / "cut.pt")

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    fails(r"the weights of .* cannot be had from torchvision's hub \(no network\); give a file", weights=None)
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    fails(r"x.json: is no file of boxes")
    (tmp_path / "x.json").write_text('{"detector": {}, "boxes": {}}', encoding="utf-8")
    fails(r"x.json: holds boxes of another detector")


def test_pictures_that_cannot_be_read_are_left_to_the_five_percent_rule(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    found = detect_people(read("folder", photos), config(weights), tmp_path / "b.json")
    assert found.records[-1].name == "broken.jpg"
    assert "broken.jpg" in found.notes[1]

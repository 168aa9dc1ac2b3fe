"""`skeleton` as a user calls it, and `prepare` with a skeleton and a map."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actupose.cli import main
from actupose.data.store import open_store
from actupose.skeletons import load_skeleton
from data.fakes import coco_data, write_coco
from skeletons.files import write_category


def test_show_map_and_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, pairs, out = (
        write_category(tmp_path / "labels.json"),
        tmp_path / "map.yaml",
        tmp_path / "new" / "mouse.yaml",
    )
    pairs.write_text("map: {tail: nose}", encoding="utf-8")
    args = ["skeleton", str(source), "--map_to", "coco17", "--map", str(pairs), "--out", str(out)]
    assert main(args) == 0
    shown = capsys.readouterr().out
    for part in ("mouse3: 3 keypoints", "left_ear-tail", "left_ear/right_ear", "derived flip_pairs", "tail -> nose"):
        assert part in shown
    assert load_skeleton(out) == load_skeleton(source)
    assert main(args) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["skeleton", str(source), "--map", str(pairs)]) == 2
    assert "--map needs --map_to" in capsys.readouterr().err
    assert main(["skeleton", "body16", "--map_to", "hand21"]) == 2
    assert "share no keypoint name" in capsys.readouterr().err


def test_prepare_prints_the_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = coco_data()
    data["categories"][0]["keypoints"][0] = "snout"
    write_coco(tmp_path / "coco", data)
    pairs = tmp_path / "map.yaml"
    pairs.write_text("map: {snout: head_top}", encoding="utf-8")
    args = ["prepare", "coco", str(tmp_path / "coco"), str(tmp_path / "s"), "--size=64", "--workers=0"]
    assert main([*args, "--skeleton=body16", f"--map={pairs}"]) == 0
    shown = capsys.readouterr().out
    assert "keypoints person17 -> body16: 13 of 16" in shown
    assert "snout -> head_top" in shown
    assert "masked: pelvis, thorax, neck" in shown
    assert open_store(tmp_path / "s").meta.skeleton == load_skeleton("body16")
    assert main([*args, f"--map={pairs}"]) == 2
    assert "a keypoint map needs the skeleton" in capsys.readouterr().err


def test_people_without_a_wanted_keypoint_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = coco_data()
    names = data["categories"][0]["keypoints"]
    data["annotations"][0]["keypoints"][3 * names.index("left_hip") + 2] = 0
    write_coco(tmp_path / "coco", data)
    (tmp_path / "hip.json").write_text(json.dumps({"name": "hip", "keypoints": ["left_hip"]}), encoding="utf-8")
    args = ["prepare", "coco", str(tmp_path / "coco"), str(tmp_path / "s"), "--size=64", "--workers=0"]
    main([*args, f"--skeleton={tmp_path / 'hip.json'}"])
    assert "1 records have none of these keypoints and are left out" in capsys.readouterr().out

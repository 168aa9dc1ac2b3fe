"""`actupose export` on a tiny finished run: the folder, the comparison, the card, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import actupose
from actupose.cli import main
from commands.conftest import TinyRun
from data.fakes import picture


def test_weights_and_card_of_a_run(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "exported"
    assert main(["export", str(tiny_run.checkpoint), "--format", "safetensors", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "model.safetensors: 100.0% of" in said
    assert str(out) in said
    card = (out / "README.md").read_text("utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "actupose"
    assert "* method: ACTUPose" in card
    assert "On 24 labelled target pictures" in card
    assert "| pck/All |" in card
    assert "* target, without labels: target (fingerprint " in card
    assert ", read by `target`)" in card
    assert "% on held-out source pictures" in card
    assert str(tiny_run.folder.parent) not in card  # no paths of the machine
    people = actupose.load(out)(picture(50, 40))
    assert people.xy.shape == (1, 14, 2)


def test_another_network_than_the_headline(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, run = tmp_path / "exported", str(tiny_run.folder)
    assert main(["export", run, "--format", "safetensors", "--net", "student", "--out", str(out)]) == 0
    assert actupose.load(out).model.name == actupose.load(run, net="student").model.name == "ACTUPose student"
    held = json.loads((tiny_run.folder / "scores.json").read_text("utf-8"))["scores"]
    card = (out / "README.md").read_text("utf-8")
    assert f"| ece | {held['student/ece']:.1f} |" in card
    assert "ece_calibrated" not in card
    capsys.readouterr()
    picture(40, 40, 0).save(tmp_path / "a.png")
    args = [str(tmp_path / "a.png"), "--out", str(tmp_path / "keypoints")]
    assert main(["predict", str(out), *args, "--net", "teacher"]) == 2
    assert "exported: holds one network, ACTUPose student; leave net out" in capsys.readouterr().err
    assert main(["predict", run, *args, "--net", "student"]) == 0
    told = json.loads((tmp_path / "keypoints" / "report.json").read_text("utf-8"))
    assert (told["model"], told["confidence"]) == ("ACTUPose student", "raw")


def test_bad_input_is_one_line(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x", encoding="utf-8")
    for args, said in (
        ([tiny_run.checkpoint, "--out", out], "out: exists already"),
        ([tmp_path / "gone.ckpt", "--out", tmp_path / "new"], "gone.ckpt: no such checkpoint"),
        ([tiny_run.checkpoint, "--out", tmp_path / "new", "--format", "onxx"], "format: expected one of"),
        ([tmp_path, "--out", tmp_path / "new"], "holds no model"),
    ):
        assert main(["export", *map(str, args)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_broken_config_of_the_run_leaves_nothing(
    tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("a: [", encoding="utf-8")
    args = ["export", str(tmp_path / "run"), "--format", "safetensors", "--out", str(tmp_path / "out")]
    assert main(args) == 2
    assert "config.yaml: is not readable YAML" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

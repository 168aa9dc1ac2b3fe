"""The demo with few images: every file is there, the table has both methods, a second run changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from actupose.cli import main
from tiny_stores import REPO_ROOT

SMALL = ["--num_source=60", "--num_target=16", "--num_test=12", "--size=64", "--epochs=2", "--iterations=2"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "run"
    assert main(["demo", f"--out={out}", *SMALL]) == 0
    return out


def test_adapts_as_the_profile_says(demo: Path) -> None:
    profile = yaml.safe_load((REPO_ROOT / "configs/profiles/weak_teacher.yaml").read_text("utf-8"))
    config = yaml.safe_load((demo / "actupose" / "config.yaml").read_text("utf-8"))
    wanted = profile["model"]["init_args"]["teacher"]
    assert {key: config["model"]["init_args"]["teacher"][key] for key in wanted} == wanted


def test_writes_tables_and_pictures(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = (demo / "actupose" / "checkpoints" / "last.ckpt").read_bytes()
    assert main(["demo", f"--out={demo}", *SMALL]) == 0  # finished: prints the table again
    printed = capsys.readouterr().out
    for name in ("source-only", "ACTUPose", "All", "EvalPose"):
        assert name in printed
    assert (demo / "actupose" / "checkpoints" / "last.ckpt").read_bytes() == weights
    for picture in ("predictions.png", "curriculum.png"):
        with Image.open(demo / picture) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_own_folder_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        Image.fromarray(rng.integers(0, 255, (80, 60, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    out = tmp_path / "run"
    assert main(["demo", f"--out={out}", f"--target={folder}", *SMALL]) == 0
    assert "no labels" in capsys.readouterr().out
    assert (out / "predictions.png").is_file()


def test_a_failing_training_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", f"--out={tmp_path / 'run'}", f"--target={tmp_path / 'absent'}", *SMALL]) == 2
    assert "absent" in capsys.readouterr().err

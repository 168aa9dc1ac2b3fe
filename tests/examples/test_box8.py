"""The worked example of an object with eight points: its labels, and the whole road with the standard verbs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from PIL import Image

from actupose.data.store import open_store
from actupose.skeletons import load_skeleton
from integration.runs import CONFIGS, TINY, run
from tiny_stores import REPO_ROOT

BOX = REPO_ROOT / "examples" / "box8"


@pytest.fixture(scope="module")
def box() -> ModuleType:
    spec = importlib.util.spec_from_file_location("box8_render", BOX / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def render(out: Path, num: int, seed: int, look: str) -> Path:
    args = [sys.executable, str(BOX / "render.py"), str(out), f"--num={num}", f"--seed={seed}", f"--look={look}"]
    subprocess.run(args, check=True, capture_output=True, timeout=120)
    return out


def test_the_face_that_is_seen_is_painted_where_it_is_labelled(box: ModuleType) -> None:
    plain = box.Look(faded=0.0, wear=0.0, ambient=1.0, clutter=0, noise=0.0, blur=0.0)
    seen = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        view = box.random_view(rng)
        pixels = np.asarray(box.draw(view, plain, rng))
        for side, color in box.COLORS.items():
            ring = view.project(box.face(side))
            area = abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(ring, np.roll(ring, -1, 0), strict=True))) / 2
            if area < 150:
                continue  # seen from its edge: no pixel is the face's alone
            x, y = view.project(box.face(side).mean(0)[None])[0]
            found = tuple(int(v) for v in pixels[round(y), round(x)]) == color
            assert found is view.faces_camera(side), (seed, side)
            seen += found
    assert seen > 45


def test_a_corner_is_hidden_when_the_line_of_sight_goes_through_the_box(box: ModuleType) -> None:
    names = list(load_skeleton(BOX / "box8.yaml").keypoints)
    for seed in range(40):
        view = box.random_view(np.random.default_rng(seed))
        visible = box.annotation(view, names)["keypoints"][2::3]
        camera = view.rotation.T @ -view.centre / box.HALF  # in the box's own half sizes
        for name, state in zip(names, visible, strict=True):
            point = box.corner(name)
            steps = np.linspace(0.001, 0.999, 4000)[:, None]
            inside = (np.abs(camera + steps * (point - camera)) < 1 - 1e-9).all(1).any()
            assert state in (0, 1 if inside else 2), (seed, name)


def test_the_renderer_repeats_itself_and_its_looks_differ(tmp_path: Path) -> None:
    a, b, c = (render(tmp_path / n, 2, 3, look) for n, look in (("a", "source"), ("b", "source"), ("c", "target")))
    images = [np.asarray(Image.open(p / "images" / "000001.png"), float) for p in (a, b, c)]
    assert (images[0] == images[1]).all()
    assert np.abs(images[0] - images[2]).mean() > 20


def test_the_whole_road(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = {
        n: render(tmp_path / n, 24, k, look)
        for k, (n, look) in enumerate((("source", "source"), ("target", "target"), ("test", "target")))
    }
    skeleton, stores = f"--skeleton={BOX / 'box8.yaml'}", {n: str(tmp_path / "data" / n) for n in raw}
    common = ["--size=64", "--workers=0", skeleton]
    assert run(["prepare", "coco", str(raw["source"]), stores["source"], *common]) == 0
    assert run(["prepare", "folder", str(raw["target"] / "images"), stores["target"], *common]) == 0
    assert run(["prepare", "coco", str(raw["test"]), stores["test"], *common]) == 0
    assert open_store(stores["source"]).meta.skeleton == load_skeleton(BOX / "box8.yaml")
    assert "derived" not in capsys.readouterr().out, "the skeleton file says it all"
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    files = [BOX / "task.yaml", CONFIGS / "methods" / "actupose.yaml", tiny]
    config = [part for file in files for part in ("--config", str(file))]
    config += [f"--data.{k}={v}" for k, v in zip(("source", "target", "target_test"), stores.values(), strict=True)]
    config += [f"--data.skeleton={BOX / 'box8.yaml'}", f"--out={tmp_path / 'run'}"]
    assert run(["fit", *config]) == 0
    assert run(["test", *config]) == 0
    shown = capsys.readouterr().out
    assert "Front" in shown
    assert "Back" in shown
    checkpoint, images = str(tmp_path / "run/checkpoints/last.ckpt"), str(raw["test"] / "images")
    assert run(["predict", checkpoint, images, f"--out={tmp_path / 'out'}", "--overlay=true"]) == 0
    predictions = json.loads((tmp_path / "out/predictions.json").read_text(encoding="utf-8"))
    assert len(predictions) == 24
    assert all(len(p["keypoints"]) == 8 * 3 for p in predictions)

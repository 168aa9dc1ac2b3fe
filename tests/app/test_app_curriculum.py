"""A run's curriculum as the page shows it: bins, kinds, nearest poses, and clear words where it cannot be shown."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actupose.app.curriculum import CurriculumBrowser
from actupose.cli import main
from actupose.data.store import open_store
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from commands.conftest import TinyRun, tiny_run

__all__ = ["tiny_run"]


@pytest.fixture(scope="module")
def browser(tiny_run: TinyRun) -> CurriculumBrowser:
    return CurriculumBrowser(RunFolder(tiny_run.folder))


def test_bins_are_those_of_the_checkpoint(browser: CurriculumBrowser, tiny_run: TinyRun) -> None:
    held = torch.load(tiny_run.checkpoint, weights_only=True)["PoseDataModule"]["curriculum"]
    score = held["score"].numpy()
    assert len(browser) == len(score) == 38  # 40 less the share held out
    bins = [browser.select(i, None) for i in range(4)]
    assert sorted(np.concatenate(bins).tolist()) == list(range(38))
    assert [len(rows) for rows in bins] == [10, 10, 9, 9]
    edges = [(score[rows].min(), score[rows].max()) for rows in bins]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(edges))
    last = json.loads((tiny_run.folder / "curriculum.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert browser.drawn == last["drawn"]


def test_a_kind_is_chosen_by_name(browser: CurriculumBrowser, tiny_run: TinyRun) -> None:
    assert browser.archetypes == ["sit", "stand"]
    rows = browser.select(None, "sit")
    assert all(np.diff(browser.score.numpy()[rows]) >= 0)
    store = open_store(tiny_run.folder.parent / "source").rows
    kind_of = dict(zip(store["name"], store["archetype"], strict=True))
    shown = browser.show(rows)
    assert {kind_of[pose.name] for pose in shown} == {"sit"}
    assert len(shown) == sum(kind_of[p.name] == "sit" for p in browser.show(browser.select(None, None)))
    both = set(browser.select(2, "sit"))
    assert both == set(rows) & set(browser.select(2, None))


def test_the_nearest_pose_is_the_pose_itself_then_by_plain_angles(browser: CurriculumBrowser) -> None:
    points, visible = browser._source.keypoints.double().numpy(), browser._source.visible.numpy()
    chosen = int(np.argmax((visible > 0).sum(1)))
    found = browser.nearest(points[chosen], 5)

    def angle(pose: np.ndarray, triplet: tuple[int, int, int]) -> float:
        a, b, c = (pose[i] for i in triplet)
        return math.atan2(*(a - b)[::-1]) - math.atan2(*(c - b)[::-1])

    def distance(row: int) -> float:
        triplets = [t for t in browser.skeleton.triplets if all(visible[row][i] for i in t)]
        total = len(browser.skeleton.triplets)
        if len(triplets) < (total + 1) // 2:
            return math.inf
        apart = [angle(points[row], t) - angle(points[chosen], t) for t in triplets]
        squares = [math.remainder(x, 2 * math.pi) ** 2 for x in apart]
        return math.sqrt(sum(squares) * total / len(triplets)) / browser.skeleton.num_keypoints

    wanted = sorted(d for d in map(distance, range(len(browser))) if math.isfinite(d))[:5]
    np.testing.assert_allclose([pose.distance for pose in found], wanted, atol=1e-6)
    assert found[0].distance == pytest.approx(0, abs=1e-6)


def test_a_run_without_a_curriculum_is_ranked_by_its_pose_vae(tiny_run: TinyRun, tmp_path: Path) -> None:
    config = yaml.safe_load(tiny_run.config.read_text(encoding="utf-8"))
    config["out"], config["trainer"]["max_epochs"] = str(tmp_path / "run"), 1
    config["data"]["curriculum"] = {"kind": "none", "n_bins": 4}
    config["model"] = {**config["model"], "class_path": "actupose.methods.SourceOnly"}
    config["model"]["init_args"] = {"net": config["model"]["init_args"]["net"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main(["fit", "--config", str(tmp_path / "c.yaml")]) == 0
    browser = CurriculumBrowser(RunFolder(tmp_path / "run"))
    assert (browser.kind, browser.drawn, len(browser.select(0, None))) == ("none", None, 10)
    assert browser.score[browser.select(3, None)[-1]] > browser.score[browser.select(0, None)[0]] > 0


def test_what_cannot_be_shown_is_said(tiny_run: TinyRun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run.folder, run)
    with pytest.raises(UserError, match=r"target: is not the store that .*run was trained on"):
        CurriculumBrowser(RunFolder(run), tiny_run.target)
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    config["data"]["source"] = str(tmp_path / "moved")
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(UserError, match="moved: no such folder"):
        CurriculumBrowser(RunFolder(run))
    assert len(CurriculumBrowser(RunFolder(run), tiny_run.folder.parent / "source")) == 38
    config["data"]["oracle"] = True
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(UserError, match="trains on the target's labels"):
        CurriculumBrowser(RunFolder(run))
    (run / "config.yaml").write_text("data: 3", encoding="utf-8")
    with pytest.raises(UserError, match=r"config.yaml: is not the configuration"):
        CurriculumBrowser(RunFolder(run))

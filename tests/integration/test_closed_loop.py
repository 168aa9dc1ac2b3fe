"""The closed loop: a source that grows while it is learned from, the same in a killed run as in an unbroken one."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from actupose.data.store import open_store, write_meta
from actupose.synth import SynthConfig, rendered_with, synthesize
from integration.runs import differing, fit, fit_args, metrics, run, run_and_stop, weights
from tiny_stores import NUM_SOURCE, Stores

BUDGET = 6
LOOP = ["--data.closed_loop.budget", BUDGET, "--trainer.max_epochs", 4]


def grown(out: Path) -> dict[str, bytes]:
    """Shards of all that the loop rendered."""
    return {str(f.relative_to(out)): f.read_bytes() for f in sorted((out / "closed_loop").rglob("*.arrow"))}


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "curriculum.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def unbroken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "run"
    fit("actupose", stores, out, *LOOP)
    return out


def test_the_budget_is_kept_and_told(unbroken: Path) -> None:
    lines = log(unbroken)
    assert [("closed_loop" in line) for line in lines] == [True, True, True, False]
    for epoch, line in enumerate(lines[:3]):
        loop, store = line["closed_loop"], open_store(unbroken / "closed_loop" / f"epoch_{epoch:04d}")
        assert len(store) == sum(loop["made"].values()) == BUDGET
        first = NUM_SOURCE + epoch * BUDGET
        assert store.rows["name"][:] == [f"0-{i:07d}" for i in range(first, first + BUDGET)]
        assert sum(loop["asked"].values()) == pytest.approx(1, abs=1e-4)
    held = torch.load(unbroken / "checkpoints" / "last.ckpt", weights_only=True)
    state = held["PoseDataModule"]["curriculum"]
    assert len(state["score"]) == round(0.95 * NUM_SOURCE) + 3 * BUDGET


def test_killed_and_resumed_equals_unbroken(stores: Stores, unbroken: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = fit_args("actupose", stores, out, *LOOP)
    assert run_and_stop(args, 2, 1) == -signal.SIGKILL
    shutil.rmtree(out / "closed_loop" / "epoch_0000")  # rendered again, to the same bytes
    assert run(args) == 0
    assert differing(weights(out), weights(unbroken)) == []
    assert grown(out) == grown(unbroken)
    assert metrics(out) == metrics(unbroken)
    for name in ("curriculum.jsonl", "validators.jsonl"):
        assert (out / name).read_text("utf-8") == (unbroken / name).read_text("utf-8")


def test_workers_see_the_source_grow(stores: Stores, unbroken: Path, tmp_path: Path) -> None:
    ours = fit(
        "actupose", stores, tmp_path / "run", *LOOP, "--data.loader.num_workers", 1, "--data.loader.cache", "none"
    )
    assert differing(ours, weights(unbroken)) == []


def test_off_nothing_is_rendered_and_on_it_matters(stores: Stores, unbroken: Path, tmp_path: Path) -> None:
    without = fit("actupose", stores, tmp_path / "run", *LOOP, "--data.closed_loop.budget", 0)
    assert not (tmp_path / "run" / "closed_loop").exists()
    assert not any("closed_loop" in line for line in log(tmp_path / "run"))
    assert "ClosedLoop" not in str(torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["callbacks"])
    assert differing(without, weights(unbroken)) != []


def test_more_of_a_store_is_what_a_larger_store_holds(stores: Stores, tmp_path: Path) -> None:
    rendered = rendered_with(stores.source)
    synthesize(tmp_path / "more", 3, rendered.seed, rendered.config, start=5)
    whole, more = open_store(stores.source).rows[5:8], open_store(tmp_path / "more").rows[:]
    assert more["image"] == whole["image"]
    assert more["name"] == whole["name"]


def test_a_mix_of_one_kind_renders_that_kind_alone(tmp_path: Path) -> None:
    config = SynthConfig(size=32, supersample=1, shadows=False, mix={"squat": 2.0})
    synthesize(tmp_path / "one", 3, 0, config)
    assert set(open_store(tmp_path / "one").rows["archetype"][:]) == {"squat"}
    assert rendered_with(tmp_path / "one").config == config


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data.curriculum.kind", "gaussian"], "needs a curriculum that follows the student"),
        (["--data.size", 32], "has images of 64 pixels, data.size is 32"),
        (["--data.closed_loop.budget", -1], "budget must be 0 or more"),
    ],
)
def test_bad_settings(
    options: list[object], said: str, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(fit_args("actupose", stores, tmp_path / "run", *LOOP, *options)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "lspet"}, "was not rendered by `actupose synth`"),
        ({"settings": {}}, "does not say how it was rendered; run the `actupose synth` that made it once more"),
        ({"recipe": {"items": NUM_SOURCE, "renderer": 0}}, "its settings render other images now"),
    ],
)
def test_a_source_that_cannot_be_rendered_more_of(
    change: dict[str, Any], said: str, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    source = tmp_path / "source"
    shutil.copytree(stores.source, source)
    write_meta(source, replace(open_store(source).meta, **change), num_shards=1, complete=True)
    assert run(fit_args("actupose", stores, tmp_path / "run", *LOOP, "--data.source", source)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

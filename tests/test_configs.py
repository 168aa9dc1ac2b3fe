"""Every task with every method in every profile is a training that parses and says what was meant."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from actupose.commands.training import ParsedTraining
from actupose.methods import METHODS
from actupose.views import AffineConfig
from tiny_stores import REPO_ROOT

CONFIGS = REPO_ROOT / "configs"
TASKS, ALL_METHODS = (sorted(f.stem for f in (CONFIGS / kind).glob("*.yaml")) for kind in ("tasks", "methods"))
SIZES = (None, "cpu", "gpu")


def parsed(*files: Path | None) -> Any:
    args = [part for file in files if file is not None for part in ("--config", str(file))]
    return ParsedTraining(args).config


def config(task: str, method: str, profile: str | None = None) -> Any:
    size = None if profile is None else CONFIGS / "profiles" / f"{profile}.yaml"
    return parsed(CONFIGS / "tasks" / f"{task}.yaml", CONFIGS / "methods" / f"{method}.yaml", size)


def rotation(config: Any) -> float:
    """Of the views; without a word of the config the default's."""
    return float((config.model.init_args.affine or AffineConfig()).rotation)


@pytest.mark.parametrize(("task", "method"), list(itertools.product(TASKS, ALL_METHODS)))
def test_every_combination_parses_and_no_file_undoes_another(task: str, method: str) -> None:
    alone = parsed(CONFIGS / "methods" / f"{method}.yaml")
    for profile in SIZES:
        whole = config(task, method, profile)
        hands = task in ("rhd_h3d", "synth_hand")
        assert whole.data.skeleton == whole.model.init_args.skeleton == ("hand21" if hands else "body16")
        assert rotation(whole) == (180 if hands else 60)
        assert whole.data.curriculum.floor == (0.3 if task.startswith("synth") else 0)
        assert whole.data.source is not None
        assert whole.data.target_test is not None
        assert whole.model.class_path == alone.model.class_path
        assert whole.data.curriculum.kind == alone.data.curriculum.kind
        assert profile == "cpu" or whole.model.init_args.schedule == alone.model.init_args.schedule
        assert whole.data.oracle is (method == "oracle")
        needs = next(
            m for m in METHODS.values() if m.__name__ == whole.model.class_path.rsplit(".", 1)[-1]
        ).needs_target
        assert not needs or whole.data.target is not None


@pytest.mark.parametrize("method", ALL_METHODS)
def test_the_gpu_profile_is_the_published_size_and_leaves_the_schedule(method: str) -> None:
    published, whole = config("surreal_lsp", method), config("surreal_lsp", method, "gpu")
    assert (whole.data.size, whole.data.loader.batch_size, whole.data.loader.iterations) == (256, 32, 500)
    assert whole.model.init_args.net.backbone == "resnet101"
    assert whole.trainer.max_epochs == published.trainer.max_epochs
    assert whole.model.init_args.schedule == published.model.init_args.schedule


def test_every_method_of_the_package_has_a_config() -> None:
    used = {config("synth_lspet", method).model.class_path.rsplit(".", 1)[-1] for method in ALL_METHODS}
    assert used == {method.__name__ for method in METHODS.values()}

"""One tiny finished run, made by the command line itself: the whole method on two stores of random pictures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from actupose.cli import main
from actupose.data.build import build_store
from actupose.data.store import StoreMeta
from actupose.skeletons import load_skeleton
from data.fakes import Rows

SIZE = 32


@dataclass(frozen=True)
class TinyRun:
    """Where the run is, and the configuration that made it."""

    folder: Path
    config: Path
    target: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    root = tmp_path_factory.mktemp("tiny")
    for name, count in (("source", 40), ("target", 24)):
        build_store(root / name, StoreMeta(load_skeleton("lsp14"), SIZE, name, {}), count, Rows())
    net = {"backbone": "test_efficientnet", "weights": "random", "head": "fpn", "width": 8}
    config = {
        "seed_everything": 7,
        "out": str(root / "run"),
        "trainer": {"max_epochs": 2, "accelerator": "cpu"},
        "data": {
            "source": str(root / "source"),
            "target": str(root / "target"),
            "target_test": str(root / "target"),
            "skeleton": "lsp14",
            "size": SIZE,
            "loader": {"batch_size": 4, "iterations": 2},
            "curriculum": {"n_bins": 4},
            "pose_vae": {"epochs": 2},
        },
        "model": {
            "class_path": "actupose.methods.ACTUPose",
            "init_args": {"net": net, "schedule": {"adapt_from": 1}},
        },
    }
    file = root / "tiny.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(["fit", "--config", str(file)]) == 0
    return TinyRun(root / "run", file, root / "target")

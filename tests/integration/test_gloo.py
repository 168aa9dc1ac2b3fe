"""Two gloo processes: equal weights and curriculum on both, and the draws of one process between them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from integration.processes import DDP, Seen, launch
from integration.runs import differing, fit_args, scores, weights
from tiny_stores import Stores


@pytest.fixture(scope="module")
def two(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Seen]]:
    folder = tmp_path_factory.mktemp("two")
    return folder / "run", launch(2, fit_args("actupose", stores, folder / "run", *DDP), folder)


def test_both_processes_end_with_the_same_parameters(two: tuple[Path, list[Seen]]) -> None:
    a, b = (rank["state"] for rank in two[1])
    names = two[1][0]["parameters"]
    assert any(name.startswith("teacher.net.head") for name in names)
    assert [name for name in names if not torch.equal(a[name], b[name])] == []
    assert bool(a["adapted"])


def test_both_processes_end_with_the_same_running_statistics(two: tuple[Path, list[Seen]]) -> None:
    """The student's and the teacher's: DDP sends process 0's round before each forward, the last validation's too."""
    out, (a, b) = two
    buffers = set(a["state"]) - set(a["parameters"])
    assert any(name.startswith("teacher") and name.endswith("running_mean") for name in buffers)
    assert [name for name in buffers if not torch.equal(a["state"][name], b["state"][name])] == []
    assert differing(weights(out), a["state"]) == []


def test_so_they_do_without_a_validation(stores: Stores, tmp_path: Path) -> None:
    """Training leaves each with its own last batch's then, and evaluation begins by sending round process 0's."""
    options = [*DDP, "--data.validation_share", 0, "--trainer.max_epochs", 2]
    a, b = (rank["state"] for rank in launch(2, fit_args("udape", stores, tmp_path / "run", *options), tmp_path))
    assert differing(a, b) == []
    assert differing(a, weights(tmp_path / "run")) == []


def test_so_they_do_where_a_method_takes_several_steps(stores: Stores, tmp_path: Path) -> None:
    """RegDA averages its gradients itself; the processes' batches differ, so unaveraged weights would too."""
    a, b = (rank["state"] for rank in launch(2, fit_args("regda", stores, tmp_path / "run", *DDP), tmp_path))
    assert any(name.startswith("adversary") for name in a)
    assert differing(a, b) == []
    assert differing(a, weights(tmp_path / "run")) == []


def test_so_they_do_with_a_discriminator(stores: Stores, tmp_path: Path) -> None:
    """HKFA: every parameter has a gradient in every step, in the warm-up too, as DDP asks."""
    options = [*DDP, "--trainer.max_epochs", 2]
    a, b = (rank["state"] for rank in launch(2, fit_args("hkfa", stores, tmp_path / "run", *options), tmp_path))
    assert bool(a["seen"].any())
    assert differing(a, b) == []


def test_both_processes_hold_the_same_curriculum(two: tuple[Path, list[Seen]]) -> None:
    a, b = two[1]
    assert torch.equal(a["score"], b["score"])
    saved = torch.load(two[0] / "checkpoints" / "last.ckpt", weights_only=True)["PoseDataModule"]["curriculum"]
    assert torch.equal(saved["score"], a["score"])
    changed = (saved["score"] != saved["score_vae"].double()).nonzero().flatten()
    drawn = {row for rank in (a, b) for step in rank["rows"] for row in step["source"]}
    assert set(changed.tolist()) == drawn  # of both processes


def test_the_run_is_written_once(two: tuple[Path, list[Seen]]) -> None:
    assert len((two[0] / "curriculum.jsonl").read_text("utf-8").splitlines()) == 3
    assert scores(two[0])["headline"] == "teacher"
    assert not list(two[0].rglob("*.tmp*"))


def test_the_draws_weave_into_those_of_one_process(
    two: tuple[Path, list[Seen]], stores: Stores, tmp_path: Path
) -> None:
    (one,) = launch(1, fit_args("actupose", stores, tmp_path / "run"), tmp_path)
    first = two[1]
    assert len(one["rows"]) == len(first[0]["rows"]) == 9
    for step, (alone, a, b) in enumerate(zip(one["rows"], first[0]["rows"], first[1]["rows"], strict=True)):
        domains = ["source", "target"] if step < 3 else ["target"]  # later scores come from other batches
        for name in domains:
            woven = [row for pair in zip(a[name], b[name], strict=True) for row in pair]
            assert woven == alone[name], (step, name)

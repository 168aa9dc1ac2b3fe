"""A batch shared by two processes, or by two batches that a step accumulates, teaches what it teaches one process.

BatchNorm stands still here: it is the one part that looks at the rest of its batch (`FrozenNorm`).
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from integration.processes import DDP, Seen, launch
from integration.runs import fit_args, metrics
from tiny_stores import Stores

# Adam divides by the size of a gradient; of one that is noise alone it would make a whole step. A larger eps does not.
PLAIN = ["--data.loader.batch_size", 8, "--model.schedule.eps", 1e-4, "--label_free.images", 0]
PLAIN += ["--data.curriculum.kind", "active"]
PER_IMAGE = ["--model.style.per", "image", "--model.teacher.block_ratio", 0.3]
# All pairs of a batch; EvalPose of limbs without length, which an untrained network has, makes much of any noise.
ALL_PAIRS = ["--model.skeleton_losses.gamma", 100, "--model.skeleton_losses.confidence", -10]
CROSS = ["--model.weights.cross_domain", 1, "--model.weights.evalpose", 0, *ALL_PAIRS]
LEVELS = ["--model.alignment.per_pixel", "false"]  # as large as the supervised loss, so that they are felt
GATED = [*PER_IMAGE, "--model.gating.enabled", "true"]
# RegDA takes the highest pixel of flat maps, which a rounding moves; two epochs end before one does.
SHORT = ["--trainer.max_epochs", 2]
FEW = ["--data.labelled_target.rows", "[3, 4, 11, 12]", "--data.labelled_target.batch_size", 4]
OPTIONS = {
    "source_only": [],
    "few": FEW,
    "udape": PER_IMAGE,
    "gated": GATED,
    "actupose": CROSS,
    "hkfa": LEVELS,
    "regda": SHORT,
}
OF = {"gated": "udape", "few": "source_only"}  # the method, where the name is another
ACCUMULATED = ["--data.loader.batch_size", 4, "--data.loader.iterations", 6, "--trainer.accumulate_grad_batches", 2]


def apart(a: Seen, b: Seen) -> float:
    """The largest difference of two trainings' weights, as a share of how far the first has moved its own."""

    def largest(x: dict[str, torch.Tensor], y: dict[str, torch.Tensor]) -> float:
        return max(float((x[name] - y[name]).abs().max()) for name in a["parameters"])

    return largest(a["state"], b["state"]) / largest(a["state"], a["before"])


def trained(world: int, method: str, stores: Stores, folder: Path, *options: object) -> list[Seen]:
    given = [*PLAIN, *OPTIONS[method], *(DDP if world == 2 else []), *options]
    if method == "few":
        given += ["--data.labelled_target.store", stores.target]
    ranks = launch(world, fit_args(OF.get(method, method), stores, folder / "run", *given), folder, frozen=True)
    return [rank | {"losses": losses(folder / "run")} for rank in ranks]


def losses(run: Path) -> list[dict[str, float]]:
    """What each epoch logs of its losses."""
    return [{k: float(v) for k, v in row.items() if k.startswith("train/") and v} for row in metrics(run)]


def woven(ranks: list[Seen], domain: str) -> list[list[int]]:
    """Each step's rows, those of the processes dealt back into one batch."""
    steps = zip(*(rank["rows"] for rank in ranks), strict=True)
    return [[row for rows in zip(*(own[domain] for own in step), strict=True) for row in rows] for step in steps]


@pytest.fixture(scope="module")
def alone(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Method -> what one process with the whole batch ends with."""
    folder = tmp_path_factory.mktemp("alone")
    return {method: trained(1, method, stores, folder / method)[0] for method in OPTIONS}


@pytest.mark.parametrize("method", OPTIONS)
def test_two_processes_learn_what_one_learns(
    method: str, alone: dict[str, Seen], stores: Stores, tmp_path: Path
) -> None:
    """Views, styles, quantiles, pairs, features, gate, teacher, curriculum, logs; what is left is the order of sums."""
    one, two = alone[method], trained(2, method, stores, tmp_path)
    for rank in two:
        assert apart(one, rank) < 1e-4
        torch.testing.assert_close(rank["score"], one["score"], rtol=1e-4, atol=0)
        torch.testing.assert_close(rank["losses"], one["losses"], rtol=1e-4, atol=1e-6)
    assert not torch.equal(one["score"], one["score_vae"].double())  # the student's peaks have had their say
    for domain in one["rows"][0]:
        assert woven(two, domain) == [step[domain] for step in one["rows"]]


@pytest.mark.parametrize(("method", "options"), [("source_only", []), ("udape", ["--model.teacher.mask_ratio", 0])])
def test_accumulated_batches_teach_what_the_whole_batch_teaches(
    method: str, options: list[object], stores: Stores, tmp_path: Path
) -> None:
    """Each step has one random stream, one move of the teacher and one count in the schedule.

    Peaks of a batch to come are not known, so the consistency mask's quantile is of each batch; here it keeps all.
    """
    (whole,) = trained(1, method, stores, tmp_path / "whole", *options)
    (parts,) = trained(1, method, stores, tmp_path / "parts", *options, *ACCUMULATED)
    assert parts["steps"] == whole["steps"] == 9
    assert len(parts["rows"]) == 2 * len(whole["rows"])
    assert apart(whole, parts) < 1e-4
    torch.testing.assert_close(parts["score"], whole["score"], rtol=1e-4, atol=0)


def test_both_at_once(alone: dict[str, Seen], stores: Stores, tmp_path: Path) -> None:
    two = trained(2, "source_only", stores, tmp_path, *ACCUMULATED)
    assert [apart(alone["source_only"], rank) < 1e-4 for rank in two] == [True, True]


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_a_run_continues_on_another_number_of_devices(
    first: int, then: int, alone: dict[str, Seen], stores: Stores, tmp_path: Path
) -> None:
    """Killed in its second epoch; the draws are those of the unbroken run, and so is what was learnt."""
    args = fit_args("udape", stores, tmp_path / "run", *PLAIN, *OPTIONS["udape"])
    of = {1: args, 2: [*args, *map(str, DDP)]}
    killed = [-signal.SIGKILL] * first
    launch(first, of[first], tmp_path / "first", ended=killed, frozen=True, killed_at=(1, 1))
    assert [int(row["epoch"]) for row in metrics(tmp_path / "run")] == [0]
    ranks = launch(then, of[then], tmp_path / "then", frozen=True)
    unbroken = alone["udape"]
    for rank in ranks:
        assert apart(unbroken, rank | {"before": unbroken["before"]}) < 1e-4
        assert rank["steps"] == unbroken["steps"]
        torch.testing.assert_close(rank["score"], unbroken["score"], rtol=1e-4, atol=0)
    assert woven(ranks, "source") == [step["source"] for step in unbroken["rows"][3:]]
    assert [int(row["epoch"]) for row in metrics(tmp_path / "run")] == [0, 1, 2]


def test_processes_that_score_poses_otherwise_hold_the_first_ones_curriculum(
    alone: dict[str, Seen], stores: Stores, tmp_path: Path
) -> None:
    """Another processor computes other last bits; here another seed of the Pose-VAE stands for it."""
    args = fit_args("source_only", stores, tmp_path / "run", *PLAIN, *DDP)
    a, b = launch(2, args, tmp_path, vae_seeds=(1, 0))
    assert torch.equal(a["score_vae"], b["score_vae"])
    assert torch.equal(a["score"], b["score"])
    assert not torch.equal(a["score_vae"], alone["source_only"]["score_vae"])  # of seed 0, as the second one's own

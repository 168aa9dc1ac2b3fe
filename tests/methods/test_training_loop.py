"""Methods inside a trainer: Eq. 8's sum, ablations that meet, the adaptation's start, the curriculum's feedback."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from actupose.curriculum import CurriculumConfig, CurriculumState, PoseVAEConfig
from actupose.data.datamodule import PoseDataModule
from actupose.data.loader_config import LoaderConfig
from actupose.engine.run_folder import RunFolder
from actupose.engine.training import train
from actupose.errors import UserError
from actupose.methods import (
    METHODS,
    UDAPE,
    ACTUPose,
    LossWeights,
    PoseMethod,
    ScheduleConfig,
    SkeletonLossConfig,
    SourceOnly,
    TeacherConfig,
)
from actupose.models import NetConfig, StyleConfig
from actupose.models.teacher import TeacherBN
from actupose.skeletons import load_skeleton
from methods.tiny import trainer_of
from tiny_stores import Stores

SCHEDULE = ScheduleConfig(lr=1e-3, milestones=(2,), adapt_from=1, ema_decay=0.9)
ALL_PAIRS = SkeletonLossConfig(confidence=-10.0, gamma=100.0)


def build(cls: type[PoseMethod], **options: Any) -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(net=NetConfig("test_efficientnet", "random", "fpn", 16), **{"schedule": SCHEDULE, **options})


def data_of(stores: Stores, kind: str = "none", **options: Any) -> PoseDataModule:
    given = {"source": stores.source, "target": stores.target, "size": 64, **options}
    return PoseDataModule(
        loader=LoaderConfig(batch_size=4, iterations=3),
        curriculum=CurriculumConfig(kind=kind, n_bins=5, floor=0.5, hard_bins=4),
        pose_vae=PoseVAEConfig(epochs=2, hidden=(8,), latent=2),
        **given,
    )


def trained(method: Any, data: PoseDataModule, out: Path, epochs: int = 3, callback: Any = None) -> Any:
    run = RunFolder(out)
    trainer = trainer_of(run, max_epochs=epochs, accelerator="cpu", enable_progress_bar=False)
    if callback is not None:
        trainer.callbacks.append(callback)  # type: ignore[attr-defined]
    run.claim(f"test: {type(method).__name__}\n")
    train(method, data, trainer, run)
    return method


def test_the_loss_is_the_weighted_sum_of_the_terms(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = LossWeights(supervised=2.0, consistency=3.0, evalpose=0.5, cross_domain=0.25)
    seen: list[tuple[dict[str, float], float]] = []
    losses, step = ACTUPose.losses, ACTUPose.training_step
    terms: dict[str, Tensor] = {}

    def keep(self: ACTUPose, batch: Any) -> dict[str, Tensor]:
        terms.clear()
        terms.update(losses(self, batch))
        return dict(terms)

    def total(self: ACTUPose, batch: Any, batch_idx: int) -> Tensor:
        value = step(self, batch, batch_idx)
        seen.append(({k: float(v.detach()) for k, v in terms.items()}, float(value.detach())))
        return value

    monkeypatch.setattr(ACTUPose, "losses", keep)
    monkeypatch.setattr(ACTUPose, "training_step", total)
    trained(build(ACTUPose, weights=weights, skeleton_losses=ALL_PAIRS), data_of(stores), tmp_path / "run")
    assert len(seen) == 9
    for step_number, (parts, value) in enumerate(seen):
        names = ["supervised"] if step_number < 3 else ["supervised", "consistency", "evalpose", "cross_domain"]
        assert list(parts) == names
        factors = {"supervised": 2.0, "consistency": 3.0, "evalpose": 0.5, "cross_domain": 0.25}
        assert value == pytest.approx(sum(factors[name] * parts[name] for name in names), rel=1e-5)
    assert all(seen[-1][0][name] != 0 for name in ("consistency", "evalpose", "cross_domain"))


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_actupose_without_its_losses_is_udape(weight: float, stores: Stores, tmp_path: Path) -> None:
    """Bit for bit where both weights are 0, and not where they are not: the comparison could fail."""
    base = trained(build(UDAPE), data_of(stores), tmp_path / "udape").state_dict()
    weights = LossWeights(evalpose=weight, cross_domain=weight)
    ours = build(ACTUPose, weights=weights, skeleton_losses=ALL_PAIRS)
    other = trained(ours, data_of(stores), tmp_path / "actupose").state_dict()
    equal = all(torch.equal(value, other[name]) for name, value in base.items())
    assert set(base) == set(other)
    assert equal is (weight == 0)


def test_weights_that_leave_nothing(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"all of supervised have weight 0; set model.init_args.weights.supervised"):
        trained(build(SourceOnly, weights=LossWeights(supervised=0)), data_of(stores), tmp_path / "run")


def test_udape_that_never_adapts_nor_restyles_is_source_only(stores: Stores, tmp_path: Path) -> None:
    late = ScheduleConfig(lr=1e-3, milestones=(2,), adapt_from=99)
    plain = trained(build(SourceOnly, schedule=late), data_of(stores, target=None), tmp_path / "a").student.state_dict()
    never = trained(build(UDAPE, schedule=late, style=StyleConfig(kind="none")), data_of(stores), tmp_path / "b")
    assert all(torch.equal(value, plain[name]) for name, value in never.student.state_dict().items())
    assert list(never.nets()) == ["student"]


class Watch(Callback):
    """Keeps teacher and student at the start of each epoch and the teacher after each step."""

    def __init__(self) -> None:
        self.starts: list[tuple[dict[str, Tensor], dict[str, Tensor], list[str]]] = []
        self.steps: list[tuple[int, dict[str, Tensor], dict[str, Tensor]]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if batch_idx == 0:
            self.starts.append((*self.states(pl_module), list(pl_module.nets())))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.steps.append((trainer.current_epoch, *self.states(pl_module)))

    @staticmethod
    def states(method: UDAPE) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        return copy.deepcopy(method.teacher.net.state_dict()), copy.deepcopy(method.student.state_dict())


def test_the_teacher_begins_as_the_student_of_that_moment(stores: Stores, tmp_path: Path) -> None:
    watch = Watch()
    trained(build(UDAPE, teacher=TeacherConfig(bn="copy")), data_of(stores), tmp_path / "run", callback=watch)
    started = [all(torch.equal(v, student[k]) for k, v in teacher.items()) for teacher, student, _ in watch.starts]
    assert started == [True, True, False]  # as made, as reset, then on its own way
    assert [nets for *_, nets in watch.starts] == [["student"], ["student", "teacher"], ["student", "teacher"]]
    first = watch.starts[0][0]
    assert all(torch.equal(v, first[k]) for epoch, teacher, _ in watch.steps if epoch == 0 for k, v in teacher.items())
    assert not all(torch.equal(v, first[k]) for k, v in watch.starts[1][0].items())


@pytest.mark.parametrize(("bn", "modes"), [("own", {True}), ("copy", {False}), ("ema", {False})])
def test_the_teachers_mode_lasts_through_a_training(
    bn: TeacherBN, modes: set[bool], stores: Stores, tmp_path: Path
) -> None:
    """Its pseudo-labels come from its own batches' statistics, or from the student's, in every step."""
    seen: set[bool] = set()

    class Mode(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
            seen.add(pl_module.teacher.net.training)

    trained(build(UDAPE, teacher=TeacherConfig(bn=bn)), data_of(stores), tmp_path / "run", callback=Mode())
    assert seen == modes


def test_the_teacher_follows_from_the_adaptation_on(stores: Stores, tmp_path: Path) -> None:
    watch = Watch()
    method = trained(build(UDAPE), data_of(stores), tmp_path / "run", callback=watch)
    names = [name for name, _ in method.student.named_parameters()]
    mean = {name: watch.starts[1][1][name] for name in names}
    students = [student for epoch, _, student in watch.steps if epoch >= 1]
    for student in students:
        mean = {name: 0.9 * mean[name] + 0.1 * student[name] for name in names}
    for name in names:
        torch.testing.assert_close(method.teacher.net.state_dict()[name], mean[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    # those drawn in the epoch: 12, each once; of the easiest bin alone, 8 of 38 samples in 5 bins
    ("kind", "changes"),
    [("active", 12), ("gaussian", 0), ("hard", 0), ("none", 0), ("baby_steps", 0), ("self_paced", 8)],
)
def test_confidence_feeds_the_curricula_that_change(kind: str, changes: int, stores: Stores, tmp_path: Path) -> None:
    data = data_of(stores, kind)
    method = trained(build(SourceOnly), data, tmp_path / "run", epochs=1)
    state = data.curriculum
    assert state is not None
    before = CurriculumState(state.score_vae, state.config, 1).score
    changed = (state.score != before).sum()
    assert int(changed) == changes
    assert int(method.confidence.count.sum()) == 0  # the next epoch counts anew


def test_the_papers_exact_counts_train(stores: Stores, tmp_path: Path) -> None:
    """Eq. 3's counts as written: an epoch's last batch may be short."""
    data = data_of(stores)
    data.source_curriculum.config = CurriculumConfig(kind="gaussian", n_bins=5, sigma=0.4, exact=True)
    data.loader = LoaderConfig(batch_size=4, iterations=8)
    sizes: list[tuple[int, int]] = []

    class Sizes(Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
            sizes.append((len(batch["source"].row), len(batch["target"].row)))

    trained(build(ACTUPose), data, tmp_path / "run", callback=Sizes())
    assert any(source < target for source, target in sizes)


def test_what_a_method_says_of_its_data(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"UDAPE needs unlabelled target images; set data.target"):
        trained(build(UDAPE), data_of(stores, target=None), tmp_path / "a")
    with pytest.raises(UserError, match=r"skeleton is 'lsp14', the model's 'body16'"):
        trained(build(SourceOnly), data_of(stores, skeleton="lsp14"), tmp_path / "b")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_any_skeleton(name: str, stores: Stores, tmp_path: Path) -> None:
    as_loaded = load_skeleton("coco17").to_dict()  # plain data, as a checkpoint has it
    method = build(METHODS[name], skeleton=as_loaded if name == "actupose" else "coco17")
    trained(method, data_of(stores, skeleton="coco17"), tmp_path / "run", epochs=2)
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["actupose"]["skeleton"]["name"] == "coco17"
    assert checkpoint["actupose"]["net"]["backbone"] == "test_efficientnet"
    assert checkpoint["actupose"]["method"] == METHODS[name].__name__

"""The datamodule: splits, draws by rank, the curriculum's life through a checkpoint, and what bad input says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from actupose.curriculum import CurriculumConfig, PoseVAEConfig
from actupose.curriculum import source as source_curriculum
from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.data.build import ShardResult, build_store
from actupose.data.datamodule import PoseDataModule
from actupose.data.loader_config import LoaderConfig
from actupose.data.store import StoreMeta
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("datamodule")
    for name, count in (("source", 40), ("target", 15)):
        build_store(root / name, StoreMeta(load_skeleton("lsp14"), 32, name, {}), count, Rows())
    return root


def make(stores: Path, kind: str = "gaussian", **options: Any) -> PoseDataModule:
    given = {
        "source": stores / "source",
        "target": stores / "target",
        "size": 32,
        "loader": LoaderConfig(batch_size=4, iterations=3),
        "curriculum": CurriculumConfig(kind=kind, n_bins=5),
        "pose_vae": PoseVAEConfig(epochs=2, hidden=(8,), latent=2),
        "validation_share": 0.1,
        **options,
    }
    return PoseDataModule(**given)


def attach(data: PoseDataModule, epoch: int = 0, rank: int = 0, world: int = 1) -> PoseDataModule:
    done = SimpleNamespace(epoch_progress=SimpleNamespace(current=SimpleNamespace(processed=epoch)))
    stale = max(epoch - 1, 0)  # as Lightning has it while it restores
    strategy = SimpleNamespace(root_device=torch.device("cpu"), broadcast=lambda held: held)
    place = {"global_rank": rank, "world_size": world, "num_devices": world, "strategy": strategy}
    trainer = SimpleNamespace(max_epochs=4, current_epoch=stale, fit_loop=done, **place)
    data.trainer = trainer  # type: ignore[assignment]
    data.setup("fit")
    return data


def rows(data: PoseDataModule) -> dict[str, list[list[int]]]:
    """Rows of each step of one epoch, by domain."""
    loader = data.train_dataloader()
    iter(loader)
    steps = [batch for batch, *_ in loader]
    return {name: [step[name].row.tolist() for step in steps] for name in steps[0]}


def test_a_step_has_a_labelled_and_an_unlabelled_batch(stores: Path) -> None:
    loader = attach(make(stores)).train_dataloader()
    iter(loader)
    steps = [batch for batch, *_ in loader]
    assert len(steps) == 3
    for step in steps:
        assert isinstance(step["source"], LabeledBatch)
        assert isinstance(step["target"], UnlabeledBatch)
        assert len(step["source"].image) == len(step["target"].image) == 4


def test_without_a_target_there_is_none(stores: Path) -> None:
    assert set(rows(attach(make(stores, target=None)))) == {"source"}


def test_the_split_partitions_the_source_and_depends_on_the_seed(stores: Path) -> None:
    def names(seed: int) -> tuple[set[str], set[str]]:
        sets = attach(make(stores, seed=seed)).sets
        assert sets.validation is not None
        held, kept = (set(s._images[:]["name"].to_pylist()) for s in (sets.validation, sets.source))
        return held, kept

    held, kept = names(0)
    assert (len(held), len(kept)) == (4, 36)
    assert held | kept == {f"item {i}" for i in range(40)}
    assert names(0)[0] == held != names(1)[0]


def test_nothing_is_held_out_on_request(stores: Path) -> None:
    data = attach(make(stores, validation_share=0.0))
    assert len(data.sets.source) == 40
    assert data.val_dataloader() == []


@pytest.mark.parametrize("world", [2, 4])
def test_the_ranks_weave_into_the_draw_of_one_process(stores: Path, world: int) -> None:
    for epoch in (0, 2):
        alone = rows(attach(make(stores), epoch))
        ranks = [rows(attach(make(stores), epoch, rank, world)) for rank in range(world)]
        for name in ("source", "target"):
            one = [row for step in alone[name] for row in step]
            stripes = [[row for step in rank[name] for row in step] for rank in ranks]
            assert [stripes[i % world][i // world] for i in range(len(one))] == one
            assert all(len(step) == 4 // world for rank in ranks for step in rank[name])


def test_the_epoch_of_the_trainer_counts_and_the_length_does_not_change(stores: Path) -> None:
    drawn = [rows(attach(make(stores), epoch)) for epoch in range(4)]
    assert all(len(d["source"]) == len(d["target"]) == 3 for d in drawn)
    assert len({str(d["source"]) for d in drawn}) == len({str(d["target"]) for d in drawn}) == 4
    used = [row for d in drawn for step in d["target"] for row in step]
    assert np.ptp(np.bincount(used, minlength=15)) <= 1


def test_a_batch_that_does_not_divide_among_the_processes(stores: Path) -> None:
    with pytest.raises(UserError, match=r"batch_size 4 does not divide among 3 processes; use a multiple of 3"):
        attach(make(stores), world=3).train_dataloader()


def refuse(*_: object) -> None:
    raise AssertionError("the Pose-VAE was fitted again")


@pytest.mark.parametrize("kind", ["active", "gaussian", "none"])
def test_a_restored_module_draws_the_same_and_fits_nothing(
    stores: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = attach(make(stores, kind, target_test=stores / "target"))
    first.build_curriculum(4).update(torch.rand(36, generator=torch.Generator().manual_seed(0)), torch.ones(36))
    state = first.state_dict()
    assert set(state) == {"curriculum", "pose_vae", "taught"}
    monkeypatch.setattr(source_curriculum, "fit_pose_vae", refuse)
    second = make(stores, kind, target_test=stores / "target")
    second.load_state_dict(state)
    attach(second, epoch=2)
    attach(first, epoch=2)
    assert rows(second) == rows(first)
    again = second.state_dict()  # what the next checkpoint of the resumed run holds
    assert set(again) == {"curriculum", "pose_vae", "taught"}
    assert torch.equal(again["curriculum"]["score"], state["curriculum"]["score"])
    assert all(torch.equal(v, state["pose_vae"][k]) for k, v in again["pose_vae"].items())


@pytest.mark.parametrize("kind", ["active", "none"])
def test_the_test_poses_have_bins_whatever_the_curriculum(stores: Path, kind: str) -> None:
    data = attach(make(stores, kind, target_test=stores / "target"))
    data.train_dataloader()
    data.setup("test")
    with torch.no_grad():  # as in a test loop
        bins = data.test_bins()
    assert bins is not None
    assert bins[1] == 5
    assert torch.bincount(bins[0]).tolist() == [3, 3, 3, 3, 3]
    later = make(stores, kind, source=None, target=None, target_test=stores / "target")
    later.load_state_dict(data.state_dict())
    later.setup("test")
    assert torch.equal(later.test_bins()[0], bins[0])  # type: ignore[index]


def test_no_bins_without_a_pose_vae(stores: Path) -> None:
    data = make(stores, target_test=stores / "target")
    data.setup("test")
    assert data.test_bins() is None


def test_evaluation_sees_every_sample_once(stores: Path) -> None:
    data = attach(make(stores, target_test=stores / "target"))
    data.setup("test")
    assert torch.cat([b.row for b in data.test_dataloader()]).tolist() == list(range(15))
    (held,) = data.val_dataloader()
    assert torch.cat([b.row for b in held]).tolist() == list(range(4))
    assert data.num_test_keypoints == int((data.test_set.visible > 0).sum()) > 0


def test_no_curriculum_scores_nothing(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_curriculum, "fit_pose_vae", refuse)
    data = attach(make(stores, "none"))
    assert not data.build_curriculum(4).score.any()
    assert set(data.state_dict()) == {"curriculum", "taught"}


def half(items: range) -> ShardResult:
    """Rows without any label of the first seven joints."""
    made = Rows()(items)
    for one in made.rows:
        one.visible[:7] = 0
        one.visible[7:] = 2
    return made


def test_what_the_source_never_taught_is_not_scored(stores: Path, tmp_path: Path) -> None:
    build_store(tmp_path / "half", StoreMeta(load_skeleton("lsp14"), 32, "half", {}), 40, half)
    first = attach(make(stores, "none", source=tmp_path / "half", target_test=stores / "target", skeleton="lsp14"))
    first.setup("test")
    alone = make(stores, "none", source=None, target_test=stores / "target", skeleton="lsp14")
    alone.setup("test")
    labelled = alone.test_set.visible.bool().any(0)
    assert labelled.all(), "without a training nothing is masked"
    alone.load_state_dict(first.state_dict())  # Lightning restores after it has set up
    for data in (first, alone):
        assert not data.test_set.visible[:, :7].any()
        assert data.test_set.visible[:, 7:].any(0).all()


def test_a_map_file_renames_the_stores_keypoints(stores: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("map: {head_top: nose, neck: left_eye}", encoding="utf-8")
    data = attach(make(stores, "none", skeleton="coco17", keypoint_map=path))
    plain = attach(make(stores, "none", skeleton="coco17"))
    coco, lsp = load_skeleton("coco17"), attach(make(stores, "none", skeleton="lsp14"))
    for old, new in (("head_top", "nose"), ("neck", "left_eye"), ("left_knee", "left_knee")):
        there, here = load_skeleton("lsp14").keypoints.index(old), coco.keypoints.index(new)
        assert torch.equal(data.sets.source.keypoints[:, here], lsp.sets.source.keypoints[:, there])
        assert data.sets.source.visible[:, here].any()
        assert bool(plain.sets.source.visible[:, here].any()) is (old == new)
    assert "head_top -> nose" in data.mapping_text()
    assert "masked: right_eye, left_ear, right_ear" in data.mapping_text()
    assert lsp.mapping_text() == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map: {hed_top: nose}", "names 'hed_top', no keypoint of the data.*did you mean 'head_top'"),
        ("map: {head_top: nase}", "sends 'head_top' to 'nase', no keypoint of 'coco17'.*did you mean 'nose'"),
    ],
)
def test_a_map_of_names_that_do_not_exist(stores: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        make(stores, "none", skeleton="coco17", keypoint_map=path).setup("fit")


def test_what_bad_input_says(stores: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.source is not set"):
        make(stores, source=None).setup("fit")
    with pytest.raises(UserError, match=r"data.size is 50; it must be a multiple of 32"):
        make(stores, size=50)
    with pytest.raises(UserError, match=r"data.target_test is not set"):
        make(stores).setup("test")
    with pytest.raises(UserError, match=r"nothing: no such folder"):
        make(stores, target=tmp_path / "nothing").setup("fit")
    with pytest.raises(UserError, match=r"n_bins is 50 but there are 36 samples"):
        attach(make(stores, curriculum=CurriculumConfig(kind="gaussian", n_bins=50))).build_curriculum(4)
    with pytest.raises(RuntimeError, match="comes first"):
        _ = make(stores).sets
    with pytest.raises(RuntimeError, match="comes first"):
        _ = make(stores).test_set


def test_the_record_names_the_data(stores: Path) -> None:
    data = make(stores)
    assert set(data.fingerprints()) == {"source", "target"}
    assert data.describe()["loader"]["batch_size"] == 4

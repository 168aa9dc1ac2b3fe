import io
import math
import warnings
from typing import Any

import pytest
import torch

from actupose.curriculum import KINDS, CurriculumConfig, CurriculumState, assign_bins
from actupose.errors import UserError


def _scores(num: int = 500) -> torch.Tensor:
    return torch.rand(num, generator=torch.Generator().manual_seed(1)) + 0.05


def _state(num: int = 500, **options: Any) -> CurriculumState:
    return CurriculumState(_scores(num), CurriculumConfig(**options), epochs=20, seed=4)


def test_draw_depends_on_seed_epoch_and_scores_alone() -> None:
    one, two = _state(), _state()
    two.draw(9, 70)  # what was drawn before does not matter
    torch.rand(3)
    assert torch.equal(one.draw(3, 100), two.draw(3, 100))
    assert not torch.equal(one.draw(3, 100), one.draw(4, 100))
    uniform = _state(kind="none")  # same shares, other samples
    assert not torch.equal(uniform.draw(3, 100).sort().values, uniform.draw(4, 100).sort().values)
    other_seed = CurriculumState(_scores(), CurriculumConfig(), epochs=20, seed=5)
    assert not torch.equal(one.draw(3, 100), other_seed.draw(3, 100))


@pytest.mark.parametrize("kind", [*KINDS])
def test_every_kind_draws_the_asked_number_from_the_bins_it_planned(kind: str) -> None:
    state = _state(kind=kind)
    for epoch in (0, 10, 19):
        drawn = state.draw(epoch, 20)
        assert drawn.shape == (20,)
        assert drawn.dtype == torch.int64
        assert torch.equal(torch.bincount(state.bin_of[drawn], minlength=25), state.counts(epoch, 20))


def test_none_is_uniform_over_all_samples() -> None:
    state = CurriculumState(torch.zeros(10), CurriculumConfig(kind="none"), epochs=5)
    assert sorted(state.draw(2, 10).tolist()) == list(range(10))
    assert _state(kind="none").stats(19, 100)["drawn"] == [4.0] * 25


def test_hard_draws_the_hardest_bins_in_every_epoch() -> None:
    state = _state(kind="hard", hard_bins=8)
    hardest = set(torch.argsort(_scores())[-160:].tolist())  # 8 bins of 20
    for epoch in (0, 19):
        drawn = state.draw(epoch, 160).tolist()
        assert set(drawn) == hardest


def test_gaussian_climbs_from_easy_to_hard() -> None:
    state = _state(kind="gaussian")
    means = [float(_scores()[state.draw(epoch, 20)].mean()) for epoch in (0, 3, 6, 9, 12)]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


def test_baby_steps_adds_bins_from_the_easy_end() -> None:
    state = _state(kind="baby_steps")  # 500 samples, 25 bins of 20, 20 epochs: epoch e has bins 0 to 2.5 e
    ranked = torch.argsort(_scores()).tolist()
    for epoch, bins in ((0, 1), (1, 3), (4, 11), (9, 23), (10, 25), (19, 25)):
        drawn = state.draw(epoch, 20 * bins).tolist()
        assert sorted(drawn) == sorted(ranked[: 20 * bins])
        assert state.stats(epoch)["effective_bins"] == pytest.approx(bins)


def test_self_paced_keeps_those_with_the_least_loss_by_a_plain_sort() -> None:
    state = _state(kind="self_paced")
    vae = _scores().tolist()
    loss: dict[int, float] = {}
    for epoch, bins in ((0, 1), (1, 3), (2, 6), (3, 8), (10, 25)):
        # those with a loss by it, then the others by their pose
        order = sorted(range(500), key=lambda i: (0, loss[i]) if i in loss else (1, vae[i]))
        drawn = state.draw(epoch, 20 * bins).tolist()
        assert sorted(drawn) == sorted(order[: 20 * bins])
        peak = torch.rand(500, generator=torch.Generator().manual_seed(epoch)) * 0.9 + 0.06
        seen = torch.zeros(500)
        seen[drawn] = 2.0  # twice each
        loss |= {i: 1 - float(peak[i]) for i in drawn}
        state.update(peak * seen, seen)


def test_exact_draws_the_papers_counts() -> None:
    state = _state(kind="gaussian", exact=True)
    means = [float(state.score[state.bin_of == j].mean()) for j in range(25)]
    peak = means[10]  # 2 * 25 * 4 / 20
    expected = [round(math.exp(-((s - peak) ** 2) / (2 * (0.25 * s) ** 2)) * 500 / 25) for s in means]
    drawn = state.draw(4, num_samples=7)
    assert torch.bincount(state.bin_of[drawn], minlength=25).tolist() == expected
    assert len(set(drawn.tolist())) == sum(expected)


def test_update_reweights_seen_samples_and_keeps_the_rest() -> None:
    state = CurriculumState(torch.tensor([0.1, 0.2, 0.3, 0.4]), CurriculumConfig(n_bins=2), epochs=4)
    state.update(total=torch.tensor([0.2, 0.0, 1.8, torch.nan]), count=torch.tensor([1.0, 0.0, 2.0, 1.0]))
    assert state.score.tolist() == pytest.approx([0.1 / 0.2, 0.2, 0.3 / 0.9, 0.4])
    assert state.bin_of.tolist() == [1, 0, 0, 1]
    assert state.bin_means.tolist() == pytest.approx([(0.2 + 0.3 / 0.9) / 2, (0.5 + 0.4) / 2])


def test_a_sample_the_student_is_unsure_of_moves_to_a_harder_bin() -> None:
    state = _state()
    easy = int((state.bin_of == 2).nonzero()[0])
    total = torch.full((500,), 0.9)
    total[easy] = 0.1
    state.update(total, torch.ones(500))
    assert int(state.bin_of[easy]) > 10
    assert torch.equal(state.bin_of, assign_bins(state.score, 25)[1])


def test_unseen_samples_keep_their_last_score_over_epochs() -> None:
    state = CurriculumState(torch.tensor([1.0, 2.0]), CurriculumConfig(n_bins=1), epochs=4)
    state.update(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 1.0]))
    state.update(torch.tensor([0.0, 0.8]), torch.tensor([0.0, 1.0]))
    assert state.score.tolist() == pytest.approx([1 / 0.5, 2 / 0.8])  # not compounding: from the VAE's score


def test_compound_weights_the_last_score() -> None:
    state = CurriculumState(torch.tensor([1.0, 2.0]), CurriculumConfig(n_bins=1, compound=True), epochs=4)
    state.update(torch.tensor([0.5, 0.5]), torch.ones(2))
    state.update(torch.tensor([0.25, 0.8]), torch.ones(2))
    assert state.score.tolist() == pytest.approx([1 / 0.5 / 0.25, 2 / 0.5 / 0.8])
    for _ in range(400):
        state.update(torch.zeros(2), torch.ones(2))
    assert torch.isfinite(state.score).all()
    assert torch.isfinite(state.shares(3)).all()


@pytest.mark.parametrize("kind", ["none", "gaussian", "hard", "baby_steps"])
def test_kinds_without_feedback_do_not_move(kind: str) -> None:
    state = _state(kind=kind)
    before = state.score.clone(), state.bin_of.clone()
    state.update(torch.rand(500), torch.ones(500))
    assert torch.equal(state.score, before[0])
    assert torch.equal(state.bin_of, before[1])


def test_restored_state_continues_as_the_unbroken_one() -> None:
    unbroken = _state()
    for epoch in range(3):
        unbroken.update(torch.rand(500, generator=torch.Generator().manual_seed(epoch)), torch.ones(500))
    file = io.BytesIO()
    torch.save(unbroken.state_dict(), file)
    file.seek(0)
    resumed = CurriculumState(torch.zeros(500), CurriculumConfig(), epochs=20, seed=99)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for epoch in range(3, 6):
        assert torch.equal(unbroken.draw(epoch, 80), resumed.draw(epoch, 80))
        total = torch.rand(500, generator=torch.Generator().manual_seed(epoch))
        unbroken.update(total, torch.ones(500))
        resumed.update(total, torch.ones(500))
    assert torch.equal(unbroken.score, resumed.score)


def test_saved_state_is_a_snapshot() -> None:
    state = _state()
    saved = state.state_dict()
    before = saved["score"].clone()
    state.update(torch.full((500,), 0.1), torch.ones(500))
    assert torch.equal(saved["score"], before)


def test_state_of_another_source_is_refused() -> None:
    with pytest.raises(UserError, match="500 samples"):
        _state(num=400).load_state_dict(_state().state_dict())


def test_stats_agree_with_the_draw() -> None:
    state = _state(kind="gaussian")
    drawn = state.draw(4, 120)
    stats = state.stats(4)
    assert stats["num_drawn"] == 120
    assert stats["drawn"] == torch.bincount(state.bin_of[drawn], minlength=25).double().tolist()
    assert sum(stats["planned"]) == pytest.approx(120)
    assert max(abs(a - b) for a, b in zip(stats["planned"], stats["drawn"], strict=True)) < 1
    assert stats["unique_share"] == pytest.approx(len(set(drawn.tolist())) / 120)
    assert stats["peak_bin"] == 10
    assert 1 < stats["effective_bins"] < 25
    assert all(isinstance(v, float) for key in ("planned", "drawn", "bin_means") for v in stats[key])


def test_repeats_are_counted_and_warned_of_once() -> None:
    state = _state(kind="gaussian")
    with pytest.warns(UserWarning, match="epoch 19 repeats"):
        drawn = state.draw(19, 400)
    stats = state.stats(19)
    assert stats["unique_share"] == pytest.approx(len(set(drawn.tolist())) / 400)
    assert stats["unique_share"] < 1
    assert stats["repeats"] == 400 - len(set(drawn.tolist()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state.draw(19, 400)


def test_floor_spreads_the_last_epochs() -> None:
    paper, floored = _state(kind="gaussian"), _state(kind="gaussian", floor=0.2)
    assert floored.stats(19, 60)["effective_bins"] > paper.stats(19, 60)["effective_bins"] + 1
    assert min(floored.stats(19, 60)["drawn"]) >= 1


def test_memory_is_linear_and_small() -> None:
    state = _state(num=1000)
    held = sum(v.nbytes for v in vars(state).values() if isinstance(v, torch.Tensor))
    assert held <= 1000 * 14 + 1000  # 6 million samples: 84 MB
    saved = sum(v.nbytes for v in state.state_dict().values() if isinstance(v, torch.Tensor))
    assert saved <= 1000 * 16


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "steep"},
        {"n_bins": 0},
        {"pace": 0.0},
        {"sigma": -1.0},
        {"floor": 1.5},
        {"kind": "hard", "hard_bins": 26},
    ],
)
def test_config_out_of_range_is_a_user_error(bad: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="curriculum"):
        CurriculumConfig(**bad)


def test_bad_scores_are_user_errors() -> None:
    with pytest.raises(UserError, match="n_bins"):
        CurriculumState(torch.rand(10), CurriculumConfig(), epochs=5)
    with pytest.raises(UserError, match="NaN"):
        CurriculumState(torch.full((30,), torch.nan), CurriculumConfig(), epochs=5)
    with pytest.raises(ValueError, match="expected"):
        _state().update(torch.zeros(3), torch.zeros(3))

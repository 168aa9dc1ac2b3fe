"""What the closed loop asks for, from states made by hand."""

from __future__ import annotations

import pytest
import torch

from actupose.curriculum import ClosedLoopConfig, CurriculumConfig, CurriculumState, archetype_shares
from actupose.errors import UserError

KINDS = ("stand", "sit", "jump")


def _state(**options: int) -> CurriculumState:
    """Nine samples in three bins, in the order of their scores."""
    return CurriculumState(torch.arange(1.0, 10.0), CurriculumConfig(n_bins=3, **options), epochs=10)


def test_shares_are_those_computed_by_hand() -> None:
    names = ["stand", "stand", "stand", "stand", "sit", "sit", "jump", "jump", "jump"]
    difficulty = {"stand": (1 + 1 + 1 + 2) / 12, "sit": 2 / 3, "jump": 1.0}
    total = sum(d**2 for d in difficulty.values())
    shares = archetype_shares(_state(), names, KINDS, temperature=0.5)
    assert shares == pytest.approx({name: d**2 / total for name, d in difficulty.items()}, abs=1e-6)


def test_the_student_decides_what_is_hard() -> None:
    """A kind that the Pose-VAE finds easy and the student cannot do gets more than before, and than the others."""
    names = ["stand"] * 3 + ["sit"] * 3 + ["jump"] * 3
    state = _state()
    before = archetype_shares(state, names, KINDS, 0.5)
    state.update(torch.tensor([0.01] * 3 + [0.9] * 6), torch.ones(9))
    after = archetype_shares(state, names, KINDS, 0.5)
    assert before["stand"] < before["sit"] < before["jump"]
    assert after["stand"] > max(after["sit"], after["jump"], before["stand"])


def test_temperature_goes_from_the_hardest_alone_to_all_alike() -> None:
    names = ["stand"] * 3 + ["sit"] * 3 + ["jump"] * 3
    assert archetype_shares(_state(), names, KINDS, 0.01)["jump"] > 0.999
    assert all(s == pytest.approx(1 / 3, abs=1e-3) for s in archetype_shares(_state(), names, KINDS, 1e4).values())


def test_a_kind_without_samples_is_of_mean_difficulty_and_unknown_names_take_no_part() -> None:
    names = ["stand"] * 3 + ["a recording"] * 3 + ["jump"] * 3
    shares = archetype_shares(_state(), names, KINDS, 1.0)
    assert shares["sit"] / shares["jump"] == pytest.approx(2 / 3, abs=1e-4)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


def test_when_it_is_due() -> None:
    config = ClosedLoopConfig(budget=5, from_epoch=2, every=3)
    assert [done for done in range(1, 12) if config.is_due(done, 11)] == [2, 5, 8]
    assert not any(ClosedLoopConfig().is_due(done, 11) for done in range(1, 12))


@pytest.mark.parametrize("wrong", [{"budget": -1}, {"every": 0}, {"from_epoch": 0}, {"archetype_temperature": 0.0}])
def test_bad_values(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        ClosedLoopConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["active", "self_paced"])
def test_a_grown_state_keeps_what_it_knew_and_counts_the_new_as_unseen(kind: str) -> None:
    state = CurriculumState(torch.arange(1.0, 10.0), CurriculumConfig(n_bins=3, kind=kind), epochs=10)
    state.update(torch.full((9,), 0.5), torch.ones(9))
    old, new = state.score.clone(), torch.tensor([0.5, 20.0, 4.0])
    state.grow(new)
    fresh = CurriculumState(torch.cat([torch.arange(1.0, 10.0), new]), CurriculumConfig(n_bins=3, kind=kind), 10)
    assert torch.equal(state.score[:9], old)
    assert torch.equal(state.score[9:], fresh.score[9:])
    assert torch.bincount(state.bin_of).tolist() == [4, 4, 4]
    assert state.draw(3, 50).max() > 8 or state.draw(9, 50).max() > 8

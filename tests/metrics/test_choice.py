"""The choice of a checkpoint by ranks."""

from __future__ import annotations

import math

import pytest

from actupose.metrics import BLEND, CHOICE, VALIDATORS, blend_of_ranks, chosen_epochs


def records(**columns: list[float]) -> list[dict[str, float]]:
    length = len(next(iter(columns.values())))
    return [{"epoch": e, **{k: v[e] for k, v in columns.items()}} for e in range(length)]


def test_the_blend_is_made_of_validators() -> None:
    assert set(BLEND) | set(CHOICE) <= set(VALIDATORS)
    assert set(VALIDATORS.values()) == {1, -1}


def test_blend_by_hand() -> None:
    rows = records(flip=[1.0, 3.0, 2.0], entropy=[0.5, 0.5, 0.1])
    # ranks of flip: 0, 2, 1; of entropy, lower is better: 0.5, 0.5, 2
    assert blend_of_ranks(rows, ["flip", "entropy"]) == pytest.approx([0.125, 0.625, 0.75])


def test_only_ranks_count() -> None:
    rows = records(flip=[1.0, 3.0, 2.0, 9.0])
    grown = records(flip=[math.exp(v) for v in (1.0, 3.0, 2.0, 9.0)])
    assert blend_of_ranks(rows, ["flip"]) == blend_of_ranks(grown, ["flip"]) == pytest.approx([0, 2 / 3, 1 / 3, 1])


def test_a_validator_that_an_epoch_lacks_is_left_out() -> None:
    rows = records(flip=[1.0, 2.0], peak=[2.0, 1.0])
    del rows[0]["peak"]
    assert blend_of_ranks(rows, ["flip", "peak"]) == [0, 1]
    assert blend_of_ranks(rows, ["snd"]) == [0.5, 0.5]
    assert blend_of_ranks(rows[:1], ["flip"]) == [0.5]


def test_a_kept_epoch_stays_until_a_better_one_comes() -> None:
    rows = records(flip=[1.0, 3.0, 2.0, 3.0, 4.0])
    assert chosen_epochs(rows, ["flip"]) == [0, 1, 1, 1, 4]
    assert chosen_epochs([], ["flip"]) == []


def test_without_the_two_that_choose_the_verdicts_validators_do() -> None:
    assert chosen_epochs(records(flip=[1.0, 3.0], limbs=[2.0, 1.0]))[-1] == 1
    assert chosen_epochs(records(source_pck=[3.0, 1.0], agreement=[1.0, 2.0]))[-1] == 0
    assert chosen_epochs(records(agreement=[1.0, 2.0], pose_vae=[1.0, 3.0]))[-1] == 1


def test_the_choice_of_an_epoch_does_not_know_later_ones() -> None:
    rows = records(flip=[4.0, 1.0, 5.0, 2.0], limbs=[1.0, 2.0, 2.0, 7.0])
    whole = chosen_epochs(rows, ["flip", "limbs"])
    assert [chosen_epochs(rows[: n + 1], ["flip", "limbs"])[-1] for n in range(4)] == whole

"""The verdict on an adaptation: its statistics, and what it reads from run folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap

from actupose.engine.run_folder import RunFolder, write_epoch_line
from actupose.engine.validators import write_arrays_atomically
from actupose.engine.verdict import adaptation_verdict, compare_runs, judge
from actupose.errors import UserError
from actupose.metrics import BLEND

RNG = np.random.default_rng(0)
Images = dict[str, np.ndarray]


def images(n: int = 100, **gains: float) -> Images:
    """Values of all blended validators around 50, and shifted ones."""
    return {name: 50 + gains.get(name, 0.0) + RNG.normal(0, 10, n) for name in BLEND}


def everywhere(gain: float) -> dict[str, float]:
    return dict.fromkeys(BLEND, gain)


def write_run(folder: Path, epochs: list[Images], target: str = "abc") -> Path:
    run = RunFolder(folder)
    folder.mkdir()
    for epoch, values in enumerate(epochs):
        write_arrays_atomically(run.validator_images(epoch), values)
        write_epoch_line(run.validators, {"epoch": epoch, "net": "student", "source_pck": 40.0 + epoch})
    (folder / "run.json").write_text(json.dumps({"fingerprints": {"target": target}}), encoding="utf-8")
    return folder


def test_a_clear_change_is_told_and_noise_is_not() -> None:
    base = images()
    assert judge(base, images(**everywhere(8))).answer == "better"
    assert judge(base, images(**everywhere(-8))).answer == "worse"
    assert judge(base, base).answer == "unsure"


def test_noise_is_called_better_or_worse_about_as_rarely_as_promised() -> None:
    answers = [judge(images(), images()).answer for _ in range(100)]
    assert answers.count("unsure") >= 88


def test_fewer_images_make_the_same_gain_unsure() -> None:
    many, few = ({name: RNG.normal(0, 10, n) for name in BLEND} for n in (400, 12))
    moved = [{k: v + RNG.normal(1.5, 10, len(v)) for k, v in side.items()} for side in (many, few)]
    assert judge(many, moved[0]).answer == "better"
    assert judge(few, moved[1]).answer == "unsure"
    assert judge({k: v[:9] for k, v in many.items()}, {k: v[:9] + 90 for k, v in many.items()}).answer == "unsure"


def test_validators_that_contradict_each_other_are_unsure() -> None:
    base = images()
    after = {name: values + (-30 if name == BLEND[-1] else 30) for name, values in base.items()}
    verdict = judge(base, after)
    assert verdict.blend.answer == "better"
    assert verdict.answer == "unsure"


def test_a_gain_that_costs_source_pck_is_unsure() -> None:
    base = images()
    after = {name: values + 30 for name, values in base.items()}
    assert judge(base, after, source_pck=(50.0, 50.0)).answer == "better"
    fallen = judge(base, after, source_pck=(50.0, 49.0))
    assert fallen.answer == "unsure"
    assert "fell: no better" in fallen.lines()[-1]
    assert judge(after, base, source_pck=(49.0, 50.0)).answer == "worse"


def test_a_falling_entropy_is_better_and_is_not_counted() -> None:
    base = images()
    verdict = judge({**base, "entropy": np.full(100, 0.8)}, {**base, "entropy": np.full(100, 0.5)})
    assert verdict.validators["entropy"].answer == "better"
    assert verdict.answer == "unsure"
    assert "entropy" in "\n".join(verdict.lines())


def test_the_interval_is_that_of_another_bootstrap() -> None:
    base, after = images(80), images(80, **everywhere(2))
    change = judge(base, after).validators[BLEND[0]]
    gain = (after[BLEND[0]] - base[BLEND[0]],)
    other = bootstrap(gain, np.mean, method="percentile", n_resamples=5000, random_state=1).confidence_interval
    assert change.low == pytest.approx(other.low, abs=0.3)
    assert change.high == pytest.approx(other.high, abs=0.3)


def test_images_without_a_value_are_left_out() -> None:
    base = images()
    after = {k: v + 5 for k, v in base.items()}
    after[BLEND[0]][:50] = np.nan
    change = judge(base, after).validators[BLEND[0]]
    assert change.low == pytest.approx(5)
    assert judge(base, after).answer == "better"


def test_a_run_is_judged_by_its_warmup_and_its_last_epoch(tmp_path: Path) -> None:
    base = images()
    epochs = [images(**everywhere(50)), base, images(**everywhere(-50)), {k: v + 5 for k, v in base.items()}]
    run = RunFolder(write_run(tmp_path / "run", epochs))
    verdict = adaptation_verdict(run, 2)
    assert verdict is not None
    assert verdict.answer == "better"
    assert verdict.source_pck == (41, 43)
    said = "\n".join(verdict.lines())
    assert "the adapted model of epoch 4 is better than the source-only model of epoch 2" in said
    assert json.loads(json.dumps(verdict.to_dict()))["answer"] == "better"
    assert adaptation_verdict(run, 0) is None  # no source-only phase
    assert adaptation_verdict(run, 4) is None  # no adaptation
    assert adaptation_verdict(RunFolder(tmp_path / "none"), 1) is None


def test_two_runs_are_compared_on_the_same_images_alone(tmp_path: Path) -> None:
    base = images()
    a = write_run(tmp_path / "a", [base])
    b = write_run(tmp_path / "b", [images(), {k: v + 5 for k, v in base.items()}])
    assert compare_runs(a, b).answer == "better"
    assert compare_runs(b, a).answer == "worse"
    with pytest.raises(UserError, match="different targets"):
        compare_runs(a, write_run(tmp_path / "c", [base], target="xyz"))
    with pytest.raises(UserError, match="different numbers"):
        compare_runs(a, write_run(tmp_path / "d", [images(50)]))
    with pytest.raises(UserError, match=r"has no validators\.jsonl"):
        compare_runs(a, write_run(tmp_path / "e", []))
    with pytest.raises(UserError, match=r"has no run\.json"):
        compare_runs(a, tmp_path / "nowhere")
    last = RunFolder(b).validator_images(1)
    for broken in (b"", b"no archive", last.read_bytes()[:200]):
        last.write_bytes(broken)
        with pytest.raises(UserError, match="cannot be read"):
            compare_runs(a, b)


def test_a_validator_that_a_skeleton_has_not_does_not_count() -> None:
    """Without flip pairs there is no `flip`."""
    sides = [{name: values for name, values in side.items() if name != "flip"} for side in (images(), images())]
    verdict = judge(*sides)
    assert verdict.counted == tuple(name for name in BLEND if name != "flip")
    assert "flip" not in "\n".join(verdict.lines())
    assert judge(images(), images()).counted == BLEND

"""Did the adaptation help? Two sets of label-free validators compared, with the spread over images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from actupose.engine.run_folder import RunFolder, read_epoch_lines
from actupose.errors import UserError
from actupose.metrics import BLEND, VALIDATORS, paired_difference
from actupose.metrics.bootstrap import LEVEL

Answer = Literal["better", "unsure", "worse"]
Images = dict[str, NDArray[np.float64]]
_LEAST_IMAGES = 10


@dataclass(frozen=True)
class Change:
    """One validator of two models on the same images.

    Attributes:
        before: mean of the first.
        after: mean of the second.
        low: lower end of the interval of their difference, signed so that above 0 is better.
        high: its upper end.
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def answer(self) -> Answer:
        """Better or worse where the interval leaves out 0."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "unsure"


@dataclass(frozen=True)
class Verdict:
    """Whether the second of two models is better on the target, as far as label-free validators tell.

    Attributes:
        answer: ``better`` where the blend's interval lies above 0, none of its validators says worse, and the PCK on
            held-out source images has not fallen; ``worse`` where the interval lies below 0 and none says better; else
            ``unsure``.
        before: what was compared.
        after: with what.
        images: number of target images.
        blend: mean difference of the blend's validators, each in its standard deviations over images.
        validators: all validators that both have for every image.
        counted: those of them that the blend is of.
        source_pck: PCK on held-out source images before and after; None where a run has none.
    """

    answer: Answer
    before: str
    after: str
    images: int
    blend: Change
    validators: dict[str, Change]
    counted: tuple[str, ...]
    source_pck: tuple[float, float] | None

    def lines(self) -> list[str]:
        """The verdict and its evidence as text."""
        says = {
            "better": "is better than",
            "worse": "is worse than",
            "unsure": "cannot be told from",
        }[self.answer]
        out = [
            f"verdict: {self.answer.upper()} - on {self.images} target images without labels, {self.after} {says} "
            f"{self.before} by the validators {', '.join(self.counted)}"
        ]
        out += [
            f"  {name:<9} {change.before:8.3f} -> {change.after:8.3f}  {change.answer}"
            f"{'' if name in self.counted else ' (not counted)'}"
            for name, change in self.validators.items()
        ]
        if self.source_pck is not None:
            before, after = self.source_pck
            says = "fell: no better" if after < before else "did not fall"
            out.append(f"  source PCK {before:7.2f} -> {after:8.2f}  {says}")
        return out

    def to_dict(self) -> dict[str, object]:
        """Plain data."""
        return {**asdict(self), "level": LEVEL}


def adaptation_verdict(run: RunFolder, warmup_epochs: int) -> Verdict | None:
    """The end of the source-only phase against the last epoch of the same run.

    Args:
        run: its folder.
        warmup_epochs: epochs of the source alone.

    Returns:
        None where the run has no source-only phase, no adaptation or no validators.
    """
    records = read_epoch_lines(run.validators)
    epochs = [int(record["epoch"]) for record in records]
    if warmup_epochs < 1 or warmup_epochs - 1 not in epochs or epochs[-1] < warmup_epochs:
        return None
    before, after = warmup_epochs - 1, epochs[-1]
    names = (f"the source-only model of epoch {before + 1}", f"the adapted model of epoch {after + 1}")
    return _compare((run, before), (run, after), names)


def compare_runs(run_a: Path, run_b: Path) -> Verdict:
    """The last epochs of two runs on the same target: is the second better, e.g. adapted against source-only?

    Args:
        run_a: folder of the first run.
        run_b: folder of the second.

    Raises:
        UserError: a run has no validators, or they looked at other images.
    """
    runs = [RunFolder(Path(path)) for path in (run_a, run_b)]
    prints = [_target_of(run) for run in runs]
    if prints[0] != prints[1]:
        raise UserError(f"{run_a} and {run_b} have different targets; validators compare on the same images alone.")
    ends = []
    for run in runs:
        records = read_epoch_lines(run.validators)
        if not records:
            raise UserError(f"{run.path}: has no validators.jsonl; train with data.target and label_free.images.")
        ends.append((run, int(records[-1]["epoch"])))
    return _compare(ends[0], ends[1], (str(run_a), str(run_b)))


def _target_of(run: RunFolder) -> object:
    record = run.path / "run.json"
    if not record.is_file():
        raise UserError(f"{run.path}: has no run.json; name a folder that `actupose fit` wrote.")
    return json.loads(record.read_text(encoding="utf-8")).get("fingerprints", {}).get("target")


def _compare(before: tuple[RunFolder, int], after: tuple[RunFolder, int], names: tuple[str, str]) -> Verdict:
    values = [_read_images(run.validator_images(epoch)) for run, epoch in (before, after)]
    counts = {len(value) for images in values for value in images.values()}
    if len(counts) != 1:
        raise UserError(
            f"{names[0]} and {names[1]} looked at different numbers of target images; compare like with like."
        )
    return judge(values[0], values[1], names, _source_pck(before, after))


def _read_images(path: Path) -> Images:
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name].astype(np.float64) for name in held.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({error}); without it the models cannot be compared.") from error


def _source_pck(*ends: tuple[RunFolder, int]) -> tuple[float, float] | None:
    found = [
        float(record["source_pck"])
        for run, epoch in ends
        for record in read_epoch_lines(run.validators)
        if record["epoch"] == epoch and "source_pck" in record
    ]
    return (found[0], found[1]) if len(found) == 2 else None


def judge(
    before: Images,
    after: Images,
    names: tuple[str, str] = ("the first", "the second"),
    source_pck: tuple[float, float] | None = None,
    blend: Sequence[str] = BLEND,
) -> Verdict:
    """Compare two models by their validators' values on the same images.

    Intervals are those of `paired_difference`: they tell how far the images could mislead, not how far the validators
    could.

    Args:
        before: validator -> (N,) values of the first model.
        after: the second's, likewise.
        names: what the two are called.
        source_pck: PCK on source images of the first and of the second.
        blend: validators that count.
    """
    shared = [name for name in VALIDATORS if name in before and name in after]
    gains = {name: VALIDATORS[name] * (after[name] - before[name]) for name in shared}
    changes = {name: _change(before[name], after[name], gains[name]) for name in shared}
    counted = [name for name in blend if name in gains]
    scaled = [gains[name] / _spread(before[name], after[name]) for name in counted]
    images = len(next(iter(before.values()))) if before else 0
    mean = np.nanmean(scaled, axis=0) if scaled else np.zeros(images)
    total = Change(0.0, _mean(mean), *_interval(mean))
    says = {changes[name].answer for name in counted}
    opposed = {"better": "worse", "worse": "better", "unsure": ""}[total.answer]
    answer: Answer = "unsure" if opposed in says or images < _LEAST_IMAGES else total.answer
    # Self-training raises the four whether or not it is right; what it unlearns shows on the source.
    if answer == "better" and source_pck is not None and source_pck[1] < source_pck[0]:
        answer = "unsure"
    return Verdict(answer, *names, images, total, changes, tuple(counted), source_pck)


def _change(before: NDArray[np.float64], after: NDArray[np.float64], gain: NDArray[np.float64]) -> Change:
    return Change(_mean(before), _mean(after), *_interval(gain))


def _mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _spread(*values: NDArray[np.float64]) -> float:
    """Standard deviation over the images of both models; 1 where they are all alike."""
    finite = np.concatenate(values)
    return float(np.nanstd(finite)) or 1.0


def _interval(gain: NDArray[np.float64]) -> tuple[float, float]:
    """Middle part of the means of images drawn anew; (0, 0) without images."""
    found = paired_difference(gain)
    return found.low, found.high

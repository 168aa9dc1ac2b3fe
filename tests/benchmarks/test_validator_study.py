"""The study of validators against true PCK, on logs whose answer is known."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from actupose.metrics import VALIDATORS
from tiny_stores import REPO_ROOT


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validator_study", REPO_ROOT / "benchmarks" / "validators.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPO_ROOT / "benchmarks"))  # as when it runs as a script
        spec.loader.exec_module(module)
    return module


CONFIG = "model: {class_path: actupose.methods.UDAPE, init_args: {schedule: {adapt_from: 2}}}"


def write_run(folder: Path, pck: list[float], **columns: list[float]) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for name, lines in (
        ("validators", [{"net": "teacher", **{k: v[e] for k, v in columns.items()}} for e in range(len(pck))]),
        ("scores", [{"student/pck/All": 0.0, "teacher/pck/All": value} for value in pck]),
    ):
        text = "".join(json.dumps({"epoch": e, **line}) + "\n" for e, line in enumerate(lines))
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_perfect_reversed_and_missing_validators(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pck = [10.0, 30.0, 20.0, 25.0]
    snd = [1.0, 2.0, 3.0, 3.5]
    runs = [
        write_run(tmp_path / "a", pck, agreement=[1, 4, 2, 3], entropy=[1, 4, 2, 3], snd=snd),
        write_run(tmp_path / "b", [v + 40 for v in pck], agreement=[5, 8, 6, 7], entropy=[5, 8, 6, 7], snd=snd),
    ]
    assert study.main([*map(str, runs), "--out", str(tmp_path / "new" / "out.json")]) == 0
    told = json.loads((tmp_path / "new" / "out.json").read_text("utf-8"))
    found = told["validators"]
    assert set(found) == {*VALIDATORS, "blend", "choice"}
    assert told["checkpoints"] == 8
    assert told["benchmark"] == "validators"
    figures = [f for f in told["figures"] if f["at"] == {"validator": "entropy"}]
    assert [(f["figure"], f["value"]) for f in figures][1:] == [
        ("rank correlation within a run", -1),
        ("rank correlation in the adaptation", -1),
        ("PCK lost by choosing", 20),
    ]
    assert found["agreement"] == {"all": 1, "within": 1, "adaptation": 1, "regret": 0, "regret_last": 5}
    assert found["blend"]["all"] == 1  # agreement alone is there of its validators
    assert found["entropy"]["within"] == -1  # lower should have been better
    assert found["entropy"]["regret"] == 20
    # ranks of PCK 1, 4, 2, 3 against 1, 2, 3, 4: 1 - 6 (0 + 4 + 1 + 1) / (4 * 15)
    assert found["snd"]["within"] == pytest.approx(0.4)
    assert found["snd"]["regret"] == 5
    # the adaptation's epochs are the last two of each run: PCK 20, 25, 60, 65 against 3, 3.5, 3, 3.5
    assert found["snd"]["adaptation"] == pytest.approx(1 / 5**0.5)
    text = capsys.readouterr().out
    assert text.index("`agreement`") < text.index("`snd`") < text.index("`entropy`") < text.index("`flip`")
    assert "Taking the last epoch loses 5.0." in text


def test_a_run_without_true_scores_is_one_line(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a", [1.0, 2.0], peak=[1, 2])
    (run / "scores.jsonl").unlink()
    assert study.main([str(run)]) == 2
    assert "has no epoch in both validators.jsonl and scores.jsonl" in capsys.readouterr().err
    (run / "validators.jsonl").write_text("{broken\n", encoding="utf-8")
    assert study.main([str(run)]) == 2
    assert "validators.jsonl: is broken" in capsys.readouterr().err

"""The run folder: claimed once, read back, and what it says of what it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actupose.engine.callbacks import epoch_line
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError

CONFIG = "# lightning.pytorch==2.6.6\na: 1\n"


def test_a_new_folder_is_claimed_and_can_be_claimed_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "deep" / "run")
    assert run.check(CONFIG) is None
    assert not run.path.exists()
    assert run.claim(CONFIG) is None
    assert [p.name for p in run.path.iterdir()] == ["config.yaml"]
    assert run.config.read_text("utf-8") == CONFIG
    assert run.claim(CONFIG) is None
    run.checkpoint.parent.mkdir()
    run.checkpoint.write_bytes(b"x")
    assert run.claim(CONFIG) == run.checkpoint


def test_of_several_processes_the_first_one_writes(tmp_path: Path) -> None:
    """It removes leftovers as soon as it has claimed, and would take what another one is writing for one."""
    run = RunFolder(tmp_path / "run")
    assert run.claim(CONFIG, first=False) is None
    assert not run.path.exists()
    run.claim(CONFIG)
    assert run.config.is_file()


def test_another_version_of_the_parser_is_no_other_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.claim(CONFIG)
    assert run.claim("# lightning.pytorch==2.6.7\na: 1\n") is None
    assert run.config.read_text("utf-8") == CONFIG


def test_other_content_is_refused_and_kept(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.claim(CONFIG)
    with pytest.raises(UserError, match=r"holds another run \(a: 1 there, 2 now\); set another `out`"):
        run.claim("a: 2\n")
    assert run.config.read_text("utf-8") == CONFIG
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml.old").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="holds other files"):
        RunFolder(tmp_path / "mine").claim(CONFIG)
    (tmp_path / "mine" / "letter.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="holds other files"):
        RunFolder(tmp_path / "mine").claim(CONFIG)
    with pytest.raises(UserError, match="is a file"):
        RunFolder(tmp_path / "mine" / "letter.txt").claim(CONFIG)


def test_rows_with_new_columns_are_kept_whole(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.read_metrics() == []
    run.write_metrics([{"epoch": 0, "a": 1.5}, {"epoch": 1, "a": 2.5, "b": 3}])
    assert run.metrics.read_text("utf-8") == "epoch,a,b\n0,1.5,\n1,2.5,3\n"
    rows = run.read_metrics()
    run.write_metrics([*rows, {"epoch": 2, "b": 4}])
    assert run.metrics.read_text("utf-8") == "epoch,a,b\n0,1.5,\n1,2.5,3\n2,,4\n"


def test_the_record_says_what_a_reader_needs(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_record(fingerprints={"source": "abc"})
    record = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert {"command", "python", "machine", "packages", "git", "fingerprints"} == set(record)
    assert record["packages"]["torch"].startswith("2.")


def test_scores_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no scores.json; let `actupose fit` finish or run `actupose test`"):
        RunFolder(tmp_path).read_scores()


def test_an_epochs_line() -> None:
    values = {
        "train/loss": 0.123456,
        "source_val/student/pck/All": 61.25,
        "source_val/teacher/pck/All": 70.0,
        "lr": 1.0,
    }
    assert epoch_line(3, 9, values, 61.2, 120.9) == "epoch 3/9  loss 0.1235  source PCK 70.0  61 s, 121 s to go"


def test_a_config_that_another_process_writes_meanwhile_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, is_file = RunFolder(tmp_path / "run"), Path.is_file

    def then_written(path: Path) -> bool:
        found = is_file(path)
        if path == run.config and not found:
            run.path.mkdir()
            run.config.write_text("a: 1\n", encoding="utf-8")
        return found

    monkeypatch.setattr(Path, "is_file", then_written)
    assert run.check("a: 1\n") is None


def test_of_many_differences_the_first_are_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.claim("".join(f"k{i}: {'x' * 70}\n" for i in range(6)))
    with pytest.raises(UserError) as refused:
        run.check("k0: 1\n")
    assert f'(k0: "{"x" * 56}... there, 1 now; k1: ' in str(refused.value)
    assert "... there, null now; and 2 more); set another `out`" in str(refused.value)

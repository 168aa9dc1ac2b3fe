"""The folder of a prediction: claimed by a command, continued at a whole batch, never lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actupose.deploy import journal as module
from actupose.deploy.journal import Journal, Row
from actupose.errors import BusyError, UserError
from deploy.rows import frame_rows, image_rows

ROWS = [*image_rows(), *frame_rows()]
COMMAND: dict[str, Any] = {"checkpoint": "abc", "flip": False, "keypoints": ["a", "b"]}


def begin(out: Path, **more: Any) -> Journal:
    return Journal(out, {**COMMAND, **more.pop("command", {})}, more.pop("batch", 3), len(ROWS), **more)


def same(a: Row, b: Row) -> bool:
    return a.to_json() == b.to_json()


def test_rows_come_back(tmp_path: Path) -> None:
    journal = begin(tmp_path / "out")
    assert (journal.done, list(journal.rows())) == (0, [])
    journal.append(ROWS[:4])
    journal.append(ROWS[4:])
    assert journal.done == len(ROWS)
    assert all(map(same, journal.rows(), ROWS))
    journal.close()
    again = begin(tmp_path / "out")
    assert again.done == len(ROWS), "a whole one is whole, also where its last batch is a part"
    assert all(map(same, again.rows(), ROWS))


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_a_killed_one_goes_on_at_a_whole_batch(tmp_path: Path, cut: int) -> None:
    begin(tmp_path).append(ROWS[:8])
    file = tmp_path / module.JOURNAL
    file.write_bytes(file.read_bytes()[:-cut])
    journal = begin(tmp_path)
    assert journal.done == 6
    assert all(map(same, journal.rows(), ROWS[:6]))
    journal.append(ROWS[6:])
    assert all(map(same, journal.rows(), ROWS))


def test_another_command_is_refused_by_what_differs(tmp_path: Path) -> None:
    begin(tmp_path).append(ROWS)
    with pytest.raises(UserError, match=r"another command \(flip: false there, true now\); name another --out, or"):
        begin(tmp_path, command={"flip": True})
    with pytest.raises(UserError, match=r'\(crops: null there, 3 now; keypoints: \["a", "b"\] there, \["a"\] now\)'):
        begin(tmp_path, command={"keypoints": ["a"], "crops": 3})
    assert begin(tmp_path).done == len(ROWS), "nothing was touched"
    (tmp_path / module.COMMAND).write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"command\.json: is not readable"):
        begin(tmp_path)


def test_overwriting_removes_our_files_alone(tmp_path: Path) -> None:
    begin(tmp_path).append(ROWS)
    for name in (
        "predictions.csv",
        "predictions.slp.part",
        "report.json",
        "overlay/a.png",
        "deeplabcut/a.h5",
        "mine.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    journal = begin(tmp_path, command={"flip": True}, overwrite=True)
    assert journal.done == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [module.COMMAND, module.JOURNAL, "mine.txt"]
    assert not list(journal.rows())
    assert json.loads((tmp_path / module.COMMAND).read_text(encoding="utf-8"))["flip"] is True


@pytest.mark.parametrize("overwrite", [False, True])
def test_one_writes_at_a_time(tmp_path: Path, overwrite: bool) -> None:
    with begin(tmp_path / "out") as journal:
        journal.append(ROWS[:3])
        before = (tmp_path / "out" / module.JOURNAL).read_bytes()
        with pytest.raises(BusyError, match=r"out: another `actupose predict` is writing there; wait until"):
            begin(tmp_path / "out", overwrite=overwrite)
        assert (tmp_path / "out" / module.JOURNAL).read_bytes() == before
        journal.append(ROWS[3:])
    assert begin(tmp_path / "out", overwrite=overwrite).done == (0 if overwrite else len(ROWS))


def test_one_killed_before_it_wrote_its_command_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / module.JOURNAL).touch()
    (tmp_path / f"{module.COMMAND}.tmp123").write_text("{", encoding="utf-8")
    begin(tmp_path).append(ROWS)
    assert begin(tmp_path).done == len(ROWS)
    (tmp_path / module.COMMAND).unlink()
    with pytest.raises(UserError, match="holds other files"):
        begin(tmp_path)  # rows of nobody knows which command


def test_the_folder_is_looked_at_again_once_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*args: Any) -> Any:
        monkeypatch.undo()
        begin(tmp_path / "out", command={"flip": True}).append(ROWS)  # it comes, and has ended
        return module.held(*args)

    monkeypatch.setattr(module, "held", held)
    with pytest.raises(UserError, match=r"another command \(flip: true there, false now\)"):
        begin(tmp_path / "out")


@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_that_are_not_ours(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="holds other files"):
        begin(tmp_path, overwrite=overwrite)
    with pytest.raises(UserError, match="file: is a file"):
        begin(tmp_path / "file", overwrite=overwrite)
    with pytest.raises(UserError, match="out: cannot be made"):
        begin(tmp_path / "file" / "deep" / "out", overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_damaged_line_and_a_full_disk_are_named(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    journal.append(ROWS)
    file = tmp_path / module.JOURNAL
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], b"{rubbish\n", *lines[3:]]))
    journal.close()
    with pytest.raises(UserError, match=r"journal\.jsonl: line 3 is damaged"):
        list(begin(tmp_path).rows())
    file.unlink()
    file.symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"journal\.jsonl: cannot write \(No space left on device\); what is predicted"):
        journal.append(ROWS)

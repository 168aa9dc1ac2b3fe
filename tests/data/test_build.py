"""The sharded builder: atomic, resumable, the same bytes whatever the processes, and clear refusals."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actupose.data.build import build_store
from actupose.data.store import StoreMeta, StoreReport, open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import Rows

TESTS = Path(__file__).resolve().parent.parent


def meta(**recipe: object) -> StoreMeta:
    return StoreMeta(load_skeleton("lsp14"), 32, "fake", dict(recipe))


def build(out: Path, count: int = 23, maker: Rows | None = None, workers: int = 0, **recipe: object) -> StoreReport:
    return build_store(out, meta(**recipe), count, maker or Rows(), shard_size=5, workers=workers)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_rows_arrive_in_order(tmp_path: Path) -> None:
    report = build(tmp_path / "s")
    store = open_store(tmp_path / "s")
    assert report.num_rows == len(store) == 23
    assert store.rows["name"][:] == [f"item {i}" for i in range(23)]


def test_two_workers_make_the_same_bytes(tmp_path: Path) -> None:
    build(tmp_path / "one")
    build(tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    build(tmp_path / "whole", count=200)
    broken = tmp_path / "broken"
    script = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from data.fakes import Rows
from data.test_build import build
build(Path({str(broken)!r}), count=200, maker=Rows(seconds=0.05))
"""
    child = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while len(list((broken / "shards").glob("*.arrow"))) < 3:
        assert child.poll() is None, "the child ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    made = {p: p.stat().st_mtime_ns for p in (broken / "shards").glob("*.arrow")}
    assert 3 <= len(made) < 40
    with pytest.raises(UserError, match="not finished"):
        open_store(broken)
    build(broken, count=200)
    assert contents(broken) == contents(tmp_path / "whole")
    assert {p: p.stat().st_mtime_ns for p in made} == made, "finished shards are not made again"


def test_a_run_killed_before_its_first_file_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "s"
    (out / "shards").mkdir(parents=True)
    (out / "store.json.tmp99").write_text("{", encoding="utf-8")
    assert build(out).num_rows == 23
    assert not list(out.rglob("*.tmp*"))


def test_stale_temporary_files_go(tmp_path: Path) -> None:
    build(tmp_path / "s")
    stale = tmp_path / "s" / "shards" / "00001.tmp4711"
    stale.write_bytes(b"half a shard")
    build(tmp_path / "s")
    assert not stale.exists()


def test_another_recipe_is_refused_and_named(tmp_path: Path) -> None:
    build(tmp_path / "s", seed=1)
    before = contents(tmp_path / "s")
    with pytest.raises(UserError, match=r"other settings \(recipe.seed: 1 there, 2 now\)"):
        build(tmp_path / "s", seed=2)
    with pytest.raises(UserError, match=r"recipe.items: 23 there, 24 now"):
        build(tmp_path / "s", count=24, seed=1)
    assert contents(tmp_path / "s") == before


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UserError, match="holds other files"):
        build(tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="is a file"):
        build(tmp_path / "s")


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 items"):
        build(tmp_path / "s", count=0)
    assert not (tmp_path / "s").exists()


def test_a_few_bad_items_are_skipped_and_listed(tmp_path: Path) -> None:
    report = build(tmp_path / "s", count=100, maker=Rows(bad=(3, 50, 51, 70, 99)))
    assert report.num_rows == len(open_store(tmp_path / "s")) == 95
    assert report.problems == [f"item {i}: is bad" for i in (3, 50, 51, 70, 99)]
    assert "skipped 5 of 100" in report.text()
    again = build(tmp_path / "s", count=100, maker=Rows(bad=(3, 50, 51, 70, 99)))
    assert again == report, "a finished store tells its problems again"


def test_one_bad_item_in_a_small_set_is_allowed(tmp_path: Path) -> None:
    assert build(tmp_path / "s", count=4, maker=Rows(bad=(2,))).num_rows == 3


def test_more_than_five_percent_stop(tmp_path: Path) -> None:
    maker = Rows(bad=tuple(range(6)))
    for _ in range(2):  # and again, all shards being there
        with pytest.raises(UserError, match=r"6 of 100 items are unusable, more than 5 %; first: item 0"):
            build(tmp_path / "s", count=100, maker=maker)
        with pytest.raises(UserError, match="not finished"):
            open_store(tmp_path / "s")


def test_a_dead_worker_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a worker process died"):
        build(tmp_path / "s", maker=Rows(kill=7), workers=2)


def test_workers_end_with_a_killed_run(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from data.fakes.rows import Rows
from data.test_build import build
if __name__ == "__main__":
    build(Path({str(tmp_path / "s")!r}), count=500, maker=Rows(seconds=0.05), workers=2)
"""
    path = tmp_path / "run.py"
    path.write_text(script, encoding="utf-8")
    child = subprocess.Popen([sys.executable, str(path)], start_new_session=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "s" / "shards").glob("*.arrow")):
        assert child.poll() is None, "the child ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    while group_members(child.pid):
        assert time.monotonic() < deadline, "workers of a killed run live on"
        time.sleep(0.05)


def group_members(group: int) -> list[str]:
    """Processes of a process group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(stat.parent.name)
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_keeps_what_is_finished(small_disk: Path, tmp_path: Path, workers: int) -> None:
    ballast, out = small_disk / "ballast", small_disk / "s"
    ballast.write_bytes(bytes(960 << 10))
    with pytest.raises(
        UserError, match=r"No space left on device.*free some space.*finished shards are kept"
    ) as caught:
        build(out, count=200, workers=workers)
    assert "\n" not in str(caught.value)
    made = {p.name: p.read_bytes() for p in (out / "shards").glob("*.arrow")}
    assert not list(out.rglob("*.tmp*"))
    ballast.unlink()
    build(out, count=200, workers=workers)
    build(tmp_path / "roomy", count=200)
    assert made
    assert contents(out) == contents(tmp_path / "roomy")
    assert all((out / "shards" / name).read_bytes() == data for name, data in made.items())


def test_a_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    with contextlib.suppress(OSError):
        (small_disk / "ballast").write_bytes(bytes(2 << 20))
    with pytest.raises(UserError, match="No space left on device"):
        build(small_disk / "s")


def test_an_exception_of_a_worker_comes_through(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        build(tmp_path / "s", maker=Rows(bad=None), workers=2)  # type: ignore[arg-type]

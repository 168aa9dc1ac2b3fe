"""What may happen to a training while it runs: each fault ends it in one line, and nothing is lost."""

from __future__ import annotations

import ast
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import actupose
from actupose.data import dataset
from actupose.data.store import open_store
from actupose.methods import PoseMethod
from integration.runs import differing, fit, fit_args, metrics, run, weights
from tiny_stores import Stores

UNCACHED = ["--data.loader.cache", "none"]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text.strip().splitlines()[-1]


def spoil(monkeypatch: pytest.MonkeyPatch, epoch: int, batch: int, how: Any) -> None:
    """From the given step on ``how`` happens before a training step."""
    step = PoseMethod.training_step

    def training_step(self: PoseMethod, data: Any, batch_idx: int) -> Tensor:
        if (self.current_epoch, batch_idx) == (epoch, batch):
            how(self, data)
        return step(self, data, batch_idx)

    monkeypatch.setattr(PoseMethod, "training_step", training_step)


@pytest.mark.parametrize("method", ["udape", "regda"])
def test_the_images_of_the_first_bad_step_are_named(
    method: str, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, list[int]] = {}

    def poison(self: PoseMethod, batch: Any) -> None:
        seen.update({domain: part.row.tolist() for domain, part in batch.items()})
        with torch.no_grad():
            next(self.student.parameters()).fill_(torch.nan)

    spoil(monkeypatch, 1, 1, poison)
    out = tmp_path / "run"
    assert run(fit_args(method, stores, out)) == 2
    line = last_line(capsys)
    assert "is nan in epoch 1, first in step 1" in line
    assert str(out / "bad_batch.json") in line
    told = json.loads((out / "bad_batch.json").read_text(encoding="utf-8"))
    assert (told["epoch"], told["step"]) == (1, 1)
    names = open_store(stores.target).rows["name"]
    assert told["images"]["target"] == [names[row] for row in seen["target"]]
    assert len(told["images"]["source"]) == 4
    assert set(told["images"]["source"]) <= set(open_store(stores.source).rows["name"])
    assert len(metrics(out)) == 1
    assert all(bool(torch.isfinite(v.float()).all()) for v in weights(out).values())


def test_an_image_that_turns_unreadable_in_the_run(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run names it; mended, the same command ends as the unbroken run."""
    out = tmp_path / "run"
    args = fit_args("udape", stores, out, *UNCACHED)
    whole = Image.open

    def torn(file: Any, *rest: Any) -> Image.Image:
        return whole(io.BytesIO(file.getvalue()[:200]) if isinstance(file, io.BytesIO) else file, *rest)

    with monkeypatch.context() as patch:
        spoil(patch, 2, 0, lambda *_: patch.setattr(dataset.Image, "open", torn))
        assert run(args) == 2
    line = last_line(capsys)
    assert str(stores.source) in line or str(stores.target) in line
    assert "the stored image cannot be decoded" in line
    assert len(metrics(out)) == 2
    assert run(args) == 0
    assert differing(weights(out), fit("udape", stores, tmp_path / "unbroken")) == []


def test_a_loading_process_that_dies(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in its second epoch; the run goes on with fewer processes, though its configuration says more."""
    out = tmp_path / "run"
    batch, parent = dataset.PoseDataset.batch, os.getpid()
    options = ["--trainer.max_epochs", 2, *UNCACHED]

    def deadly(self: dataset.PoseDataset, indices: Any) -> Any:
        if os.getpid() != parent and (out / "checkpoints" / "last.ckpt").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(dataset.PoseDataset, "batch", deadly)
        assert run(fit_args("source_only", stores, out, *options, "--data.loader.num_workers", 1)) == 2
    line = last_line(capsys)
    assert "a data loading process has ended" in line
    assert "data.loader.num_workers" in line
    assert run(fit_args("source_only", stores, out, *options, "--data.loader.num_workers", 0)) == 0
    assert differing(weights(out), fit("source_only", stores, tmp_path / "unbroken", *options)) == []


def too_much(*_: Any) -> None:
    torch.empty(1 << 50)


def of_the_device(*_: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def of_python(*_: Any) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("how", "where"), [(too_much, "the host's"), (of_the_device, "the device's"), (of_python, "the host's")]
)
def test_full_memory_names_the_settings(
    how: Any,
    where: str,
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(monkeypatch, 1, 0, how)
    assert run(fit_args("source_only", stores, tmp_path / "run")) == 2
    line = last_line(capsys)
    assert f"{where} memory is full" in line
    assert "data.loader.batch_size" in line
    assert len(metrics(tmp_path / "run")) == 1


def test_without_a_compiler_the_same_folder_can_be_trained_uncompiled(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.compiler.reset()
    args = fit_args("source_only", stores, tmp_path / "run")
    with torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True}):
        assert run([*args, "--model.compilation", "parts"]) == 2
    line = last_line(capsys)
    assert "torch.compile cannot compile the training (InvalidCxxCompiler" in line
    assert "it needs a C++ compiler" in line
    assert "model.init_args.compilation none" in line
    assert run(args) == 0
    assert len(metrics(tmp_path / "run")) > 1


def test_another_error_is_not_taken_for_one_of_these(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: Any) -> None:
        nn.Linear(2, 3)(torch.zeros(1, 5))

    spoil(monkeypatch, 0, 1, defect)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(fit_args("source_only", stores, tmp_path / "run"))


ONE_FAILS = """
import os, sys, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
from actupose.cli import main
from actupose.errors import UserError
from actupose.methods import PoseMethod
step = PoseMethod.training_step
def training_step(self, data, batch_idx):
    if self.global_rank == int(os.environ["FAILING"]) and (self.current_epoch, batch_idx) == (1, 1):
        raise UserError("this process has failed")
    return step(self, data, batch_idx)
PoseMethod.training_step = training_step
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.parametrize("failing", [0, 1])
def test_one_process_that_fails_ends_all(failing: int, stores: Stores, tmp_path: Path) -> None:
    """Started as a user starts it: Lightning makes the second process itself."""
    script = tmp_path / "one_fails.py"
    script.write_text(ONE_FAILS, encoding="utf-8")
    out = tmp_path / "run"
    options = ["--trainer.devices", 2, "--trainer.strategy", "ddp"]
    args = [sys.executable, str(script), *fit_args("source_only", stores, out, *options)]
    environment = {**os.environ, "FAILING": str(failing), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        args, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    text, _ = process.communicate(timeout=180)
    assert process.returncode != 0, text
    assert "this process has failed" in text
    assert len(metrics(out)) == 1
    deadline = time.monotonic() + 20
    while processes_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(process.pid) == []


def processes_of(session: int) -> list[str]:
    """Living processes of a session, as long as Linux tells them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def test_another_clock_and_locale_give_the_same_run(stores: Stores, tmp_path: Path) -> None:
    """A time zone a day away, no word of UTF-8 in the environment, and a path that needs it."""
    folder = tmp_path / "Ünïcode 姿勢"
    args = fit_args("source_only", stores, folder / "run", "--trainer.max_epochs", 2)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    environment |= {"LC_ALL": "C", "TZ": "Pacific/Kiritimati"}
    done = subprocess.run([sys.executable, "-m", "actupose", *args], env=environment, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    there = fit("source_only", stores, tmp_path / "here", "--trainer.max_epochs", 2)
    assert differing(weights(folder / "run"), there) == []
    assert metrics(folder / "run") == metrics(tmp_path / "here")
    for name in ("validators.jsonl", "curriculum.jsonl"):
        assert (folder / "run" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_text_is_utf8_and_durations_do_not_follow_the_clock() -> None:
    loose = []
    for file in sorted(Path(actupose.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            text = node.func.attr in ("read_text", "write_text")
            if text and not any(k.arg == "encoding" for k in node.keywords):
                loose.append(f"{file.name}:{node.lineno} has no encoding")
            if ast.unparse(node.func) == "time.time":
                loose.append(f"{file.name}:{node.lineno} takes the clock; use time.monotonic")
    assert not loose

"""Trainings side by side: one process and one thread each, their lines as progress."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import IO

from actupose.data.build import single_threaded_children
from actupose.errors import UserError
from actupose.progress import Progress, progress_bar

_EPOCH = re.compile(r"^epoch (\d+)/(\d+)")


def run_side_by_side(commands: Mapping[str, Sequence[str]], epochs: int) -> None:
    """Run `actupose` commands at the same time; progress counts their epochs.

    One thread a process beats many threads in one: two spinning threads slow each other down on a busy machine.

    Args:
        commands: name -> arguments after ``actupose``.
        epochs: epochs of each command's training.

    Raises:
        UserError: a command failed; its last line is told, and the others are stopped.
    """
    running: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack, single_threaded_children():
        # Without a terminal the commands' own lines tell the progress.
        terminal = sys.stderr.isatty()
        bars = {n: stack.enter_context(progress_bar(epochs, n)) if terminal else None for n in commands}
        try:
            readers = []
            for name, args in commands.items():
                process = subprocess.Popen(
                    [sys.executable, "-m", "actupose", *args],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                running[name] = process
                assert process.stdout is not None
                readers.append(_follow(name, process.stdout, bars[name]))
            last = {reader.name: reader.result() for reader in readers}
            for name, process in running.items():
                if process.wait() != 0:
                    raise UserError(f"{name} failed: {last[name]}")
        finally:
            for process in running.values():
                if process.poll() is None:
                    process.terminate()


def end_with_parent() -> None:
    """End this process as soon as the one at the other end of its standard input has ended, however it did."""

    def wait() -> None:
        while os.read(0, 1):  # not through sys.stdin, whose lock would be held when this process ends by itself
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class _Follower(threading.Thread):
    """Reads a process's lines; epochs move the bar, the last line is kept for errors."""

    def __init__(self, name: str, stream: IO[str], bar: Progress | None) -> None:
        super().__init__(name=name, daemon=True)
        self._stream, self._bar, self._last, self._done = stream, bar, "", 0

    def run(self) -> None:
        """Read until the process closes its output."""
        for line in self._stream:
            text = line.strip()
            found = _EPOCH.match(text)
            if found:
                self._tell(text, int(found[1]))
            self._last = text or self._last

    def _tell(self, line: str, epoch: int) -> None:
        if self._bar is None:
            print(f"[{self.name}] {line}", flush=True)
        else:
            self._bar.update(epoch - self._done)
            self._done = epoch

    def result(self) -> str:
        """The last line, once the process has closed its output."""
        self.join()
        return self._last


def _follow(name: str, stream: IO[str], bar: Progress | None) -> _Follower:
    follower = _Follower(name, stream, bar)
    follower.start()
    return follower

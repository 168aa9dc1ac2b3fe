"""What is predicted already, on disk at any moment, and for which command; every other output is made from it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from actupose.data.store import write_json_atomically
from actupose.errors import UserError, what_differs
from actupose.files import held

COMMAND, JOURNAL = "command.json", "journal.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Person:
    """One person in a picture, in pixel indices of the upright original (the centre of the first pixel is 0).

    Attributes:
        box: x0, y0, x1, y1 counted from the upper left corner; None = the whole picture.
        keypoints: (K, 2), to a hundredth of a pixel.
        confidence: (K,), to four digits.
        peaks: (K,) heights of the heatmaps, likewise.
    """

    box: tuple[float, ...] | None
    keypoints: NDArray[np.float64]
    confidence: NDArray[np.float64]
    peaks: NDArray[np.float64]

    @property
    def score(self) -> float:
        """Mean confidence, to four digits."""
        return round(float(self.confidence.mean()), 4)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `Person.from_dict` reads back."""
        return {
            "box": None if self.box is None else [round(v, 2) for v in self.box],
            "keypoints": np.round(self.keypoints, 2).tolist(),
            "confidence": np.round(self.confidence, 4).tolist(),
            "peaks": np.round(self.peaks, 4).tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Person:
        """The reverse of `to_dict`."""
        box, rest = data["box"], (np.asarray(data[key], np.float64) for key in ("keypoints", "confidence", "peaks"))
        return cls(None if box is None else tuple(box), *rest)


@dataclass(frozen=True)
class Row:
    """What came out for one picture: a line of the journal.

    Attributes:
        number: place of the picture among all, from 0.
        name: what it is called.
        video: name of its video; None for an image.
        frame: number of the frame.
        time: when the frame is shown, seconds.
        people: best box first, as they were found.
        skipped: why the picture, or one of its people, cannot be used; a line each.
    """

    number: int
    name: str
    video: str | None
    frame: int | None
    time: float | None
    people: tuple[Person, ...] = ()
    skipped: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One line."""
        data = {key: getattr(self, key) for key in ("number", "name", "video", "frame", "time")}
        return json.dumps({**data, "people": [p.to_dict() for p in self.people], "skipped": list(self.skipped)})

    @classmethod
    def from_json(cls, line: str) -> Row:
        """The reverse of `to_json`."""
        data = json.loads(line)
        people, skipped = data.pop("people"), data.pop("skipped")
        return cls(**data, people=tuple(Person.from_dict(p) for p in people), skipped=tuple(skipped))


class Journal:
    """The folder of one prediction; a killed one goes on where its last whole batch ended.

    As long as a journal is open no other process can open one of the same folder: use it as a context manager.

    Args:
        out: new or empty folder, or one that the same command began.
        command: what the predictions depend on, as plain data.
        batch: pictures that are predicted together. Going on begins at a whole batch, so that the numbers are those of
            an unbroken run.
        total: pictures of the whole command; None = nobody knows.
        overwrite: remove what an earlier prediction, of any command, left there.

    Raises:
        UserError: the folder holds other files or another command's predictions, another process writes there, or it
            cannot be written.
    """

    def __init__(
        self, out: Path, command: Mapping[str, Any], batch: int, total: int | None, *, overwrite: bool = False
    ) -> None:
        self.out, self._path = out, out / JOURNAL
        self._refuse(command, overwrite=overwrite)
        try:
            with ExitStack() as opened:
                opened.enter_context(held(out, "predict", JOURNAL))
                self._refuse(command, overwrite=overwrite)  # again: who held it till now may have claimed the folder
                if overwrite:
                    _remove(out)
                write_json_atomically(out / COMMAND, {"format": FORMAT, **command})
                self.done = self._mend(batch, total)
                self._opened = opened.pop_all()
        except OSError as error:
            raise cannot_write(out, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write to the folder; what was written stays."""
        self._opened.close()

    def append(self, rows: Sequence[Row]) -> None:
        """Write the rows of a batch.

        Raises:
            UserError: the disk is full or gone.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(row.to_json() + "\n" for row in rows))
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self.done += len(rows)

    def rows(self) -> Iterator[Row]:
        """All rows, in order.

        Raises:
            UserError: the file is damaged.
        """
        with self._path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield Row.from_json(line)
                except (ValueError, KeyError, TypeError) as error:
                    raise UserError(
                        f"{self._path}: line {number} is damaged; predict again with --overwrite true."
                    ) from error

    def _refuse(self, command: Mapping[str, Any], *, overwrite: bool) -> None:
        out = self.out
        if out.exists() and not out.is_dir():
            raise UserError(f"{out}: is a file, not a folder; name another --out.")
        above = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise UserError(f"{out}: cannot be made, {above} is no folder that can be written to; name another --out.")
        if not out.is_dir() or not any(out.iterdir()):
            return
        if not (out / COMMAND).is_file():
            if all(map(_only_begun, out.iterdir())):
                return
            raise UserError(f"{out}: holds other files; name an empty or new folder as --out.")
        if not overwrite:
            _same_command(out, command)

    def _mend(self, batch: int, total: int | None) -> int:
        """Take away what a killed call left of a batch; returns how many rows stay."""
        with self._path.open("rb+") as file:
            ends = [0]
            for line in file:
                if line.endswith(b"\n"):
                    ends.append(ends[-1] + len(line))
            whole = len(ends) - 1
            kept = whole if whole == total else whole // batch * batch
            if file.seek(0, os.SEEK_END) > ends[kept]:
                file.truncate(ends[kept])
        return kept


def _only_begun(file: Path) -> bool:
    """Whether a file is what a call leaves that is killed before its folder says whose it is."""
    return file.name.startswith(f"{COMMAND}.tmp") or (file.name == JOURNAL and file.stat().st_size == 0)


def _same_command(out: Path, command: Mapping[str, Any]) -> None:
    try:
        held = json.loads((out / COMMAND).read_text(encoding="utf-8"))
        now = json.loads(json.dumps({"format": FORMAT, **command}))
        differing = what_differs(held, now)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{out / COMMAND}: is not readable; name another --out, or give --overwrite true.") from error
    if differing:
        raise UserError(
            f"{out}: holds predictions of another command ({differing}); name another --out, or give --overwrite true."
        )


def _remove(out: Path) -> None:
    """Remove what `predict` writes into its folder, and nothing else; the command last. The held journal is emptied."""
    for name in ("overlay", "deeplabcut"):
        if (out / name).is_dir():
            shutil.rmtree(out / name)
    os.truncate(out / JOURNAL, 0)
    for pattern in ("predictions.*", "camera.mkv", "report.json", COMMAND):
        for file in out.glob(pattern):
            file.unlink()


def cannot_write(path: Path, error: OSError) -> UserError:
    """The line for a disk that is full, gone or not the user's."""
    return UserError(
        f"{path}: cannot write ({error.strerror or error}); what is predicted is kept: free some space and run the "
        "same command again."
    )

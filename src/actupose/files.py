"""Files that are always whole: what stands under a name was written to its end, whatever killed the writer."""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from actupose.errors import BusyError

LOCK = ".lock"  # the file that `held` holds; it stays, empty, and says nothing once nobody holds it
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # EFBIG: a limit on the size of files, as some clusters set
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # of file systems that keep none


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; it takes the name when the block ends without an error.

    It lies in the same folder, because a file can only be renamed in one step within a file system, and its bytes are
    on the disk before it gets the name, so that a power failure leaves the old file or the new one.

    Args:
        path: the name that the file is to have.

    Yields:
        Where to write. It is removed when the block raises.
    """
    temporary = path.with_name(f"{path.name}.tmp{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def held(folder: Path, verb: str, name: str = LOCK) -> Iterator[None]:
    """Keep every other process from writing to a folder as long as the block runs.

    The lock is the system's: it ends with this process, however that ends, so a killed one is in nobody's way. Where
    the system or the file system has no locks, nobody is kept out.

    Args:
        folder: made where it is missing.
        verb: what writes there, for the message.
        name: of the file in it that is held; made where it is missing.

    Raises:
        BusyError: another process holds it.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = _locked(folder / name)
    except BlockingIOError as error:
        raise BusyError(
            f"{folder}: another `actupose {verb}` is writing there; wait until it has ended, "
            "or name another output folder."
        ) from error
    with file:
        yield


def _locked(path: Path) -> BinaryIO:
    """An open file that no other process holds; closing it lets go.

    Raises:
        BlockingIOError: another process holds it.
    """
    file = path.open("ab")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        return file
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            file.close()
            raise
    _close_in_forks(file)
    return file


def _close_in_forks(file: BinaryIO) -> None:
    """A forked child, such as a loader of data, would hold a lock with its parent and beyond the parent's death."""
    ours = weakref.ref(file)

    def close() -> None:
        """In the child."""
        inherited = ours()
        if inherited is not None:
            inherited.close()

    os.register_at_fork(after_in_child=close)


def is_full(error: OSError) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left behind in a folder and below it; nobody may be writing there."""
    for left in folder.rglob("*.tmp*"):
        if left.is_file() and left.suffix.removeprefix(".tmp").isdecimal():
            left.unlink()

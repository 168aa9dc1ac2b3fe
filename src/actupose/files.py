"""Files that are always whole: what stands under a name was written to its end, whatever killed the writer."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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


def hold(path: Path) -> BinaryIO:
    """Open a file to append to, and keep every other process from holding it too.

    The lock is the system's: it ends with this process, however that ends, so none is ever left behind. Where the
    system or the file system has no locks, nobody is kept out.

    Args:
        path: the file; made where it is missing.

    Returns:
        The open file; closing it lets go.

    Raises:
        BlockingIOError: another process holds the file.
        OSError: it cannot be written to.
    """
    file = path.open("ab")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        pass
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            file.close()
            raise
    return file


def is_full(error: OSError) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left behind in a folder and below it; nobody may be writing there."""
    for left in folder.rglob("*.tmp*"):
        if left.is_file() and left.suffix.removeprefix(".tmp").isdecimal():
            left.unlink()

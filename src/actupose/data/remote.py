"""Stores elsewhere: any fsspec URL (``s3://``, ``gs://``, ``hf://``, ``memory://``), copied once to a local cache.

The copy's folder is named by the URL and by the content of ``store.json``, so a store that was made anew under its old
URL never mixes with an older copy. A file is downloaded to a temporary name, checked by its size and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actupose.errors import UserError
from actupose.files import whole_file
from actupose.progress import progress_bar

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}")
_META = "store.json"


def as_url(path: str | Path) -> str | None:
    """The URL that a path stands for, None for a local path.

    `Path` folds the two slashes after the scheme to one; both spellings are taken.
    """
    text = str(path)
    found = _URL.match(text)
    if found is None or Path(text).exists():
        return None
    scheme, rest = found[1], text[found.end() :]
    return f"{scheme}:///{rest.lstrip('/')}" if scheme == "file" else f"{scheme}://{rest}"


def cache_dir() -> Path:
    """Folder of the copies: ``ACTUPOSE_CACHE``, else ``~/.cache/actupose``."""
    named = os.environ.get("ACTUPOSE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "actupose"


def local_copy(path: str | Path, *, shards: bool = True) -> Path:
    """A local folder with the store: the path itself, or the copy of a URL, whose missing files are downloaded.

    Args:
        path: local folder or fsspec URL.
        shards: with False ``store.json`` alone is fetched.

    Raises:
        UserError: the URL's file system cannot be reached or is not installed, there is no store, or a file is broken.
    """
    files = ShardFiles(path)
    if shards:
        files.fetch_all()
    return files.folder


class ShardFiles:
    """The files of one store: those of a URL are copied when they are asked for, ``store.json`` at once.

    Args:
        path: local folder or fsspec URL.
        limit: bytes that `trim` leaves of the copies, which have a folder of their own then; None = they stay.

    Attributes:
        name: the store as the user calls it.
        remote: whether it is at a URL.
        folder: local folder of the store or of its copies.

    Raises:
        UserError: as `local_copy`.
    """

    def __init__(self, path: str | Path, limit: int | None = None) -> None:
        self.name, self._limit = str(path), limit
        url = as_url(path)
        self.remote = url is not None
        self.folder, self._root = Path(path), "" if url is None else url.rstrip("/")
        if self.remote:
            with _told(self._root):
                self.folder = _fetch_meta(
                    _file_system(self._root), self._root, "stores" if limit is None else "streams"
                )

    def fetch_all(self) -> None:
        """Copy the shards that are not here, or here in another size.

        Raises:
            UserError: one is missing, broken, or cannot be read.
        """
        if self.remote:
            with _told(self._root):
                count = _num_shards((self.folder / _META).read_bytes(), self._root)
                _fetch_shards(_file_system(self._root), self._root, self.folder, count)

    def shard(self, index: int) -> Path:
        """Local path of a shard.

        Raises:
            UserError: the URL has no such shard, or cannot be read.
        """
        path = self.folder / "shards" / f"{index:05d}.arrow"
        if self.remote:
            if path.is_file():
                path.touch()  # the youngest are kept
            else:
                files, url = _file_system(self._root), f"{self._root}/shards/{path.name}"
                with _told(self._root):
                    _download(files, url, path, int(files.size(url)))
        return path

    def trim(self, keep: Collection[int]) -> None:
        """Remove the copies that were used longest ago until the rest is within the limit.

        Args:
            keep: shards that stay. Others that are open stay readable until they are closed.
        """
        if not self.remote or self._limit is None:
            return
        kept = {f"{index:05d}.arrow" for index in keep}
        held = [(path, status) for path in (self.folder / "shards").glob("*.arrow") if (status := _stat(path))]
        total = sum(status.st_size for _, status in held)
        for path, status in sorted(held, key=lambda entry: entry[1].st_mtime_ns):
            if total > self._limit and path.name not in kept:
                path.unlink(missing_ok=True)
                total -= status.st_size


def _stat(path: Path) -> os.stat_result | None:
    """Of a file that another process may have removed."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _fetch_meta(files: Any, root: str, kind: str) -> Path:  # noqa: ANN401 - fsspec has no types
    """Folder of the copy, with ``store.json`` in it."""
    raw = files.cat_file(f"{root}/{_META}")
    copy = cache_dir() / kind / hashlib.sha256(root.encode() + b"\0" + raw).hexdigest()[:24]
    (copy / "shards").mkdir(parents=True, exist_ok=True)
    _write(copy / _META, raw)
    return copy


@contextmanager
def _told(root: str) -> Iterator[None]:
    """Turn what a file system raises into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{root}: no such store or file ({error}); check the bucket and the path.") from error
    except UserError:
        raise
    except Exception as error:  # every file system has errors of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{root}: cannot be read ({reason}); check the address and your credentials.") from error


def _file_system(url: str) -> Any:  # noqa: ANN401 - fsspec has no types
    import fsspec

    scheme = url.split(":", 1)[0]
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise UserError(f"{url}: {scheme}:// needs `pip install 'actupose[remote]'` ({error}).") from error
    except ValueError as error:
        raise UserError(f"{url}: '{scheme}://' is no file system known here ({error}).") from error


def _num_shards(raw: bytes, root: str) -> int:
    try:
        return int(json.loads(raw)["num_shards"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{root}/{_META}: is not readable ({error}); make the store again.") from error


def _fetch_shards(files: Any, root: str, copy: Path, count: int) -> None:  # noqa: ANN401 - fsspec has no types
    """Download the shards that the copy lacks or has in another size."""
    listed = files.ls(f"{root}/shards", detail=True)
    sizes = {str(entry["name"]).rsplit("/", 1)[-1]: int(entry["size"]) for entry in listed if entry["size"] is not None}
    with progress_bar(total=count, label=f"fetch {root}") as bar:
        for index in range(count):
            name = f"{index:05d}.arrow"
            if name not in sizes:
                raise UserError(f"{root}/shards/{name}: is missing; upload the store again.")
            held = copy / "shards" / name
            if not (held.is_file() and held.stat().st_size == sizes[name]):
                _download(files, f"{root}/shards/{name}", held, sizes[name])
            bar.update(1)


def _download(files: Any, url: str, path: Path, size: int) -> None:  # noqa: ANN401 - fsspec has no types
    with whole_file(path) as temporary:
        files.get_file(url, str(temporary))
        got = temporary.stat().st_size
        if got != size:
            raise UserError(f"{url}: {got} of {size} bytes arrived; run again, finished shards are kept.")


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)

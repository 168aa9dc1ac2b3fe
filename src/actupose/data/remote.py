"""Stores elsewhere: any fsspec URL (``s3://``, ``gs://``, ``hf://``, ``memory://``), copied once to a local cache.

The copy's folder is named by the URL and by the content of ``store.json``, so a store that was made anew under its old
URL never mixes with an older copy. A file is downloaded to a temporary name, checked by its size and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
    url = as_url(path)
    if url is None:
        return Path(path)
    files = _file_system(url)
    root = url.rstrip("/")
    try:
        raw = files.cat_file(f"{root}/{_META}")
        copy = cache_dir() / "stores" / hashlib.sha256(root.encode() + b"\0" + raw).hexdigest()[:24]
        (copy / "shards").mkdir(parents=True, exist_ok=True)
        _write(copy / _META, raw)
        if shards:
            _fetch_shards(files, root, copy, _num_shards(raw, root))
    except FileNotFoundError as error:
        raise UserError(f"{root}: no such store or file ({error}); check the bucket and the path.") from error
    except UserError:
        raise
    except Exception as error:  # every file system has errors of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{root}: cannot be read ({reason}); check the address and your credentials.") from error
    return copy


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

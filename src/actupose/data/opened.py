"""The stores of a training, each opened once however often it is asked for."""

from __future__ import annotations

from pathlib import Path

from actupose.data.remote import ShardFiles
from actupose.data.store import PoseStore, StoreMeta, open_files, read_meta


class OpenedStores:
    """Opens a store, or reads its description, when it is first asked for; one at a URL is asked for once."""

    def __init__(self) -> None:
        self._files: dict[Path, ShardFiles] = {}
        self._stores: dict[Path, PoseStore] = {}

    def meta(self, path: Path) -> StoreMeta | None:
        """As `read_meta`."""
        return read_meta(self._at(path).folder)

    def store(self, path: Path) -> PoseStore:
        """As `open_store`."""
        if path not in self._stores:
            self._stores[path] = open_files(self._at(path))
        return self._stores[path]

    def _at(self, path: Path) -> ShardFiles:
        if path not in self._files:
            self._files[path] = ShardFiles(path)
        return self._files[path]

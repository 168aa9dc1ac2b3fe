"""The store: a folder of Arrow shards beside one JSON file that says what they hold.

::

    store.json          skeleton, size, source, recipe, number of shards, complete or not
    report.json         counts and the items that were skipped
    shards/00000.arrow  one row a person crop
    shards/00000.json   what was skipped in that shard

Shards are read memory-mapped through Hugging Face `datasets`, so opening millions of rows costs no memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actupose.data.remote import ShardFiles, local_copy
from actupose.errors import UserError
from actupose.files import whole_file
from actupose.skeletons import Skeleton

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

SHARD_DIR = "shards"
FORMAT = 1
_META = "store.json"
_MOST_SHARDS = 10_000_000


@dataclass(frozen=True)
class StoreMeta:
    """What a store holds and what determines its bytes.

    Attributes:
        skeleton: skeleton of the keypoints.
        size: side of the square crops, pixels.
        source: reader or generator, e.g. ``lspet`` or ``synth``.
        recipe: plain data that determines the rows; two stores of one recipe are equal.
        settings: what was set to make it, plain data to make more of the same; no part of `identity`.
    """

    skeleton: Skeleton
    size: int
    source: str
    recipe: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """Everything that determines the rows, as plain data."""
        flat = {f"recipe.{k}": v for k, v in self.recipe.items()}
        return {"size": self.size, "source": self.source, "skeleton": self.skeleton.to_dict(), **flat}

    def fingerprint(self) -> str:
        """Hash of `identity`, the name of these data in run records."""
        text = json.dumps(self.identity(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class StoreReport:
    """What building a store came to."""

    path: Path
    num_items: int
    num_rows: int
    problems: list[str]

    def text(self) -> str:
        """One paragraph for the terminal."""
        lines = [f"{self.path}: {self.num_rows} samples"]
        if self.problems:
            lines.append(f"  skipped {len(self.problems)} of {self.num_items} (listed in {self.path / 'report.json'}):")
            lines += [f"    {p}" for p in self.problems[:5]]
        return "\n".join(lines)


@dataclass(frozen=True)
class PoseStore:
    """An opened store: its description and its memory-mapped rows."""

    path: Path
    meta: StoreMeta
    rows: datasets.Dataset

    def __len__(self) -> int:
        return len(self.rows)


def shard_path(out: Path, index: int) -> Path:
    """Path of a shard's Arrow file."""
    return out / SHARD_DIR / f"{index:05d}.arrow"


def write_json_atomically(path: Path, data: object) -> None:
    """Write JSON so that the file under its name is always whole."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")


def write_table_atomically(path: Path, columns: Mapping[str, Sequence[Any]], num_keypoints: int) -> None:
    """Write one shard as an Arrow stream; no partial file ever stands under ``path``."""
    import pyarrow as pa

    table = pa.table(dict(columns), schema=_schema(num_keypoints, columns))
    with (
        whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)


EXTRA_COLUMNS = ("box", "mask", "depth", "parts", "joints3d", "camera")  # what a store may hold beside its labels


def _extra_types(num_keypoints: int) -> dict[str, pa.DataType]:
    import pyarrow as pa

    camera = {"rotation": 9, "translation": 3, "intrinsics": 9}
    types = (
        pa.list_(pa.float32(), 4),
        pa.binary(),
        pa.binary(),
        pa.binary(),
        pa.list_(pa.float32(), 3 * num_keypoints),
        pa.struct([(name, pa.list_(pa.float64(), count)) for name, count in camera.items()]),
    )
    return dict(zip(EXTRA_COLUMNS, types, strict=True))


def _schema(num_keypoints: int, columns: Iterable[str]) -> pa.Schema:
    import pyarrow as pa

    types = _extra_types(num_keypoints)
    return pa.schema(
        [
            ("image", pa.binary()),
            ("name", pa.string()),
            ("keypoints", pa.list_(pa.float32(), 2 * num_keypoints)),
            ("visible", pa.list_(pa.uint8(), num_keypoints)),
            ("crop", pa.list_(pa.float32(), 6)),
            ("archetype", pa.string()),
            *((name, types[name]) for name in columns if name in types),
        ]
    )


def write_meta(out: Path, meta: StoreMeta, *, num_shards: int, complete: bool) -> None:
    """Write ``store.json``."""
    data = {
        "format": FORMAT,
        "skeleton": meta.skeleton.to_dict(),
        "size": meta.size,
        "source": meta.source,
        "recipe": meta.recipe,
        **({"settings": meta.settings} if meta.settings else {}),
        "num_shards": num_shards,
        "complete": complete,
    }
    write_json_atomically(out / _META, data)


def _read_raw(path: Path) -> dict[str, Any] | None:
    file = path / _META
    if not file.is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: is not readable JSON ({error}); make the store again.") from error
    if not isinstance(data, dict):
        raise UserError(f"{file}: describes no store; make the store again.")
    if data.get("format") != FORMAT:
        raise UserError(
            f"{file}: store format {data.get('format')}, this version reads {FORMAT}; make the store again."
        )
    counted = isinstance(data.get("num_shards"), int) and isinstance(data.get("complete"), bool)
    if not counted or not 0 <= data["num_shards"] < _MOST_SHARDS:
        raise UserError(f"{file}: is damaged (num_shards, complete); make the store again.")
    return data


def _meta_of(raw: Mapping[str, Any], path: Path) -> StoreMeta:
    origin = str(path / _META)
    try:
        skeleton = Skeleton.from_dict(raw["skeleton"], origin=origin)
        recipe, settings = dict(raw["recipe"]), dict(raw.get("settings", {}))
        return StoreMeta(skeleton, int(raw["size"]), str(raw["source"]), recipe, settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{origin}: is damaged ({error!r}); make the store again.") from error


def read_meta(path: Path) -> StoreMeta | None:
    """The description of the store at ``path``, a folder or a URL; None where there is no store.

    Raises:
        UserError: ``store.json`` is broken or of another format, or a URL cannot be read.
    """
    path = local_copy(path, shards=False)
    raw = _read_raw(path)
    return None if raw is None else _meta_of(raw, path)


def open_store(path: str | Path) -> PoseStore:
    """Open a complete store.

    Args:
        path: folder of the store, or an fsspec URL, which is copied to the cache first (`actupose.data.remote`).

    Raises:
        UserError: the folder is missing, is no store, is not complete, or a shard is broken; a URL cannot be read.
    """
    return open_files(ShardFiles(path))


def open_files(files: ShardFiles) -> PoseStore:
    """`open_store` where ``store.json`` has been fetched."""
    files.fetch_all()
    meta, folder = complete_meta(files.folder), files.folder
    num_shards = int((_read_raw(folder) or {})["num_shards"])
    return PoseStore(folder, meta, open_shards([shard_path(folder, i) for i in range(num_shards)]))


def complete_meta(folder: Path, name: str | None = None) -> StoreMeta:
    """The description of a complete store.

    Args:
        folder: where ``store.json`` is.
        name: what the user calls the store; None = the folder.

    Raises:
        UserError: the folder is missing, is no store, or is not complete.
    """
    name = name or str(folder)
    if not folder.is_dir():
        raise UserError(f"{name}: no such folder; make a store with `actupose synth` or `actupose prepare`.")
    raw = _read_raw(folder)
    if raw is None:
        raise UserError(f"{name}: is no store (no {_META}); make one with `actupose synth` or `actupose prepare`.")
    if not raw["complete"] or (folder / "REJECTED.json").is_file():
        raise UserError(f"{name}: the store is not finished; run the command that makes it once more.")
    return _meta_of(raw, folder)


def open_shards(files: Sequence[Path]) -> datasets.Dataset:
    """Memory-map shards as one table.

    The tables are joined before one `datasets.Dataset` is made: one for each shard takes 20 times as long to open.

    Raises:
        UserError: a shard is missing or broken, or is not like the others.
    """
    import datasets
    from datasets.table import MemoryMappedTable, concat_tables

    tables: list[MemoryMappedTable] = []
    for file in files:
        try:
            table = MemoryMappedTable.from_file(str(file))
            table.validate(full=True)  # damaged offsets would end the process where a row is read
        except (OSError, ValueError, NotImplementedError, KeyError) as error:
            raise _broken(file, error) from error
        if tables and table.schema != tables[0].schema:
            raise _broken(file, "its columns are not those of the others")
        tables.append(table)
    try:
        return datasets.Dataset(concat_tables(tables))
    except (ValueError, KeyError, TypeError) as error:  # the columns are not what the file itself says of them
        raise _broken(files[0], str(error).splitlines()[0]) from error


def _broken(file: Path, reason: object) -> UserError:
    return UserError(f"{file}: shard is missing or broken ({reason}); remove it and make the store again.")

"""Export of a store as COCO keypoints JSON beside its images.

::

    annotations/person_keypoints_all.json   what `actupose prepare coco` and pycocotools read
    images/NAME.jpg
    masks/NAME.png  depth/NAME.png  parts/NAME.png   where the store holds them
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from actupose.data.images import open_image
from actupose.data.store import PoseStore, open_store
from actupose.errors import UserError
from actupose.files import remove_leftovers, whole_file
from actupose.progress import progress_bar

_FOLDERS = {"image": ("images", "jpg"), "mask": ("masks", "png"), "depth": ("depth", "png"), "parts": ("parts", "png")}
_CHUNK = 256
_JSON = Path("annotations") / "person_keypoints_all.json"


def export_coco(store: str | Path, out: str | Path) -> Path:
    """Write a labelled store as COCO keypoints; a killed call is mended by calling again.

    Boxes and masks are the store's where it holds them; else the box is that of the labelled keypoints. Joints outside
    the image get `0, 0, 0`, hidden ones visibility 1. The JSON is written last, under its name only when it is whole.

    Args:
        store: folder of a complete store.
        out: new or empty folder, or one that an earlier call for the same data wrote.

    Returns:
        Path of the JSON.

    Raises:
        UserError: no complete store, ``out`` holds something else, or the disk is full.
    """
    opened, out = open_store(store), Path(out)
    _claim(out, opened)
    try:
        for column in opened.rows.column_names:
            if column in _FOLDERS:
                (out / _FOLDERS[column][0]).mkdir(exist_ok=True)
        return _write(opened, out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror}); free some space and run again.") from error


def _claim(out: Path, store: PoseStore) -> None:
    mark = out / ".actupose-export"
    text = store.meta.fingerprint()
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file, not a folder; name another output folder.")
    others = [file for file in out.glob("*") if not file.name.startswith(mark.name)]
    if others and not (mark.is_file() and mark.read_text(encoding="utf-8") == text):
        raise UserError(f"{out}: holds other files; name an empty or new folder for the export.")
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    with whole_file(mark) as temporary:
        temporary.write_text(text, encoding="utf-8")
    (out / "annotations").mkdir(exist_ok=True)


def _write(store: PoseStore, out: Path) -> Path:
    target = out / _JSON
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8") as stream:
        head = {"info": {"description": "made by actupose", "source": store.meta.source}, "licenses": []}
        stream.write(json.dumps({**head, "categories": [_category(store)]})[:-1])
        stream.write(',\n"annotations": [')
        with progress_bar(total=len(store), label=f"export {out.name}") as bar:
            _write_list(stream, (_annotation(store, out, i, row) for i, row in _rows(store, bar)))
        stream.write('],\n"images": [')
        _write_list(stream, (_image(store, i, row) for i, row in _rows(store, None)))
        stream.write("]}\n")
    return target


def _write_list(stream: TextIO, entries: Iterator[dict[str, Any]]) -> None:
    """Entries one a line, so that millions of them need no memory."""
    for i, entry in enumerate(entries):
        stream.write(("," if i else "") + "\n" + json.dumps(entry))


def _rows(store: PoseStore, bar: Any) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401 - a Progress or None
    """Rows counted from 1; without a bar only what describes the image."""
    wanted = [c for c in store.rows.column_names if bar is not None or c in ("name", "camera")]
    table = store.rows.select_columns(wanted).with_format("arrow")
    for start in range(0, len(store), _CHUNK):
        for k, row in enumerate(table[start : start + _CHUNK].to_pylist()):
            yield start + k + 1, row
            if bar is not None:
                bar.update()


def _category(store: PoseStore) -> dict[str, Any]:
    skeleton = store.meta.skeleton
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.limbs],
    }


def _file_name(name: str) -> str:
    """A store's names may be paths of the original data; here they are plain file names."""
    return name.replace("/", "_").replace("\\", "_")


def _image(store: PoseStore, number: int, row: dict[str, Any]) -> dict[str, Any]:
    size = store.meta.size
    entry = {"id": number, "file_name": f"{_file_name(row['name'])}.jpg", "width": size, "height": size}
    return entry | ({"camera": row["camera"]} if "camera" in row else {})


def _annotation(store: PoseStore, out: Path, number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Write the row's pictures and return its annotation."""
    for column, (folder, suffix) in _FOLDERS.items():
        if row.get(column) is not None:
            (out / folder / f"{_file_name(row['name'])}.{suffix}").write_bytes(row[column])
    points = np.asarray(row["keypoints"], np.float64).reshape(-1, 2)
    visible = np.asarray(row["visible"])
    table = np.column_stack([points, visible]) * (visible > 0)[:, None]
    x0, y0, x1, y1 = row.get("box") or _box_of(points[visible > 0], store.meta.size)
    mask = _decode_mask(row["mask"]) if row.get("mask") else None
    entry: dict[str, Any] = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": int((visible > 0).sum()),
        "keypoints": [v for x, y, w in table.tolist() for v in (round(x, 3), round(y, 3), int(w))],
        "bbox": [x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0],  # COCO's corners lie half a pixel before the pixel's index
        "area": float((x1 - x0) * (y1 - y0) if mask is None else mask.sum()),
        "archetype": row["archetype"],
    }
    if mask is not None:
        entry["segmentation"] = {"size": list(mask.shape), "counts": run_lengths(mask)}
    if "joints3d" in row:
        entry["joints3d"] = [round(v, 5) for v in row["joints3d"]]
    return entry


def _box_of(points: NDArray[np.float64], size: int) -> tuple[float, float, float, float]:
    """Box of labelled keypoints in pixel indices, the whole image where there is none."""
    if not len(points):
        return -0.5, -0.5, size - 0.5, size - 0.5
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5


def _decode_mask(data: bytes) -> NDArray[np.bool_]:
    with open_image(data) as image:
        return np.asarray(image) > 0


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed RLE: lengths of runs down the columns, beginning with a run of zeros.

    Args:
        mask: (H, W) bool.
    """
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs

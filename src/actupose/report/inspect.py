"""What a store holds, in numbers and in a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actupose.data.store import PoseStore, open_store
from actupose.errors import UserError
from actupose.report.draw import contact_sheet
from actupose.skeletons.draw import draw_pose

_SHEET_SAMPLES, _SHEET_COLUMNS = 24, 6
_STATISTICS_SAMPLES = 256


def inspect_store(path: str | Path, sheet: str | Path | None = None) -> str:
    """Describe a store and, if asked, draw a sheet of 24 of its samples with their labels.

    Args:
        path: the store.
        sheet: PNG to write.

    Returns:
        A text for the terminal: counts, labels per keypoint, archetypes, scale of the people, colours.

    Raises:
        UserError: there is no whole store, or the sheet cannot be written.
    """
    store = open_store(path)
    labels = read_labels(store)
    parts = [_head(store, labels), _keypoints(store, labels), _archetypes(store), _scales(labels), _colours(store)]
    if sheet is not None:
        write_sheet(store, labels, Path(sheet))
        parts.append(f"sheet: {sheet}")
    return "\n".join(part for part in parts if part)


@dataclass(frozen=True)
class Labels:
    """Label columns of a store of N rows: keypoints (N, K, 2), visible (N, K), crop (N, 2, 3)."""

    keypoints: NDArray[np.float32]
    visible: NDArray[np.uint8]
    crop: NDArray[np.float32]


def read_labels(store: PoseStore) -> Labels:
    """Read the label columns whole, without the images."""
    count, joints = len(store), store.meta.skeleton.num_keypoints
    return Labels(
        _column(store, "keypoints").reshape(count, joints, 2),
        _column(store, "visible").reshape(count, joints),
        _column(store, "crop").reshape(count, 2, 3),
    )


def write_sheet(store: PoseStore, labels: Labels, path: Path) -> None:
    """Draw evenly spaced samples with their labels to a PNG.

    Raises:
        UserError: the file cannot be written.
    """
    chosen = _spread(len(store), _SHEET_SAMPLES)
    skeleton = store.meta.skeleton
    images = [draw_pose(_pixels(store, i), labels.keypoints[i], skeleton, visible=labels.visible[i]) for i in chosen]
    names = [str(store.rows[i]["name"]) for i in chosen]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(images, _SHEET_COLUMNS, names).save(path, "PNG")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot write the sheet ({error}); name another file.") from error


def _head(store: PoseStore, labels: Labels) -> str:
    meta = store.meta
    labelled = int((labels.visible > 0).any(1).sum())
    origin = ", ".join(f"{k} {meta.recipe[k]}" for k in ("reader", "root", "split", "seed") if k in meta.recipe)
    lines = [
        f"{store.path}: {len(store)} samples of {meta.size} x {meta.size} pixels, skeleton {meta.skeleton.name}",
        f"  source {meta.source}" + (f" ({origin})" if origin else "") + f", fingerprint {meta.fingerprint()}",
        f"  labelled samples: {labelled} ({_percent(labelled, len(store))})",
    ]
    return "\n".join(lines)


def _keypoints(store: PoseStore, labels: Labels) -> str:
    """A table of the keypoints: missing, hidden, visible, and the spread of their place."""
    if not labels.visible.any():
        return ""
    count = len(store)
    lines = [
        "  keypoint           missing   hidden  visible   mean x   mean y  (share of samples; place in the crop, 0-1)"
    ]
    for k, name in enumerate(store.meta.skeleton.keypoints):
        shares = [int((labels.visible[:, k] == v).sum()) for v in (0, 1, 2)]
        seen = labels.visible[:, k] > 0
        x, y = (labels.keypoints[seen, k].mean(0) + 0.5) / store.meta.size if seen.any() else (np.nan, np.nan)
        cells = "".join(f"{_percent(s, count):>9}" for s in shares)
        lines.append(f"  {name:<16}{cells}{x:>9.2f}{y:>9.2f}")
    joints = (labels.visible > 0).sum(1)
    lines.append(f"  labelled joints a sample: {joints.min()} to {joints.max()}, mean {joints.mean():.1f}")
    return "\n".join(lines)


def _archetypes(store: PoseStore) -> str:
    import pyarrow.compute as pc

    counted = pc.value_counts(_chunks(store, "archetype")).to_pylist()
    named = sorted(((c["counts"], c["values"]) for c in counted if c["values"]), reverse=True)
    if not named:
        return ""
    return "\n".join(["  archetypes:", *(f"    {v:<24}{n:>8}  {_percent(n, len(store))}" for n, v in named)])


def _scales(labels: Labels) -> str:
    """Side of the crops in original pixels; a small one is a blurred picture of a small person."""
    side = np.sqrt(np.abs(np.linalg.det(labels.crop[:, :, :2].astype(np.float64))))
    low, middle, high = np.percentile(side, (5, 50, 95))
    enlarged = _percent(int((side > 1).sum()), len(side))
    return f"  enlargement of the original: median {middle:.2f} (5 % {low:.2f}, 95 % {high:.2f}); enlarged: {enlarged}"


def _colours(store: PoseStore) -> str:
    pixels = np.stack([_pixels(store, i).reshape(-1, 3) for i in _spread(len(store), _STATISTICS_SAMPLES)]) / 255.0
    mean, std = pixels.mean((0, 1)), pixels.std((0, 1))
    shown = [" ".join(f"{v:.3f}" for v in values) for values in (mean, std)]
    return f"  colour of {len(pixels)} samples (RGB, 0-1): mean {shown[0]}, deviation {shown[1]}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def _spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` different indices, evenly spaced."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, wanted)).round()})


def _pixels(store: PoseStore, index: int) -> NDArray[np.uint8]:
    row = store.rows[index]
    try:
        with Image.open(io.BytesIO(row["image"])) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except OSError as error:
        raise UserError(f"{store.path}: image '{row['name']}' is broken ({error}); make the store again.") from error


def _chunks(store: PoseStore, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    return store.rows.data.table.column(name)


def _column(store: PoseStore, name: str) -> NDArray[Any]:
    """A column of fixed-length lists as one flat array."""
    chunks = [np.asarray(chunk.flatten()) for chunk in _chunks(store, name).chunks]
    return np.concatenate(chunks)

"""What a store holds, in numbers and in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actupose.data.images import open_image
from actupose.data.store import PoseStore, open_store
from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.report.complexity import score_store
from actupose.report.diversity import diversity_figure
from actupose.report.draw import contact_sheet
from actupose.report.duplicates import byte_hash, duplicates_text, look_hash
from actupose.report.sides import sides_text
from actupose.skeletons.draw import draw_pose

_SHEET_SAMPLES, _SHEET_COLUMNS = 24, 6


def inspect_store(
    path: str | Path,
    sheet: str | Path | None = None,
    *,
    diversity: str | Path | None = None,
    n_bins: int = 0,
    images: int = 5000,
) -> str:
    """Describe a store and, if asked, draw a sheet of 24 of its samples with their labels.

    Args:
        path: the store.
        sheet: PNG to write.
        diversity: figure of the poses' diversity to write.
        n_bins: complexity bins to fit with the Pose-VAE; 0 = none.
        images: most pictures to decode, evenly spread.

    Returns:
        A text for the terminal: counts, labels per keypoint, missing and hidden joints, left and right, archetypes,
        sizes of the people, colours, duplicates, complexity bins.

    Raises:
        UserError: there is no whole store, it has no labels where they are asked for, or a file cannot be written.
    """
    if images < 1 or n_bins < 0:
        raise UserError(f"images {images}, bins {n_bins}: at least 1 picture, and no fewer than 0 bins.")
    store = open_store(path)
    labels = read_labels(store)
    if (diversity is not None or n_bins) and not labels.visible.any():
        raise UserError(f"{store.path}: has no labels, so no pose diversity and no complexity bins; leave them out.")
    parts = [_head(store, labels), _keypoints(store, labels), _rates(labels)]
    parts += [sides_text(store.meta.skeleton, labels.keypoints, labels.visible), _archetypes(store)]
    parts += [_sizes(store, labels), *_pictures(store, images)]
    if n_bins:
        parts.append(_indented(f"pose complexity:\n{score_store(store.path, min(n_bins, len(store)), 0, None)}"))
    if diversity is not None:
        diversity_figure(store.path.name, store.meta.skeleton, labels.keypoints, labels.visible, Path(diversity))
        parts.append(f"pose diversity: {diversity}")
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
    width = max(16, *map(len, store.meta.skeleton.keypoints))
    lines = [
        f"  {'keypoint':<{width}}  missing   hidden  visible   mean x   mean y"
        "  (share of samples; place in the crop, 0-1)"
    ]
    for k, name in enumerate(store.meta.skeleton.keypoints):
        shares = [int((labels.visible[:, k] == v).sum()) for v in (0, 1, 2)]
        seen = labels.visible[:, k] > 0
        x, y = (labels.keypoints[seen, k].mean(0) + 0.5) / store.meta.size if seen.any() else (np.nan, np.nan)
        cells = "".join(f"{_percent(s, count):>9}" for s in shares)
        lines.append(f"  {name:<{width}}{cells}{x:>9.2f}{y:>9.2f}")
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


def _rates(labels: Labels) -> str:
    """Shares of samples with a joint hidden, and with some but not all joints labelled (outside, or left out)."""
    seen = labels.visible > 0
    count = int(seen.any(1).sum())
    if not count:
        return ""
    partial, hidden = int((seen.any(1) & ~seen.all(1)).sum()), int((labels.visible == 1).any(1).sum())
    return f"  samples with a joint missing or outside: {_percent(partial, count)}; hidden: {_percent(hidden, count)}"


def _sizes(store: PoseStore, labels: Labels) -> str:
    """Side of the crops in original pixels, and what it was enlarged to; a small one is blurred."""
    enlarged = np.sqrt(np.abs(np.linalg.det(labels.crop[:, :, :2].astype(np.float64))))
    side = store.meta.size / np.maximum(enlarged, 1e-9)
    boxes = ", ".join(f"{q} % {np.percentile(side, q):.0f}" for q in (5, 50, 95))
    low, middle, high = np.percentile(enlarged, (5, 50, 95))
    share = _percent(int((enlarged > 1).sum()), len(enlarged))
    return (
        f"  side of the crop in original pixels: {boxes}\n"
        f"  enlargement of the original: median {middle:.2f} (5 % {low:.2f}, 95 % {high:.2f}); enlarged: {share}"
    )


def _pictures(store: PoseStore, most: int) -> list[str]:
    """What takes decoding: colours, brightness, duplicates."""
    chosen = _spread(len(store), most)
    moments, light, exact, looks, names = np.zeros((2, 3)), [], [], [], []
    with progress_bar(total=len(chosen), label=f"look at {store.path.name}") as bar:
        for i in chosen:
            image = _image(store, i)
            pixels = np.asarray(image, np.float32).reshape(-1, 3) / 255
            moments += np.stack([pixels.mean(0), (pixels**2).mean(0)])
            light.append(float(pixels.mean()))
            row = store.rows[i]
            exact.append(byte_hash(row["image"]))
            looks.append(look_hash(image))
            names.append(str(row["name"]))
            bar.update(1)
    mean, square = moments / len(chosen)
    shown = [" ".join(f"{v:.3f}" for v in values) for values in (mean, np.sqrt(np.maximum(square - mean**2, 0)))]
    low, middle, high = np.percentile(light, (5, 50, 95))
    return [
        f"  colour of {len(chosen)} samples (RGB, 0-1): mean {shown[0]}, deviation {shown[1]}",
        f"  brightness: 5 % {low:.3f}, 50 % {middle:.3f}, 95 % {high:.3f}",
        duplicates_text(names, exact, np.stack(looks), len(store)),
    ]


def _indented(text: str) -> str:
    first, *rest = text.splitlines()
    return "\n".join([f"  {first}", *(f"    {line}" for line in rest)])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def _spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` different indices, evenly spaced."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, wanted)).round()})


def _pixels(store: PoseStore, index: int) -> NDArray[np.uint8]:
    return np.asarray(_image(store, index), np.uint8)


def _image(store: PoseStore, index: int) -> Image.Image:
    row = store.rows[index]
    try:
        with open_image(row["image"]) as image:
            return image.convert("RGB")
    except OSError as error:
        raise UserError(f"{store.path}: image '{row['name']}' is broken ({error}); make the store again.") from error


def _chunks(store: PoseStore, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    return store.rows.data.table.column(name)


def _column(store: PoseStore, name: str) -> NDArray[Any]:
    """A column of fixed-length lists as one flat array."""
    chunks = [np.asarray(chunk.flatten()) for chunk in _chunks(store, name).chunks]
    return np.concatenate(chunks)
